"""Hardware energy counters: RAPL for processors and memory, NVML for GPUs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Unreadable(Exception):
    """A counter is missing or cannot be read; the message says which and why."""


class Rapl:
    """The joules that the machine's processors and memory have used since this was opened.

    The sum of the `package` and `dram` zones: `core` zones are part of a package, and `psys`
    overlaps with both.

    Args:
        root: The folder that holds `sys/class/powercap`.

    Raises:
        Unreadable: There is no such counter, or reading it is not permitted.
    """

    def __init__(self, root: Path) -> None:
        folders = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
        self._total = 0.0
        try:
            self._zones = [_Zone.at(one) for one in folders if _counts(one)]
        except (OSError, ValueError) as fault:
            raise Unreadable(f"RAPL cannot be read: {fault}") from fault
        if not self._zones:
            raise Unreadable("no RAPL on this machine")

    def joules(self) -> float:
        """Return the joules so far.

        Call it at least once per wrap-around of the counter, about every twenty minutes at full
        power.
        """
        try:
            self._total += sum(zone.advance() for zone in self._zones)
        except (OSError, ValueError) as fault:
            raise Unreadable(f"RAPL cannot be read: {fault}") from fault
        return self._total / 1e6


def _counts(zone: Path) -> bool:
    return (zone / "name").read_text().strip().startswith(("package", "dram"))


@dataclass
class _Zone:
    counter: Path
    limit: int
    last: int

    @classmethod
    def at(cls, folder: Path) -> _Zone:
        counter = folder / "energy_uj"
        return cls(counter, _number(folder / "max_energy_range_uj"), _number(counter))

    def advance(self) -> int:
        """Return the microjoules since the last call."""
        before, self.last = self.last, _number(self.counter)
        wrapped = self.last < before
        return self.last - before + (self.limit if wrapped else 0)


def _number(file: Path) -> int:
    return int(file.read_text())


def busy_seconds(root: Path) -> float:
    """Return the busy seconds of all processors together since the machine started.

    Raises:
        Unreadable: `proc/stat` under `root` cannot be read.
    """
    try:
        with (root / "proc/stat").open() as file:
            ticks = file.readline().split()[1:]
        user, nice, system, _idle, _waiting, irq, softirq = map(int, ticks[:7])
    except (OSError, ValueError) as fault:
        raise Unreadable(f"the processors' busy time cannot be read: {fault}") from fault
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Nvml:
    """The joules of the GPUs that this process uses, since this was opened.

    The energy of a GPU shared by several processes is divided evenly among them; then `divided` is
    true, and the figure is an estimate. `devices` is the number of GPUs.

    Args:
        root: The folder that holds `dev/nvidiactl` if a driver is loaded.

    Raises:
        Unreadable: There is no GPU, or it has no counter.
    """

    def __init__(self, root: Path) -> None:
        if not (root / "dev/nvidiactl").exists():
            raise Unreadable("no GPU on this machine")
        import pynvml

        self._nvml: Any = pynvml
        self._last: dict[str, int] = {}
        self._total = 0.0
        self.divided = False
        try:
            pynvml.nvmlInit()
            for index in range(pynvml.nvmlDeviceGetCount()):
                device = pynvml.nvmlDeviceGetHandleByIndex(index)
                energy = pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
                self._last[pynvml.nvmlDeviceGetUUID(device)] = energy
            self.devices = len(self._last)
        except pynvml.NVMLError as fault:
            raise Unreadable(f"the GPU's energy counter cannot be read: {fault}") from fault

    def joules(self) -> float:
        """Return the joules so far."""
        try:
            for uuid in gpus_in_use():
                device = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
                energy = self._nvml.nvmlDeviceGetTotalEnergyConsumption(device)
                users = len(self._nvml.nvmlDeviceGetComputeRunningProcesses(device))
                self.divided = self.divided or users > 1
                self._total += (energy - self._last.get(uuid, energy)) / max(users, 1)
                self._last[uuid] = energy
        except self._nvml.NVMLError as fault:
            raise Unreadable(f"the GPU's energy counter cannot be read: {fault}") from fault
        return self._total / 1e3


def gpus_in_use() -> list[str]:
    """Return the ids (`GPU-...`) of the GPUs on which this process holds memory."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [
        f"GPU-{torch.cuda.get_device_properties(index).uuid}"
        for index in range(torch.cuda.device_count())
        if torch.cuda.memory_reserved(index)
    ]
