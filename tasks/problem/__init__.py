"""The study's own code and data."""
