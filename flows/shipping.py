"""Keeps MLflow up to date from beside the search, so that no trial waits for it."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from flows.backstage import Backstage
from tasks.tracking import Shipped, ship

PAUSE = 2.0  # seconds between two batches: often enough to watch, seldom enough to cost nothing


@dataclass
class Shipping:
    """Sends what the logs of a search hold to MLflow, one batch at a time.

    Attributes:
        folder: The folder of the search.
        address: The address of MLflow.
        backstage: The processes behind the search, MLflow's among them.
        latest: How the last batch went; None before the first.
    """

    folder: Path
    address: str
    backstage: Backstage
    latest: Shipped | None = field(default=None, init=False)
    _batch: Future[Shipped] | None = field(default=None, init=False)
    _next: float = field(default=0.0, init=False)

    def pulse(self) -> None:
        """Send a batch if the last one is through and some time has passed; never waits."""
        if self._batch is not None and self._batch.done():
            self.latest, self._batch = self._batch.result(), None
            self._next = time.monotonic() + PAUSE
        if self._batch is None and time.monotonic() >= self._next:
            self._batch = self.backstage.tracking.submit(ship, self.folder, self.address)

    def finish(self) -> Shipped:
        """Send all that is left and wait for it."""
        if self._batch is not None:
            self._batch.result()
        self.latest = self.backstage.tracking.submit(ship, self.folder, self.address).result()
        return self.latest
