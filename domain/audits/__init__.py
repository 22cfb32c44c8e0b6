"""Whether rules are right, and what they save."""
