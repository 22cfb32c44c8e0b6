"""The memory limit of a training process, its memory use, and its heartbeat."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import psutil

from satisfice.tasks.files.events import EventLog
from satisfice.tasks.trial.usage import Usage

Facts: TypeAlias = dict[str, float]

HEARTBEAT_SECONDS = 1.0
MIB = 1 << 20
STACK_MIB = 8  # reserved by each thread of a pool for its stack, used or not

# In messages of the RuntimeErrors that PyTorch's allocators raise when memory runs out.
_NO_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc")


@contextlib.contextmanager
def heartbeats(log: EventLog, usage: Usage, memory: Callable[[], Facts]) -> Iterator[None]:
    """Append a heartbeat to the log every second, from a separate thread.

    Args:
        log: The trial's event log.
        usage: Its seconds and energy.
        memory: Returns its peak memory; from a killed trial only heartbeats report it.
    """
    stop = threading.Event()
    me = psutil.Process()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            # At the memory limit this thread fails like any other, and tries again.
            with contextlib.suppress(MemoryError):
                rss = round(me.memory_info().rss / MIB, 1)
                log.append("heartbeat", rss_mb=rss, measured=memory(), **usage.read().facts())

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def limit_memory(memory_mb: int | None, threads: int) -> None:
    """Make allocations fail once this process has grown by a given amount of memory.

    This works on Linux, where the limit covers all private memory; elsewhere only the supervisor
    watches the resident memory.

    Args:
        memory_mb: The growth in MiB; None: no limit.
        threads: Size of the thread pool, whose stacks are not counted.
    """
    status = Path("/proc/self/status")
    if memory_mb is None or not status.exists():
        return
    now = next(line for line in status.read_text().splitlines() if line.startswith("VmData"))
    most = int(now.split()[1]) * 1024 + (memory_mb + STACK_MIB * threads) * MIB
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def lift_memory_limit() -> None:
    """Remove the limit, so that a process that has reached it can report that."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out, on the CPU or the GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(one in text for one in _NO_MEMORY)


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process without file mappings, in MiB.

    Raises:
        psutil.Error, OSError: The process has exited.
    """
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float(psutil.Process(pid).memory_info().rss) / MIB
    fields = _fields(status)
    return (fields["RssAnon"] + fields["RssShmem"]) / 1024


def memory_needed() -> Callable[[], Facts]:
    """Return a function that measures the peak memory of this process beyond its current memory.

    The kernel keeps the peak of all resident memory. File mappings are subtracted, as they are
    from the limit: they grow while code is first used and hardly ever shrink, so that their last
    size is their size at the peak. GPU memory is not included.

    Returns:
        A function that returns `memory_mb` in MiB, or nothing if the system does not report it.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return dict
    idle = resident_mib(os.getpid())

    def needed() -> Facts:
        fields = _fields(status)
        return {"memory_mb": max((fields["VmHWM"] - fields["RssFile"]) / 1024 - idle, 0.0)}

    return needed


def _fields(status: Path) -> dict[str, int]:
    """Return the sizes in a process's status file, in KiB."""
    lines = (line.split() for line in status.read_text().splitlines() if line.endswith(" kB"))
    return {name.removesuffix(":"): int(size) for name, size, _ in lines}
