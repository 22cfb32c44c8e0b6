"""The loop of a search: ask, order, settle, decide."""
