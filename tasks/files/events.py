"""Append-only logs of facts, one JSON object a line: the live channel and the spool for MLflow."""

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

    A line is written by one call, so readers never see a mixture of two. A line that a killed
    process left unfinished is closed off by the next writer, and readers skip it.
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
        """Write one event, stamped with the time (`at`, seconds since the epoch, UTC)."""
        line = json.dumps({"kind": kind, "at": time.time(), **facts}, separators=(",", ":"))
        os.write(self._file, line.encode() + b"\n")

    def close(self) -> None:
        """Close the log."""
        os.close(self._file)


def read(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Read the whole lines after an offset.

    Args:
        path: The log; one that does not exist yet is empty.
        offset: Bytes that were read before.

    Returns:
        The events, and the offset from which to go on. Lines that are no JSON object are skipped.
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
