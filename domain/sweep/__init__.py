"""The plan of a sweep and its notation."""
