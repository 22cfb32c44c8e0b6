"""A process of its own for a heavy library, started early, so that nobody waits for its import.

Great Expectations takes seconds to import, and so does MLflow. Each lives in a companion: a pool of
one process. The coordinator stays small and starts at once, and the imports overlap.
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

RESTARTS = 3  # one that dies again and again has a cause that starting it anew does not mend

_Result = TypeVar("_Result")


class Companion:
    """A process that imports some modules and then runs what is submitted to it, one by one.

    The terminal's Ctrl-C does not reach it, and it ends when this process does, however that dies.
    Where it dies by itself, what it was doing raises `BrokenProcessPool`, and the next submission
    starts it anew.

    Args:
        modules: What it imports before it does anything.
        nice: Makes it give way to others, as the `nice` command does.
    """

    def __init__(self, *modules: str, nice: int = 0) -> None:
        self._modules, self._nice = modules, nice
        self._restarts = 0
        self._lock = threading.Lock()
        self._pool = _open(modules, nice)

    def submit(self, function: Callable[..., _Result], /, *arguments: object) -> Future[_Result]:
        """Have a function run there; it and what goes in and out are pickled."""
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
        """Have a function run there, and wait for what it returns.

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
        """Let the process end once it has done what was submitted."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def __enter__(self) -> Companion:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


def _open(modules: tuple[str, ...], nice: int) -> ProcessPoolExecutor:
    # Where this process is ended at once, Python's own tracker cleans up after it, and says so.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(modules, nice))
    resource_tracker.ensure_running()  # now, since to start it would unblock what follows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # the process inherits it
    try:
        pool.submit(_ready)  # the executor starts its process only when there is something to do
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pool


def _ready() -> None:
    """Do nothing: whoever waits for this knows that the imports are done."""


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
    """Let others go first.

    Linux shares the processor out between sessions first, and looks at niceness within each
    (sched(7), "The autogroup feature"). The trainings are in another session than this process: to
    give way to them it needs one of its own, with a niceness of its own.
    """
    os.nice(nice)
    with suppress(OSError):  # where there are no sessions of that sort, niceness is enough
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(nice))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
