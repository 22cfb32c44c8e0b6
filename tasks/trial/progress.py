"""The state of a trial, built up from the events in its log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.trials.history import CurvePoint
from satisfice.tasks.files.events import Event, read

LOG = "events.jsonl"

_LEAST_CERTAIN = (EnergyMode.UNKNOWN, EnergyMode.ESTIMATED, EnergyMode.MEASURED)


@dataclass
class Progress:
    """The progress of a trial over all of its attempts.

    An attempt that starts at some epoch replaces what an earlier attempt reported from that epoch
    on; the time and energy of the earlier one still count.

    Attributes:
        log: The trial's event log.
        attempt: The last attempt that started; 0 before the first.
        points: The curve by epoch.
        epochs: The number of epochs planned; None until it is known.
        metrics: The last report.
        seconds: Seconds of training, all attempts together.
        kwh: Energy, all attempts together.
        longest: Seconds of the longest epoch.
        paused: Whether it is paused between two epochs.
        trained: Whether `train()` has returned.
        measured: Resources that the process was seen to need, each the maximum over all attempts.
        digests: The digests of all checkpoints that were written.
        end: The event that ended the last attempt; None before it.
    """

    log: Path
    attempt: int = 0
    points: dict[int, CurvePoint] = field(default_factory=dict)
    epochs: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    kwh: float = 0.0
    longest: float = 0.0
    paused: bool = False
    trained: bool = False
    measured: dict[str, float] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)
    end: Event | None = None
    _modes: set[EnergyMode] = field(default_factory=set, repr=False)
    _began: float = field(default=0.0, repr=False)
    _offset: int = field(default=0, repr=False)

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The objective's reports, in order."""
        return tuple(self.points[epoch] for epoch in sorted(self.points))

    @property
    def value(self) -> float | None:
        """The objective's last report."""
        return self.points[max(self.points)].value if self.points else None

    @property
    def energy(self) -> EnergyMode:
        """How `kwh` was obtained: the mode of its least certain part."""
        return min(self._modes, key=_LEAST_CERTAIN.index, default=EnergyMode.UNKNOWN)

    def follow(self) -> bool:
        """Read the new events of the log, and tell whether there were any."""
        events, self._offset = read(self.log, self._offset)
        for event in events:
            self._take(event)
        return bool(events)

    def _take(self, event: Event) -> None:
        self.seconds = max(self.seconds, event.get("seconds", 0.0))
        self.kwh = max(self.kwh, event.get("kwh", 0.0))
        for name, value in event.get("measured", {}).items():
            self.measured[name] = max(self.measured.get(name, 0.0), value)
        if "energy" in event:
            self._modes.add(EnergyMode(event["energy"]))
        match event["kind"]:
            case "started":
                self.attempt, self.end = event["attempt"], None
                self.paused = self.trained = False
                self._began = self.seconds
                self.points = {
                    epoch: point
                    for epoch, point in self.points.items()
                    if epoch < event["from_epoch"]
                }
            case "epoch":
                epoch, seconds = event["epoch"], event["seconds"]
                self.points[epoch] = CurvePoint(epoch, event["value"], seconds)
                self.metrics = event["metrics"]
                self.epochs = event.get("planned")
                self.longest = max(self.longest, seconds - self._began)
                self._began = seconds
            case "paused" | "resumed":
                self.paused = event["kind"] == "paused"
            case "checkpoint":
                self.digests.add(event["digest"])
            case "trained":
                self.trained = True
            case "finished" | "failed":
                self.end = event
