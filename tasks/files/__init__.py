"""The files of a home and of a search."""
