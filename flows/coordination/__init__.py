"""The trials of a search: propose, order, record, decide."""
