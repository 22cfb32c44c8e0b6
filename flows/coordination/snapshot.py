"""A search at one moment, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Ledger
from satisfice.domain.trials.history import History
from satisfice.tasks.files.live import Running


@dataclass(frozen=True, slots=True)
class View:
    """What the terminal and Prefect's pages show of a search at one moment.

    Attributes:
        phase: What the search is doing.
        history: The finished trials.
        running: The trials in flight.
        ledger: What is spent and reserved.
        decision: The last decision.
        planned: The number of trials of a sweep; None for a search.
    """

    phase: str
    history: History
    running: tuple[Running, ...]
    ledger: Ledger
    decision: Decision
    planned: int | None = None
