"""Messages between a search and its trial server."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from satisfice.tasks.trial_server.channel import MessageStream, when_closed


@pytest.fixture
def ends() -> Iterator[tuple[MessageStream, MessageStream]]:
    one, other = map(MessageStream, socket.socketpair())
    yield one, other
    one.close()
    other.close()


def test_messages_arrive_in_order_with_what_they_carry(
    ends: tuple[MessageStream, MessageStream],
) -> None:
    one, other = ends
    pairs = [socket.socketpair() for _ in range(3)]
    for number, (ours, its) in enumerate(pairs):
        one.send({"number": number}, its)
        one.send({"number": 10 + number, "text": "x" * 5000})
        ours.send(bytes([number]))
        its.close()
    received = []
    while len(received) < 6:
        received += other.receive(5)
    assert [message["number"] for message, _ in received] == [0, 10, 1, 11, 2, 12]
    carried = [end for _, end in received if end is not None]
    assert [end.recv(1)[0] for end in carried] == [0, 1, 2]
    assert not any(os.get_inheritable(end.fileno()) for end in carried)
    for end in (*carried, *(ours for ours, _ in pairs)):
        end.close()


def test_a_message_larger_than_a_buffer_arrives_whole(
    ends: tuple[MessageStream, MessageStream],
) -> None:
    one, other = ends
    text = "é" * 500_000
    sender = threading.Thread(target=one.send, args=({"text": text},))
    sender.start()
    assert other.receive(30)[0][0]["text"] == text
    sender.join()


def test_nothing_comes_before_the_timeout(ends: tuple[MessageStream, MessageStream]) -> None:
    assert ends[0].receive(0) == []


def test_what_was_sent_before_the_end_is_received(
    ends: tuple[MessageStream, MessageStream],
) -> None:
    one, other = ends
    one.send({"last": True})
    one.close()
    assert other.receive(5)[0][0]["last"]
    with pytest.raises(EOFError):
        other.receive(5)


def test_waiting_for_the_end_reads_nothing_and_can_be_ended(
    ends: tuple[MessageStream, MessageStream],
) -> None:
    one, other = ends
    done, stop = os.pipe()
    one.send({"waiting": True})
    os.close(stop)
    assert not when_closed(other.end, done)
    os.close(done)
    one.close()
    assert when_closed(other.end)
    assert other.receive(5)[0][0]["waiting"]


def test_what_was_read_whole_was_sent_whole_even_if_nobody_listens_any_more() -> None:
    ours, its = map(MessageStream, socket.socketpair())
    carried, other = socket.socketpair()

    def read_and_leave() -> None:
        ((_, end),) = its.receive()
        its.close()
        assert end is not None
        end.close()

    reader = threading.Thread(target=read_and_leave)
    reader.start()
    real = socket.send_fds

    def send_and_wait(*given: object) -> int:
        sent = real(*given)  # type: ignore[arg-type]
        reader.join()
        return sent

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "send_fds", send_and_wait)
        ours.send({"do": "train"}, carried)
    for one in (carried, other):
        one.close()
    ours.close()
