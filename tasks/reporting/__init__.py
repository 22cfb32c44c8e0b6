"""The report page, its figures, the outcome as Markdown, and Prefect's artifacts."""
