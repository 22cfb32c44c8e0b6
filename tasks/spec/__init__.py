"""`study.yaml` -> `Study`, or an error that names the line."""
