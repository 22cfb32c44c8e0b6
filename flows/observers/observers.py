"""The observers of a search: the terminal, Prefect's pages and MLflow."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Thread

from prefect.logging import get_run_logger

from satisfice.domain.study import Study
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
class Observers:
    """Shows a search in the terminal, on Prefect's pages and in MLflow, each at its own pace."""

    console: Console
    artifacts: Artifacts
    shipping: Shipping
    _due: dict[str, float] = field(default_factory=dict, init=False)
    _showing: Thread | None = field(default=None, init=False)

    def say(self, text: str) -> None:
        """Print a line in the terminal."""
        self.console.say(text)

    def begin(self, study: Study, search: str) -> None:
        """Begin to show a search."""
        self.console.begin(study, search)

    def show(self, view: View, finished: TrialRecord | None) -> None:
        """Show a search.

        Args:
            view: The search at this moment.
            finished: The trial that has just finished, if one has.
        """
        self.console.show(view, finished)
        if finished is not None:
            get_run_logger().info(line_of(view, finished))
        self.shipping.pulse()
        self._in_prefect(
            "progress", PROGRESS_EVERY, lambda: self.artifacts.progress(view.ledger.share_used)
        )
        if view.history.complete:
            self._in_prefect(
                "leaderboard", LEADERBOARD_EVERY, lambda: self.artifacts.leaderboard(view.history)
            )

    def close(self) -> None:
        """Wait a moment for an update that is under way, and restore the terminal."""
        if self._showing is not None:
            self._showing.join(PATIENCE)
        self.console.close()

    def _in_prefect(self, what: str, every: float, show: Callable[[], None]) -> None:
        now, showing = time.monotonic(), self._showing
        if now < self._due.get(what, 0.0) or (showing is not None and showing.is_alive()):
            return
        self._due[what] = now + every
        # In a thread: if the server has just died, Prefect's client retries for a minute.
        work = (self._try_to_show, what, show)
        self._showing = Thread(target=copy_context().run, args=work, daemon=True)
        self._showing.start()

    def _try_to_show(self, what: str, show: Callable[[], None]) -> None:
        try:
            if reaches_prefect():
                show()
                return
        except Exception:  # noqa: BLE001, S110 - a search must not end because it cannot be shown
            pass
        self._due[what] = time.monotonic() + AFTER_FAILURE
