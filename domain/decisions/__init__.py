"""The four priced decisions, and what they look at."""
