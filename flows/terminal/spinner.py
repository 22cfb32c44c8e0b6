"""A progress bar for steps that take more than a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

_PATIENCE = 1.0  # seconds before it is shown


@contextmanager
def waiting(for_what: str, steps: int | None = None) -> Iterator[Callable[[], None]]:
    """Show a progress bar after a second; outside a terminal, show nothing.

    Args:
        for_what: What is being waited for.
        steps: The number of steps; None where it is not known.

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
        begin.join()  # it may be starting right now
        progress.stop()
