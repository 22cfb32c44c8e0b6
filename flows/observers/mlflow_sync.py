"""Keeps MLflow up to date in the background, so that no trial waits for it."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from satisfice.tasks.search_processes import Backstage
from satisfice.tasks.tracking.shipping import Shipped, ship

PAUSE = 2.0  # seconds between two batches: often enough to watch, and cheap


@dataclass
class Shipping:
    """Sends the event logs of a search to MLflow, one batch at a time.

    Attributes:
        folder: The folder of the search.
        address: The address of MLflow.
        backstage: The processes of the search, including MLflow's.
    """

    folder: Path
    address: str
    backstage: Backstage
    _batch: Future[Shipped] | None = field(default=None, init=False)
    _next: float = field(default=0.0, init=False)

    def pulse(self) -> None:
        """Send a batch if the last one is done and some time has passed; never waits.

        A batch that fails is sent again with the next one; the end of a search reports the rest.
        """
        if self._batch is not None and self._batch.done():
            self._batch, self._next = None, time.monotonic() + PAUSE
        if self._batch is None and time.monotonic() >= self._next:
            with suppress(BrokenProcessPool):
                self._batch = self.backstage.tracking.submit(ship, self.folder, self.address)

    def finish(self) -> Shipped:
        """Send the rest, and wait for it."""
        if self._batch is not None:
            wait([self._batch])
        return self.backstage.tracking.run(ship, self.folder, self.address)
