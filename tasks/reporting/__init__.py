"""The report page, its figures, and Prefect's artifacts."""
