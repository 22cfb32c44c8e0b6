"""What a training has used so far: seconds and energy, without the pauses."""

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
    """What all attempts of a trial have used.

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
    """The clock and the meter of one attempt; several threads may read them.

    Where the order states the seconds of an epoch, these replace the clock, and the energy follows
    from them and the stated watts: what is recorded is then the same each time.

    Args:
        order: The order.
        before: What earlier attempts have used.
        watts_per_core: Power of a busy core, for estimates.
    """

    def __init__(self, order: TrialOrder, before: Progress, watts_per_core: float) -> None:
        from satisfice.tasks.energy.meter import Meter

        self.epochs = 0
        self._order = order
        self._watts = watts_per_core
        self._lock = threading.Lock()
        self._seconds, self._kwh = -before.seconds, -before.kwh  # what the readings have too much
        self._meter: Meter | None = None
        if order.epoch_seconds is None:
            self._meter = Meter(watts_per_core)
            self._meter.start()
        self._seconds += time.monotonic()
        self._stopped: Used | None = None

    def read(self) -> Used:
        """Return what was used up to now."""
        with self._lock:
            return self._stopped or self._now()

    def pause(self) -> None:
        """Count nothing from here on."""
        with self._lock:
            self._stopped = self._now()

    def resume(self) -> None:
        """Count again from where `pause` left off."""
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
