"""Children forked from this process, one when it is asked for and one ahead of time.

Nothing here runs a second thread when a child is forked. A request carries the end of a stream of
its own: the child answers there, and what became of the child is told there. A child ends when the
other end of its stream is closed, or with this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, cast

from satisfice.tasks.trial_server.channel import Message, MessageStream, when_closed

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_SPARES = os.cpu_count() or 1  # the most that make sense at a time


@dataclass
class Forks:
    """The children of this process.

    The fork for a training would delay it, so each training that is handed out is followed by the
    fork of a spare: a child that makes ready and waits for the next. Where a training finds none,
    because it died or another has taken it, one is forked, and one spare more is there afterwards.

    Args:
        line: To whoever asks for children.
        work: What a child does, with its request and its stream.
        make_ready: What a spare does before it waits.
    """

    line: MessageStream
    work: Callable[[Message, MessageStream], None]
    make_ready: Callable[[], None]
    _working: dict[int, MessageStream] = field(
        default_factory=dict, init=False
    )  # with their streams
    _spares: dict[int, MessageStream] = field(
        default_factory=dict, init=False
    )  # with lines of our own
    _owed: int = field(default=0, init=False)  # spares to be forked once nobody asks for anything
    _bells: tuple[socket.socket, ...] = field(default=(), init=False)

    def serve(self) -> None:
        """Fork children as they are asked for, until nobody can ask any more."""
        bell, ringer = self._bells = socket.socketpair()
        for one in self._bells:
            one.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # its wake-up byte is what counts
        signal.set_wakeup_fd(ringer.fileno())
        with contextlib.suppress(EOFError):
            while True:
                patience = 0 if self._owed else None
                ready, _, _ = select.select([self.line.end, bell], [], [], patience)
                if not ready:
                    self._owed -= 1
                    self._fork_spare()
                if bell in ready:
                    bell.recv(4096)
                    self._reap()
                if self.line.end in ready:
                    for request, carried in self.line.receive(0):
                        self._handle(request, carried)

    def end(self) -> None:
        """Kill the children and whatever they started, and wait for them."""
        everybody = (*self._working, *self._spares)
        for pid in everybody:
            _kill(pid)
        for pid in everybody:
            os.waitpid(pid, 0)

    def _handle(self, request: Message, carried: socket.socket | None) -> None:
        if request["do"] == "kill":
            if request["pid"] in self._working:  # not yet waited for: the number is still its own
                _kill(request["pid"])
        elif carried is not None:
            line = MessageStream(carried)
            try:
                pid = self._spare_for(request, carried) or self._fork(lambda: (request, line))
            except OSError as error:
                line.tell({"fault": f"no process could be forked: {error}", "hint": ""})
                line.close()
                return
            self._working[pid] = line
            line.tell({"pid": pid})

    def _spare_for(self, request: Message, carried: socket.socket) -> int | None:
        """Hand a training to a spare, and return its number; None: it has to be forked for."""
        if request["do"] != "train":
            return None
        self._owed += 1
        for pid, spare in list(self._spares.items()):
            try:
                spare.send(request, carried)
            except OSError:
                continue  # it has died, and will be waited for
            self._spares.pop(pid).close()
            return pid
        return None

    def _fork_spare(self) -> None:
        if len(self._spares) >= _SPARES:
            return
        try:
            ours, its = map(MessageStream, socket.socketpair())
        except OSError:
            return  # too many files are open: then the next one is forked when it is asked for

        def wait() -> tuple[Message, MessageStream]:
            ours.close()
            self.make_ready()
            try:
                ((request, carried),) = its.receive()
            except EOFError:
                leave(0)
            its.close()
            return request, MessageStream(cast(socket.socket, carried))

        try:
            self._spares[self._fork(wait)] = ours
        except OSError:
            ours.close()
        its.close()

    def _fork(self, request: Callable[[], tuple[Message, MessageStream]]) -> int:
        """Fork a child that learns from `request` what it has to do, and return its number."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_child(request)
        return pid

    def _reap(self) -> None:
        for pid in (*self._working, *self._spares):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # what it left behind
            line = self._working.pop(pid, None) or self._spares.pop(pid)
            line.tell({"exit": os.waitstatus_to_exitcode(status)})
            line.close()

    def _be_child(self, learn: Callable[[], tuple[Message, MessageStream]]) -> NoReturn:
        code = 1
        try:
            parent = os.getppid()
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.line.close()
            for bell in self._bells:
                bell.close()
            for sibling in (*self._working.values(), *self._spares.values()):
                sibling.close()
            self._working.clear()
            self._spares.clear()
            _end_with_parent(parent)
            request, line = learn()
            threading.Thread(target=_end_with_stream, args=(line.end,), daemon=True).start()
            self.work(request, line)
            code = 0
        except BaseException:  # noqa: BLE001 - a child never returns into the server's loop
            traceback.print_exc()
        finally:
            leave(code)


def leave(code: int) -> NoReturn:
    """End this process at once; nothing that was registered for its end is run."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _kill(pid: int) -> None:
    """Kill a process of ours and its group; it may not have made its own group yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _end_with_parent(parent: int) -> None:
    # The kernel's word holds also where the child is stuck in code that lets no other thread run.
    # It follows the thread that forked, which here is the parent's only one.
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _end_with_stream(end: socket.socket) -> None:
    when_closed(end)
    os.killpg(0, signal.SIGKILL)  # ourselves, and what the training started
