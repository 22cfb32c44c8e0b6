"""The language of rules: what is written, its types, and how it is checked."""
