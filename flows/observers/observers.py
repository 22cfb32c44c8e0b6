"""Everybody who watches a search: the terminal, Prefect's pages and MLflow."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Thread

from prefect.logging import get_run_logger

from satisfice.domain.economics.cost import Ledger
from satisfice.domain.trials.history import TrialRecord
from satisfice.flows.coordination.snapshot import View
from satisfice.flows.observers.mlflow_sync import Shipping
from satisfice.flows.terminal.console import Console, line_of
from satisfice.tasks.reporting.prefect_artifacts import Artifacts
from satisfice.tasks.servers.addresses import reaches_prefect

PROGRESS_EVERY = 5.0  # seconds; an update takes Prefect's server 12-33 ms
LEADERBOARD_EVERY = 20.0
AFTER_FAILURE = 60.0
PATIENCE = 5.0


@dataclass
class Watchers:
    """Passes each view on to whoever is due."""

    console: Console
    artifacts: Artifacts
    shipping: Shipping
    _due: dict[str, float] = field(default_factory=dict, init=False)
    _showing: Thread | None = field(default=None, init=False)

    def show(self, view: View, finished: TrialRecord | None) -> None:
        """Show a view; `finished` is the trial that has just ended, if one has."""
        self.console.show(view, finished)
        if finished is not None:
            get_run_logger().info(line_of(view, finished))
        self.shipping.pulse()
        self._in_prefect(
            "progress", PROGRESS_EVERY, lambda: self.artifacts.progress(share_used(view.ledger))
        )
        if view.history.complete:
            self._in_prefect(
                "leaderboard", LEADERBOARD_EVERY, lambda: self.artifacts.leaderboard(view.history)
            )

    def close(self) -> None:
        """Wait a moment for what is under way."""
        if self._showing is not None:
            self._showing.join(PATIENCE)

    def _in_prefect(self, what: str, every: float, show: Callable[[], None]) -> None:
        now, showing = time.monotonic(), self._showing
        if now < self._due.get(what, 0.0) or (showing is not None and showing.is_alive()):
            return
        self._due[what] = now + every
        # In a thread: where the server dies just then, Prefect's client tries for a minute.
        work = (self._try_to_show, what, show)
        self._showing = Thread(target=copy_context().run, args=work, daemon=True)
        self._showing.start()

    def _try_to_show(self, what: str, show: Callable[[], None]) -> None:
        try:
            if reaches_prefect():
                show()
                return
        except Exception:  # noqa: BLE001, S110 - a search does not end because nobody can look at it
            pass
        self._due[what] = time.monotonic() + AFTER_FAILURE


def share_used(ledger: Ledger) -> float:
    """Return the share of the scarcest resource that is used, between 0 and 1."""
    budget, spent = ledger.budget, ledger.spent
    pairs = (
        (ledger.trials, budget.trials),
        (ledger.elapsed, budget.seconds),
        (spent.kwh, budget.kwh),
        (spent.money, budget.money),
    )
    return max((min(used / limit, 1.0) for used, limit in pairs if limit), default=0.0)
