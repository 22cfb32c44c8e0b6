"""The adapters: one outside system each, as plain functions and Prefect tasks."""

if __name__ != "satisfice.tasks":
    raise ImportError(f"this is Satisfice's folder: import satisfice.tasks, not {__name__}")
