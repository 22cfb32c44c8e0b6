"""What a training process is held to, and what it says of itself while it runs."""

from __future__ import annotations

import contextlib
import errno
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from tasks.events import EventLog
from tasks.usage import Usage

HEARTBEAT_SECONDS = 1.0
MIB = 1 << 20
STACK_MIB = 8  # what each thread of a pool reserves for its stack, used or not

# How PyTorch's allocators say that there is no more memory, where they raise a RuntimeError.
_NO_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc")


@contextlib.contextmanager
def heartbeats(log: EventLog, usage: Usage) -> Iterator[None]:
    """Append a heartbeat each second, from a thread of its own."""
    enough = threading.Event()
    me = psutil.Process()

    def beat() -> None:
        while not enough.wait(HEARTBEAT_SECONDS):
            # At the memory limit this thread fails like any other, and tries again.
            with contextlib.suppress(MemoryError):
                rss = round(me.memory_info().rss / MIB, 1)
                log.append("heartbeat", rss_mb=rss, **usage.read().facts())

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
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem")) / 1024
