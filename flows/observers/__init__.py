"""Who is told how a search goes."""
