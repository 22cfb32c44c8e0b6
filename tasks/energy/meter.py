"""The energy that this process has used, measured or estimated."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from satisfice.domain.economics.cost import EnergyMode
from satisfice.tasks.energy.counters import Nvml, Rapl, Unreadable, busy_seconds, gpus_in_use

JOULES_PER_KWH = 3.6e6
MOST_WATTS_PER_PROCESSOR = 50.0  # per logical processor, with its share of package and memory
MOST_WATTS_PER_GPU = 1500.0
COUNTER_LAG = 0.2  # seconds that a counter may lag: NVML updates every 0.1 s
SETTLED_AFTER = 1.0  # busy seconds: the machine's busy time has a resolution of 0.01 s


@dataclass(frozen=True, slots=True)
class Energy:
    """An amount of energy.

    Attributes:
        kwh: Kilowatt hours.
        mode: Measured only if all parts are; a sum with an estimated part is an estimate.
        source: How it was obtained, in words.
    """

    kwh: float
    mode: EnergyMode
    source: str


def plausible(kwh: float, seconds: float, max_watts: float) -> bool:
    """Tell whether a machine of at most `max_watts` can use `kwh` in `seconds`."""
    return math.isfinite(kwh) and 0 <= kwh * JOULES_PER_KWH <= max_watts * seconds


class Meter:
    """The energy that this process, with all of its threads, has used since the start.

    The processors' part is measured by RAPL: the joules of the machine times this process's share
    of the busy processor time, so that parallel trials do not count the same energy twice. If RAPL
    is missing, unreadable (Linux restricts it to root) or implausible, the part is estimated:
    processor seconds times stated watts. GPUs that this process uses are measured by NVML; if that
    fails, their energy is left out, and `source` says so.

    Args:
        watts_per_core: Power of a busy core, for the estimate.
        root: The folder that holds `sys`, `proc` and `dev`.
    """

    def __init__(self, watts_per_core: float, root: Path = Path("/")) -> None:
        self._watts = watts_per_core
        self._root = root
        self.start()

    def start(self) -> None:
        """Start counting from zero."""
        self._processor = _Processor(self._watts, self._root)
        self._gpu = _Gpu(self._root)

    def read(self) -> Energy:
        """Return the energy since the start; it never decreases."""
        parts = [self._processor.read()]
        if gpus_in_use():
            parts.append(self._gpu.read())
        return Energy(
            sum(part.kwh for part in parts),
            EnergyMode.MEASURED
            if all(part.mode is EnergyMode.MEASURED for part in parts)
            else EnergyMode.ESTIMATED,
            "; ".join(part.source for part in parts),
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """Readings of the clocks and the counter, each with its own zero.

    Attributes:
        clock: Wall-clock seconds.
        own: Processor seconds of this process.
        busy: Processor seconds of the machine.
        joules: Joules of the machine.
    """

    clock: float
    own: float
    busy: float = 0.0
    joules: float = 0.0


class _Processor:
    """The processors' part of a meter, measured as long as the counter is plausible."""

    def __init__(self, watts: float, root: Path) -> None:
        self._watts = watts
        self._root = root
        self._rapl: Rapl | None = None
        self._settled = self._shown = 0.0
        self._source = "RAPL, by share of busy processor time"
        try:
            self._rapl = Rapl(root)
        except Unreadable as fault:
            self._switch_to_estimate(str(fault))
        self._mark = self._look()

    def read(self) -> Energy:
        now = self._look()
        joules = self._settled + self._between(self._mark, now)
        # A share of a few ticks is coarse: a short interval is counted again with the next one.
        if self._rapl is None or now.busy - self._mark.busy >= SETTLED_AFTER:
            self._settled, self._mark = joules, now
        self._shown = max(self._shown, joules)
        mode = EnergyMode.ESTIMATED if self._rapl is None else EnergyMode.MEASURED
        return Energy(self._shown / JOULES_PER_KWH, mode, self._source)

    def _look(self) -> _Moment:
        clock, own = time.monotonic(), time.process_time()
        if self._rapl is not None:
            try:
                return _Moment(clock, own, busy_seconds(self._root), self._rapl.joules())
            except Unreadable as fault:
                self._switch_to_estimate(str(fault))
        return _Moment(clock, own)

    def _between(self, mark: _Moment, now: _Moment) -> float:
        own = now.own - mark.own
        if self._rapl is None:
            return own * self._watts
        joules, seconds = now.joules - mark.joules, now.clock - mark.clock + COUNTER_LAG
        most = (os.cpu_count() or 1) * MOST_WATTS_PER_PROCESSOR
        if not plausible(joules / JOULES_PER_KWH, seconds, most):
            self._switch_to_estimate(f"RAPL's {joules:.0f} J in {seconds:.1f} s are implausible")
            return own * self._watts
        busy = max(now.busy - mark.busy, own)
        return joules * own / busy if busy else 0.0

    def _switch_to_estimate(self, why: str) -> None:
        self._rapl = None
        self._source = f"estimate of {self._watts:g} W per busy core ({why})"


class _Gpu:
    """The GPUs' part of a meter."""

    def __init__(self, root: Path) -> None:
        self._nvml: Nvml | None = None
        self._source = "NVML"
        self._began, self._joules = time.monotonic(), 0.0
        try:
            self._nvml = Nvml(root)
        except Unreadable as fault:
            self._leave_out(str(fault))

    def read(self) -> Energy:
        if self._nvml is not None:
            try:
                self._advance(self._nvml)
            except Unreadable as fault:
                self._leave_out(str(fault))
        whole = self._nvml is not None and not self._nvml.divided
        mode = EnergyMode.MEASURED if whole else EnergyMode.ESTIMATED
        return Energy(self._joules / JOULES_PER_KWH, mode, self._source)

    def _advance(self, nvml: Nvml) -> None:
        joules, seconds = nvml.joules(), time.monotonic() - self._began + COUNTER_LAG
        if plausible(joules / JOULES_PER_KWH, seconds, MOST_WATTS_PER_GPU * nvml.devices):
            self._joules = joules
            self._source = "NVML, divided by processes" if nvml.divided else "NVML"
        else:
            self._leave_out(f"NVML's {joules:.0f} J in {seconds:.1f} s are implausible")

    def _leave_out(self, why: str) -> None:
        self._nvml = None
        self._source = f"GPU not counted ({why})"
