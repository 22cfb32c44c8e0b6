"""The seconds and the energy that a training has used, without pauses."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.trial.progress import Progress

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Used:
    """The usage of all attempts of a trial.

    Attributes:
        seconds: Seconds of training.
        kwh: Energy in kilowatt hours.
        energy: How that energy was obtained.
    """

    seconds: float
    kwh: float
    energy: EnergyMode

    def facts(self) -> dict[str, float | str]:
        """Return the entries of an event."""
        return {"seconds": self.seconds, "kwh": self.kwh, "energy": self.energy.value}


class Usage:
    """The clock and the energy meter of one attempt; several threads may read them.

    If the order states the seconds of an epoch, they replace the clock, and the energy is computed
    from them and the stated watts, so that the record is reproducible.

    Args:
        order: The order.
        before: The progress of earlier attempts.
        watts_per_core: Power of a busy core, for estimates.
    """

    def __init__(self, order: TrialOrder, before: Progress, watts_per_core: float) -> None:
        from satisfice.tasks.energy.meter import Meter

        self.epochs = 0
        self._order = order
        self._watts = watts_per_core
        self._lock = threading.Lock()
        self._seconds, self._kwh = -before.seconds, -before.kwh  # subtracted from the readings
        self._meter: Meter | None = None
        if order.epoch_seconds is None:
            self._meter = Meter(watts_per_core)
            self._meter.start()
        self._seconds += time.monotonic()
        self._stopped: Used | None = None

    def read(self) -> Used:
        """Return the usage so far."""
        with self._lock:
            return self._stopped or self._now()

    def pause(self) -> None:
        """Stop counting."""
        with self._lock:
            self._stopped = self._now()

    def resume(self) -> None:
        """Continue counting after `pause`."""
        with self._lock:
            if self._stopped is not None and self._order.epoch_seconds is None:
                now = self._now()
                self._seconds += now.seconds - self._stopped.seconds
                self._kwh += now.kwh - self._stopped.kwh
            self._stopped = None

    def _now(self) -> Used:
        if self._meter is None:
            seconds = self.epochs * (self._order.epoch_seconds or 0.0)
            joules = seconds * self._order.threads * self._watts
            return Used(seconds, joules / JOULES_PER_KWH, EnergyMode.ESTIMATED)
        energy = self._meter.read()
        return Used(time.monotonic() - self._seconds, energy.kwh - self._kwh, energy.mode)
