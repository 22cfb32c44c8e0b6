"""Showing that something takes its time, to a person who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

_PATIENCE = 1.0  # seconds in which nothing is shown: what is over by then needs no progress bar


@contextmanager
def waiting(for_what: str, steps: int | None = None) -> Iterator[Callable[[], None]]:
    """Show what is waited for once that has taken a second; without a terminal, show nothing.

    Args:
        for_what: What is waited for.
        steps: In how many steps it is done, where that is known.

    Yields:
        A function to call after each step.
    """
    screen = Console(stderr=True)
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    counted = [] if steps is None else [BarColumn(), MofNCompleteColumn()]
    progress = Progress(*columns, *counted, console=screen, transient=True)
    task = progress.add_task(for_what, total=steps)
    if not screen.is_terminal:
        yield lambda: None
        return
    begin = threading.Timer(_PATIENCE, progress.start)
    begin.start()
    try:
        yield partial(progress.advance, task)
    finally:
        begin.cancel()
        begin.join()  # it may be about to begin just now
        progress.stop()
