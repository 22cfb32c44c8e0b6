"""The stages of a search before and after its trials."""
