"""What a search looks like at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Ledger
from satisfice.domain.trials.history import History
from satisfice.tasks.files.live import Running


@dataclass(frozen=True, slots=True)
class View:
    """What the console and Prefect's pages show of a search at one moment.

    Attributes:
        phase: What it is doing.
        history: The finished trials.
        running: Those in flight.
        ledger: What is spent.
        decision: The last decision.
        planned: How many trials a sweep has; None for a search.
    """

    phase: str
    history: History
    running: tuple[Running, ...]
    ledger: Ledger
    decision: Decision
    planned: int | None = None
