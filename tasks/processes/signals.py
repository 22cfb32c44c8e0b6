"""Signals that ask a process to stop: Ctrl-C, `kill`, or a closed terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

TOLD_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_when_told() -> None:
    """Raise KeyboardInterrupt for any signal that asks this process to stop."""
    for one in TOLD_TO_END:
        signal.signal(one, signal.default_int_handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay such signals, so that a process that is being started is never left behind."""
    held: list[int] = []
    before = {
        one: signal.signal(one, lambda number, _frame: held.append(number)) for one in TOLD_TO_END
    }
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    if held:
        raise KeyboardInterrupt
