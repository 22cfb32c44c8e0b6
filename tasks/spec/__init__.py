"""Reads `study.yaml` into a `Study`, or reports the line of a mistake."""
