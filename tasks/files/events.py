"""Append-only event logs with one JSON object a line, for the live view and for MLflow."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass
class EventLog:
    """The writing end of a log.

    Each line is written by one system call, so that lines never mix. A line that a killed process
    left unfinished is terminated by the next writer and skipped by readers.
    """

    path: Path
    _file: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_RDWR, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def append(self, kind: str, **facts: Any) -> None:
        """Write one event with the time (`at`, seconds since the epoch, UTC)."""
        line = json.dumps({"kind": kind, "at": time.time(), **facts}, separators=(",", ":"))
        os.write(self._file, line.encode() + b"\n")

    def close(self) -> None:
        """Close the log."""
        os.close(self._file)


def read(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Read the complete lines after an offset.

    Args:
        path: The log; if it does not exist, there are no events.
        offset: The offset in bytes.

    Returns:
        The events, and the offset to continue from. Lines that are not JSON objects are skipped.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            text = file.read()
    except FileNotFoundError:
        return [], offset
    whole = text[: text.rfind(b"\n") + 1]
    return list(_events(whole)), offset + len(whole)


def _events(text: bytes) -> Iterator[Event]:
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "kind" in event:
            yield event
