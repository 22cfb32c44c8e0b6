"""The home, the folder in which Satisfice keeps everything that it writes."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder named by `SATISFICE_HOME`, or `.satisfice` in the working directory."""
    path = Path(os.environ.get("SATISFICE_HOME") or ".satisfice").expanduser().resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def store_url() -> str:
    """Return the address of the Optuna store: `SATISFICE_STORE`, or a SQLite file in the home."""
    return os.environ.get("SATISFICE_STORE") or f"sqlite:///{home() / 'optuna.db'}"


def tracking_url() -> str:
    """Return the address of MLflow: `MLFLOW_TRACKING_URI`, or a SQLite file in the home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow.db'}"


def search_folder(search: str) -> Path:
    """Return the folder of a search; it is created if needed."""
    path = home() / "searches" / search
    path.mkdir(parents=True, exist_ok=True)
    return path


def trial_folder(search: str, number: int) -> Path:
    """Return the folder of a trial; it is created if needed."""
    path = search_folder(search) / "trials" / f"{number:05d}"
    path.mkdir(parents=True, exist_ok=True)
    return path
