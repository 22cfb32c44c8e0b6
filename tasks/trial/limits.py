"""What a training process is held to, and what it says of itself while it runs."""

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
STACK_MIB = 8  # what each thread of a pool reserves for its stack, used or not

# How PyTorch's allocators say that there is no more memory, where they raise a RuntimeError.
_NO_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc")


@contextlib.contextmanager
def heartbeats(log: EventLog, usage: Usage, memory: Callable[[], Facts]) -> Iterator[None]:
    """Append a heartbeat each second, from a thread of its own.

    Args:
        log: The trial's event log.
        usage: What it has used.
        memory: What it is known to have needed; one that is killed tells it by a heartbeat alone.
    """
    enough = threading.Event()
    me = psutil.Process()

    def beat() -> None:
        while not enough.wait(HEARTBEAT_SECONDS):
            # At the memory limit this thread fails like any other, and tries again.
            with contextlib.suppress(MemoryError):
                rss = round(me.memory_info().rss / MIB, 1)
                log.append("heartbeat", rss_mb=rss, measured=memory(), **usage.read().facts())

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def limit_memory(memory_mb: int | None, threads: int) -> None:
    """Let allocations fail beyond what this process has now and so much more.

    It holds on Linux, where the limit covers all private memory; elsewhere the supervisor's look
    at the resident memory has to do.

    Args:
        memory_mb: How much more, in MiB; None: no limit.
        threads: Size of the pool of threads, whose stacks are not counted.
    """
    status = Path("/proc/self/status")
    if memory_mb is None or not status.exists():
        return
    now = next(line for line in status.read_text().splitlines() if line.startswith("VmData"))
    most = int(now.split()[1]) * 1024 + (memory_mb + STACK_MIB * threads) * MIB
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def lift_memory_limit() -> None:
    """Make room again, so that a process at its limit can still say so."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that no memory was left, on the processor or on the GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(one in text for one in _NO_MEMORY)


def resident_mib(pid: int) -> float:
    """Return the memory that a process holds, what it has mapped from files left out, in MiB.

    Raises:
        psutil.Error, OSError: There is no such process any more.
    """
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float(psutil.Process(pid).memory_info().rss) / MIB
    fields = _fields(status)
    return (fields["RssAnon"] + fields["RssShmem"]) / 1024


def memory_needed() -> Callable[[], Facts]:
    """Return a function that tells the most that this process has needed beyond what it has now.

    The kernel keeps the peak of all resident memory; what is mapped from files is taken off, as it
    is from the limit. That grows while code is first used and hardly ever shrinks, so that its last
    size is its size at the peak. A peak on a GPU is not in it.

    Returns:
        A function that returns `memory_mb`, in MiB; nothing where the system does not tell.
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
