"""A separate process for a heavy library, started early, so that nothing waits for its import.

Great Expectations and MLflow each take seconds to import. Each lives in a companion: a pool of one
process. The coordinator stays small and starts at once, and the imports overlap.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TypeVar

from satisfice.domain.errors import ExternalSystemError

RESTARTS = 3  # a process that keeps dying has a cause that a restart does not remove

_Result = TypeVar("_Result")


class Companion:
    """A process that imports some modules and then runs submitted functions one at a time.

    The terminal's Ctrl-C does not reach it, and it exits when this process does, even if that is
    killed. If it dies by itself, the pending call raises `BrokenProcessPool`, and the next
    submission restarts it.

    Args:
        modules: Names of the modules that it imports first.
        nice: Lowers its priority, as the `nice` command does.
    """

    def __init__(self, *modules: str, nice: int = 0) -> None:
        self._modules, self._nice = modules, nice
        self._restarts = 0
        self._lock = threading.Lock()
        self._pool = _open(modules, nice)

    def submit(self, function: Callable[..., _Result], /, *arguments: object) -> Future[_Result]:
        """Run a function there; the function, its arguments and its result are pickled."""
        with self._lock:
            try:
                return self._pool.submit(function, *arguments)
            except BrokenProcessPool:
                if self._restarts == RESTARTS:
                    raise
                self._restarts += 1
                self._pool = _open(self._modules, self._nice)
                return self._pool.submit(function, *arguments)

    def run(self, function: Callable[..., _Result], /, *arguments: object) -> _Result:
        """Run a function there and return its result.

        Raises:
            ExternalSystemError: The process died meanwhile.
        """
        try:
            return self.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise ExternalSystemError(
                f"the process that holds {', '.join(self._modules)} has died",
                "If the machine ran out of memory, free some of it, and try again.",
            ) from None

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        """Let the process exit once it has run what was submitted."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def __enter__(self) -> Companion:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


def _open(modules: tuple[str, ...], nice: int) -> ProcessPoolExecutor:
    # If this process is killed, Python's resource tracker cleans up after it and would warn.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(modules, nice))
    resource_tracker.ensure_running()  # now: starting it resets the signal mask that is set next
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # the process inherits it
    try:
        pool.submit(_ready)  # the executor starts its process with the first task
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pool


def _ready() -> None:
    """Do nothing: when this has returned, the imports are done."""


def _begin(modules: tuple[str, ...], nice: int) -> None:
    if nice:
        _give_way(nice)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when MLflow is imported
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for module in modules:
        importlib.import_module(module)


def _give_way(nice: int) -> None:
    """Lower the priority of this process.

    Linux divides processor time between sessions first, and applies niceness within each
    (sched(7), "The autogroup feature"). Trainings run in other sessions than this process: to yield
    to them it needs its own session with its own niceness.
    """
    os.nice(nice)
    with suppress(OSError):  # without autogroups, niceness is enough
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(nice))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
