"""Messages between a search and its trial server: JSON lines, some with a file descriptor."""

from __future__ import annotations

import json
import os
import select
import socket
from contextlib import suppress
from typing import Any

Message = dict[str, Any]


class MessageStream:
    """One end of a stream of messages.

    A short message is sent in one system call, but without a lock: threads that share an end need
    their own.
    """

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._text = b""
        self._files: list[int] = []

    def send(self, message: Message, carried: socket.socket | None = None) -> None:
        """Send a message, and with it an end of another stream.

        Raises:
            OSError: The other end is closed.
        """
        text = json.dumps(message | {"carries": carried is not None}).encode() + b"\n"
        if carried is None:
            self.end.sendall(text)
        else:
            sent = socket.send_fds(self.end, [text], [carried.fileno()])
            if sent < len(text):
                # Only if something is left: even an empty send fails once the other end has read
                # everything and closed.
                self.end.sendall(text[sent:])

    def tell(self, message: Message) -> None:
        """Send a message, or do nothing if the other end is closed."""
        with suppress(OSError):
            self.send(message)

    def receive(self, timeout: float | None = None) -> list[tuple[Message, socket.socket | None]]:
        """Wait for messages.

        Args:
            timeout: Seconds; None: no limit.

        Returns:
            The messages that have arrived, each with the end that it carried; none after the
            timeout.

        Raises:
            EOFError: The other end is closed, and everything that it sent has been returned.
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
        """Close this end; the other end is notified."""
        self.end.close()


def when_closed(end: socket.socket, other: int | None = None) -> bool:
    """Wait until the other end of a stream is closed, without reading from it.

    Args:
        end: This end.
        other: A descriptor that ends the wait as soon as it is readable.

    Returns:
        Whether the stream was closed; False: `other` ended the wait.
    """
    poll = select.poll()
    poll.register(end, 0)  # no events requested: only the hang-up is reported
    if other is not None:
        poll.register(other, select.POLLIN)
    return any(file == end.fileno() for file, _ in poll.poll())
