"""What shows a search while it runs."""
