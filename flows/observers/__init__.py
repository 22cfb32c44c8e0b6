"""What shows a search while it runs; apart from the terminal, which is one of several."""
