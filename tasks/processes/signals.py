"""Being told to end: by Ctrl-C, by `kill`, or by a terminal that is closed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

TOLD_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_when_told() -> None:
    """Raise KeyboardInterrupt, whichever way this process is told to end."""
    for one in TOLD_TO_END:
        signal.signal(one, signal.default_int_handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold it back for a moment: a process that is just being started must not be forgotten."""
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
