"""The imperative shell: one module per outside system, each a thin task over plain functions."""
