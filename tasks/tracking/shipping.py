"""Brings MLflow up to date with a search's event logs.

The logs are the spool. Shipping continues where it stopped, so that nothing is lost while a server
is unreachable. After a crash the same facts are sent again, which does no harm: runs are looked up
by their tags before they are created, and a point with the same name, value, time and step is the
same point.

Runs in the tracking companion: MLflow is imported where it is used.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from satisfice.domain.summary import SearchSummary
from satisfice.tasks.tracking.connection import (
    away,
    in_short,
    let_read_and_write,
    open_client,
    page,
)
from satisfice.tasks.tracking.event_writer import EventWriter
from satisfice.tasks.tracking.run_summary import describe
from satisfice.tasks.tracking.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient

SLICE = 100  # events of the journal per saved position: at most so many are sent again
DATA_DOCS = "data"  # the folder of the data docs among a run's files

# Searches whose spool knows all of their runs: nothing has failed since this process shipped them
# last. For all others the server is asked before a run is created.
_known: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Shipped:
    """How much of a search is in MLflow.

    Attributes:
        run: Id of the parent run; empty before there is one.
        url: Its page (`.../#/experiments/1/runs/abc`); empty before there is one.
        behind: Whether something could not be written; the next call sends it.
        waiting: The number of events that have not been written.
        reason: Why, or what MLflow rejected for good; empty if all is well.
    """

    run: str
    url: str
    behind: bool
    waiting: int
    reason: str


def prepare(uri: str) -> None:
    """Create MLflow's database if there is none, which takes seconds the first time.

    An unreachable server is not an error here: shipping reports it and catches up later.
    """
    client = open_client(uri)
    try:
        client.search_experiments(max_results=1)
        let_read_and_write(uri)
    except away():
        return


def ship(folder: Path, uri: str) -> Shipped:
    """Write to MLflow what is new in a search's logs.

    Args:
        folder: The folder of the search.
        uri: The address of MLflow: a server, or a database.

    Returns:
        How much is in MLflow: `behind` if the server is unreachable, which is never an error.
    """
    client = open_client(uri)
    spool = Spool.load(folder)
    try:
        spool = _catch_up(client, uri, folder, spool)
    except away() as error:
        _known.discard(folder)
        spool = Spool.load(folder)
        return _shipped(uri, spool, spool.waiting(folder), f"MLflow at {uri}: {in_short(error)}")
    return _shipped(uri, spool, 0, "")


def log_outcome(
    folder: Path, uri: str, summary: SearchSummary, report: Path | None, docs: Path | None
) -> Shipped:
    """Add the outcome of a search and its documents to the parent run.

    Args:
        folder: The folder of the search.
        uri: The address of MLflow.
        summary: The search.
        report: The report page, if there is one.
        docs: The data docs page, if there is one.

    Returns:
        How much is in MLflow; `behind` if the server is unreachable. Calling again is safe.
    """
    shipped = ship(folder, uri)
    if shipped.behind or not shipped.run:
        return shipped
    client = open_client(uri)
    try:
        describe(summary).send(client, shipped.run)
        client.log_text(shipped.run, summary.study.text, "study.yaml")
        if report is not None:
            client.log_artifact(shipped.run, str(report))
        if docs is not None:
            client.log_artifact(shipped.run, str(docs), DATA_DOCS)
    except away() as error:
        reason = f"the outcome is not in MLflow at {uri}: {in_short(error)}"
        return Shipped(shipped.run, shipped.url, True, 0, reason)
    return shipped


def _shipped(uri: str, spool: Spool, waiting: int, reason: str) -> Shipped:
    url = page(uri, spool.experiment, spool.run) if spool.run else ""
    return Shipped(spool.run, url, bool(reason), waiting, reason or "; ".join(spool.refused))


def _catch_up(client: MlflowClient, uri: str, folder: Path, spool: Spool) -> Spool:
    """Ship slice by slice; the position is saved once the server has a whole slice."""
    events, end = spool.unshipped(folder)
    while True:
        part, events = events[:SLICE], events[SLICE:]
        # On a copy: if a slice fails halfway, the spool must not hold half of it.
        writer = EventWriter(client, uri, folder, deepcopy(spool), known=folder in _known)
        writer.write(part)
        after = writer.spool
        after.journal, after.events = (
            (after.journal, after.events + len(part)) if events else (end, 0)
        )
        if after != spool:
            after.save(folder)
        spool = after
        if not events:
            _known.add(folder)
            return spool
