"""What a search looks like at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from domain.cost import Ledger
from domain.decision import Decision
from domain.history import History
from tasks.live import Running


@dataclass(frozen=True, slots=True)
class View:
    """What the console and Prefect's pages show of a search at one moment."""

    phase: str
    history: History
    running: tuple[Running, ...]
    ledger: Ledger
    decision: Decision
