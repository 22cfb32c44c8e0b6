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
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import resource_tracker


def open_companion(*modules: str, nice: int = 0) -> ProcessPoolExecutor:
    """Start a process that imports `modules` and then runs what is submitted to it, one by one.

    `nice` makes it give way to others, as the `nice` command does.
    The terminal's Ctrl-C does not reach it, and it ends when this process does, however that dies.
    """
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
    os.nice(nice)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when MLflow is imported
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for module in modules:
        importlib.import_module(module)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
