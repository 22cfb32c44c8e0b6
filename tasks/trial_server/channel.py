"""What passes between a search and its trial server: JSON lines, some of them with an open file."""

from __future__ import annotations

import json
import os
import select
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

OUTPUT = "output.log"  # what a training prints, in its own folder

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a trial server is told of its study.

    Attributes:
        folder: The study folder.
        problem: The Python file in it.
        metric: The objective's metric.
        watts_per_core: Power of a busy core, for estimates.
        threads: Processor threads of a training.
        scratch: A folder for what nobody reads.
        manifest: Where to write the manifest of the data; empty: nowhere.
    """

    folder: str
    problem: str
    metric: str
    watts_per_core: float
    threads: int
    scratch: str
    manifest: str


class MessageStream:
    """One end of a stream of messages.

    Sending is one call of the system for what is short, but not locked: whoever shares an end
    between threads takes a lock of its own.
    """

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._text = b""
        self._files: list[int] = []

    def send(self, message: Message, carried: socket.socket | None = None) -> None:
        """Send a message, and with it an end of another stream.

        Raises:
            OSError: Nobody is at the other end.
        """
        text = json.dumps(message | {"carries": carried is not None}).encode() + b"\n"
        if carried is None:
            self.end.sendall(text)
        else:
            sent = socket.send_fds(self.end, [text], [carried.fileno()])
            if sent < len(text):
                # Not for nothing: even an empty rest is sent, and fails where the other end has
                # read all of it and is closed by now.
                self.end.sendall(text[sent:])

    def tell(self, message: Message) -> None:
        """Send a message, or do nothing where nobody listens any more."""
        with suppress(OSError):
            self.send(message)

    def receive(self, timeout: float | None = None) -> list[tuple[Message, socket.socket | None]]:
        """Wait for messages.

        Args:
            timeout: At most how many seconds; None: as long as it takes.

        Returns:
            All that have arrived, each with the end that it carried; none after the timeout.

        Raises:
            EOFError: The other end is closed, and everything that it sent was returned.
        """
        messages: list[tuple[Message, socket.socket | None]] = []
        while not messages and select.select([self.end], [], [], timeout)[0]:
            try:
                text, files, _, _ = socket.recv_fds(self.end, 1 << 16, 8)
            except ConnectionResetError:
                text, files = b"", []
            if not text:
                raise EOFError("the other end is closed")
            for file in files:
                os.set_inheritable(file, False)
            self._files += files
            *whole, self._text = (self._text + text).split(b"\n")
            for one in whole:
                message: Message = json.loads(one)
                carried = socket.socket(fileno=self._files.pop(0)) if message["carries"] else None
                messages.append((message, carried))
        return messages

    def close(self) -> None:
        """Close this end, which the other end notices."""
        self.end.close()


def when_closed(end: socket.socket, other: int | None = None) -> bool:
    """Wait until the other end of a stream is closed, without reading from it.

    Args:
        end: This end.
        other: A descriptor that ends the waiting as soon as it can be read.

    Returns:
        Whether the stream was closed; False: the waiting was ended.
    """
    poll = select.poll()
    poll.register(end, 0)  # asks for nothing, and so hears of the end alone
    if other is not None:
        poll.register(other, select.POLLIN)
    return any(file == end.fileno() for file, _ in poll.poll())
