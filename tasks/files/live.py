"""The coordinator's view of running trials, from their event logs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from satisfice.tasks.files import events

if TYPE_CHECKING:
    from pathlib import Path

    from satisfice.domain.space.space import Params


@dataclass(frozen=True, slots=True)
class Running:
    """A running trial, according to its log.

    Attributes:
        number: The trial's number.
        params: Its parameters.
        epoch: The last epoch that it reported; 0 before the first.
        value: The objective at that epoch; None before the first.
        seconds: Seconds of training so far.
        kwh: Energy so far.
        paused: Whether it is paused between two epochs.
    """

    number: int
    params: Params
    epoch: int = 0
    value: float | None = None
    seconds: float = 0.0
    kwh: float = 0.0
    paused: bool = False


@dataclass
class LiveView:
    """Follows the event logs of all running trials; each line is read once."""

    _trials: dict[int, Running] = field(default_factory=dict)
    _logs: dict[int, tuple[Path, int]] = field(default_factory=dict)

    def follow(self, number: int, params: Params, log: Path) -> None:
        """Start following a trial, from the current end of its log."""
        self._trials[number] = Running(number, params)
        self._logs[number] = (log, log.stat().st_size if log.exists() else 0)

    def forget(self, number: int) -> None:
        """Stop following a trial."""
        del self._trials[number], self._logs[number]

    def refresh(self) -> tuple[Running, ...]:
        """Read what is new, and return all running trials by number."""
        for number, (log, read) in self._logs.items():
            news, offset = events.read(log, read)
            self._logs[number] = (log, offset)
            for event in news:
                self._trials[number] = _after(self._trials[number], event)
        return tuple(self._trials[number] for number in sorted(self._trials))


def _after(trial: Running, event: events.Event) -> Running:
    match event["kind"]:
        case "epoch":
            return replace(
                trial,
                epoch=event["epoch"],
                value=event["value"],
                seconds=event["seconds"],
                kwh=event.get("kwh", trial.kwh),
            )
        case "heartbeat":
            return replace(trial, seconds=max(trial.seconds, event["seconds"]))
        case "paused":
            return replace(trial, paused=True)
        case "resumed":
            return replace(trial, paused=False)
    return trial
