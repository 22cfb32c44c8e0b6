"""The connection to MLflow: its client, its errors, and its limits on names and sizes.

Runs in the tracking companion: MLflow is imported where it is used.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from satisfice.tasks.files.home import home

if TYPE_CHECKING:
    from mlflow import MlflowClient

# By default MLflow retries for minutes, and a search would wait for an unreachable server.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_METRICS_A_CALL = 800  # with 100 parameters and 100 tags: MLflow's limit of 1,000 entities
_PARAMS_A_CALL = 100
_LONGEST_VALUE = 5000
_LONGEST_NAME = 250
_SQLITE = "sqlite:///"


def open_client(uri: str) -> MlflowClient:
    """Return a client of the server or the database at an address, with short timeouts."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    # Its log lines would disturb the terminal's live view.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def pointed_at(uri: str) -> Iterator[None]:
    """Make MLflow's model functions use this address, which they take from global state."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # back to the environment variable
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def let_read_and_write(uri: str) -> None:
    """Turn on write-ahead logging for a SQLite database, so that readers never block writers."""
    if uri.startswith(_SQLITE):
        with suppress(sqlite3.Error), closing(sqlite3.connect(uri.removeprefix(_SQLITE))) as base:
            base.execute("PRAGMA journal_mode = WAL")


def away() -> tuple[type[Exception], ...]:
    """Return the exceptions that mean that MLflow is unreachable or answers wrongly."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError


def is_refusal(error: Exception) -> bool:
    """Tell whether MLflow rejected a request for good, so that retrying is useless."""
    code = getattr(error, "error_code", "")
    return code in {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST"}


def in_short(error: BaseException) -> str:
    """Return the root cause of an error in one line: `[Errno 111] Connection refused`."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def page(uri: str, experiment: str, run: str) -> str:
    """Return a run's page; for a database, the part after `#` is valid on any MLflow server."""
    return f"{uri.rstrip('/')}/#/experiments/{experiment}/runs/{run}"


def open_experiment(client: MlflowClient, uri: str, name: str) -> str:
    """Return the id of a study's experiment; create or restore it if needed."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=_artifacts(uri)))
        except MlflowException:  # another search of this study has just created it
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _artifacts(uri: str) -> str | None:
    """Return the folder for artifacts, beside a local database; None if a server decides."""
    if uri.startswith(("http://", "https://")):
        return None
    database = Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None
    folder = database.resolve().parent if database else home()
    return (folder / "mlartifacts").as_uri()


def name_of(text: str) -> str:
    """Return the closest name that MLflow accepts for a metric, a parameter or a tag."""
    name = re.sub(r"[^\w\-. :/]", "_", text)[:_LONGEST_NAME]
    normal = str(PurePosixPath(name)) == name and ".." not in name and not name.startswith("/")
    return name if normal and name not in {"", "."} else name.replace("/", "_").replace("..", "_")


@dataclass
class Batch:
    """Entries to write to one run.

    Attributes:
        metrics: Name, value, seconds since the epoch, step.
        params: Strings by name.
        tags: Strings by name.
    """

    metrics: list[tuple[str, float, float, int]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def measure(self, values: Iterable[tuple[str, float]], at: float, step: int) -> None:
        """Add metrics with the same time and step."""
        self.metrics += ((name, value, at, step) for name, value in values)

    def send(self, client: MlflowClient, run: str) -> None:
        """Write everything, in as few calls as MLflow's limits allow."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = iter(
            [
                Metric(name_of(name), value, int(at * 1000), step)
                for name, value, at, step in self.metrics
            ]
        )
        params = iter([Param(name_of(k), str(v)[:_LONGEST_VALUE]) for k, v in self.params.items()])
        tags = iter([RunTag(name_of(k), str(v)[:_LONGEST_VALUE]) for k, v in self.tags.items()])
        while True:
            part: tuple[list[Any], list[Any], list[Any]] = (
                list(islice(metrics, _METRICS_A_CALL)),
                list(islice(params, _PARAMS_A_CALL)),
                list(islice(tags, _PARAMS_A_CALL)),
            )
            if not any(part):
                return
            client.log_batch(run, *part)
