"""What happens before and after the loop of a search."""
