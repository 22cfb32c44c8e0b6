"""How much of a search's event logs has reached MLflow: where shipping continues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satisfice.domain.trials.history import Purpose
from satisfice.tasks.files.atomic import write_whole
from satisfice.tasks.files.codec import from_json, to_json
from satisfice.tasks.files.events import Event, read

FILE = "shipped.json"
JOURNAL = "journal.jsonl"


@dataclass
class OpenTrial:
    """A trial whose end has not been shipped yet.

    Attributes:
        run: Its MLflow run.
        offset: Bytes of its log that have been shipped.
        epoch: The last epoch that has been shipped; a resumed attempt may repeat earlier ones.
        curves: The metrics that it reports by epoch.
        purpose: Its purpose.
    """

    run: str
    offset: int = 0
    epoch: int = 0
    curves: list[str] = field(default_factory=list)
    purpose: str = Purpose.SEARCH


@dataclass
class Spool:
    """What the server has accepted of one search.

    It is saved after the server has accepted something, never before: after a crash in between,
    the same is sent again, and runs are looked up before any is created. Finished trials are
    dropped, so that it stays small.

    Attributes:
        experiment: The MLflow experiment.
        run: The parent run; empty before the journal's first event was shipped.
        journal: Bytes of the journal before the events that `events` counts.
        events: Events after that offset that have also been shipped.
        highest: The highest trial number seen; -1 before the first.
        open: Running trials, by number.
        metric: The objective's metric.
        sign: 1 where a larger value is better, -1 where a smaller one is.
        finished: The number of finished trials that compete for the incumbent.
        incumbent: The best value of a finished trial; None before the first.
        spent: The total cost of all finished trials, by the name of the cost.
        refused: What the server rejected, in words.
    """

    experiment: str = ""
    run: str = ""
    journal: int = 0
    events: int = 0
    highest: int = -1
    open: dict[str, OpenTrial] = field(default_factory=dict)
    metric: str = ""
    sign: float = 1.0
    finished: int = 0
    incumbent: float | None = None
    spent: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> Spool:
        """Read the position; a missing or broken file means that nothing has been shipped."""
        try:
            return from_json(cls, (folder / FILE).read_bytes())
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def save(self, folder: Path) -> None:
        """Write the file atomically."""
        write_whole(folder / FILE, to_json(self).encode())

    def waiting(self, folder: Path) -> int:
        """Return the number of events that the server has not accepted yet."""
        journal, _ = self.unshipped(folder)
        offsets = {number: one.offset for number, one in self.open.items()}
        for event in journal:
            if event["kind"] == "trial":
                offsets.setdefault(str(event["number"]), 0)
        logs = (read(trial_log(folder, number), at)[0] for number, at in offsets.items())
        return len(journal) + sum(map(len, logs))

    def unshipped(self, folder: Path) -> tuple[list[Event], int]:
        """Return the journal's events that have not been shipped, and the offset after them."""
        events, end = read(folder / JOURNAL, self.journal)
        return events[self.events :], end


def trial_log(folder: Path, number: int | str) -> Path:
    """Return the event log of a trial of this search."""
    return folder / "trials" / f"{int(number):05d}" / "events.jsonl"


def numbers(facts: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numeric entries of a mapping and skip all others; None is empty."""
    for name, value in (facts or {}).items():
        if isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)
