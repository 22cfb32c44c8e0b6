"""How much of a search's event logs has reached MLflow: the place where shipping goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from satisfice.domain.trials.history import Purpose
from satisfice.tasks.files.atomic import write_whole
from satisfice.tasks.files.events import Event, read

FILE = "shipped.json"
JOURNAL = "journal.jsonl"


@dataclass
class OpenTrial:
    """A trial whose end has not been shipped yet.

    Attributes:
        run: Its MLflow run.
        offset: Bytes of its log that have been shipped.
        epoch: The last epoch that has been shipped; one that a resumed attempt repeats is not new.
        curves: The metrics that it reports by epoch.
        purpose: What it is for.
    """

    run: str
    offset: int = 0
    epoch: int = 0
    curves: list[str] = field(default_factory=list)
    purpose: str = Purpose.SEARCH


@dataclass
class Spool:
    """What the server has accepted of one search.

    It is saved after the server accepted, never before: what a crash cuts off in between is sent
    again, and the runs are looked up before any is made. Finished trials are dropped from it, so it
    stays small however many there are.

    Attributes:
        experiment: The MLflow experiment.
        run: The parent run; empty before the journal's first event was shipped.
        journal: Bytes of the journal before the events that `events` counts.
        events: Events after that offset that have been shipped as well.
        highest: The highest trial number seen; -1 before the first.
        open: Trials under way, by number.
        metric: The objective's metric.
        sign: 1 where a larger value is better, -1 where a smaller one is.
        finished: Trials of the search proper that have ended.
        incumbent: The best value of a finished trial; None before the first.
        spent: What all finished trials took, by name of the cost.
        refused: What the server would not take, in words; shown to whoever asks.
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
        """Read how far a search has been shipped; a missing or broken file means: not at all."""
        try:
            facts = json.loads((folder / FILE).read_text())
            facts["open"] = {key: OpenTrial(**one) for key, one in facts["open"].items()}
            return cls(**facts)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def save(self, folder: Path) -> None:
        """Write the file in one stroke."""
        write_whole(folder / FILE, json.dumps(asdict(self), separators=(",", ":")).encode())

    def waiting(self, folder: Path) -> int:
        """Count the events that the server has not accepted yet."""
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
    """Return where a trial of this search writes its events."""
    return folder / "trials" / f"{int(number):05d}" / "events.jsonl"


def numbers(facts: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numeric entries of a mapping; whatever else it holds, or is, is passed over."""
    for name, value in (facts or {}).items():
        if isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)
