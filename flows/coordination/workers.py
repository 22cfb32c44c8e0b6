"""The workers of a search: orders in flight, their event logs, and their results."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.tasks.files.live import LiveView, Running
from satisfice.tasks.trial.progress import LOG


class Future(Protocol):
    """What submitting an order returns."""

    def result(self) -> TrialResult:
        """Return the result; raises what the worker raised."""

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Call `fn` once the result is available."""


@dataclass(frozen=True, slots=True)
class _Flight:
    order: TrialOrder
    future: Future


class Workers:
    """Gives orders to workers and collects their results.

    Args:
        submit: Gives an order to a worker.
        count: Number of trials that run at the same time.
    """

    def __init__(self, submit: Callable[[TrialOrder], Future], count: int) -> None:
        self._submit, self._count = submit, count
        self._live = LiveView()
        self._flights: dict[int, _Flight] = {}
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()

    @property
    def orders(self) -> tuple[TrialOrder, ...]:
        """The orders in flight."""
        return tuple(one.order for one in self._flights.values())

    @property
    def free(self) -> int:
        """The number of workers without an order."""
        return self._count - len(self._flights)

    def running(self) -> tuple[Running, ...]:
        """Return the trials in flight, as far as their event logs tell."""
        return self._live.refresh()

    def give(self, order: TrialOrder) -> None:
        """Give an order to a worker."""
        self._live.follow(order.number, order.params, Path(order.folder) / LOG)
        future = self._submit(order)
        self._flights[order.number] = _Flight(order, future)
        future.add_done_callback(lambda _future: self._done.put(order.number))

    def wait(self, seconds: float) -> tuple[TrialOrder, TrialResult | Exception] | None:
        """Wait for the next result, or for what its worker raised; None where none comes in time.

        Args:
            seconds: How long to wait.
        """
        try:
            number = self._done.get(timeout=seconds)
        except queue.Empty:
            return None
        flight = self._flights.pop(number)
        self._live.forget(number)
        try:
            return flight.order, flight.future.result()
        except Exception as error:  # noqa: BLE001 - a lost worker must not end the search
            return flight.order, error
