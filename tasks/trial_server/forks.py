"""Children forked from this process, on request and one ahead of time.

This process has a single thread when it forks. Each request carries one end of a new stream: the
child answers there, and its exit is reported there. A child exits when the other end of its stream
is closed, or with this process.
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
_SPARES = os.cpu_count() or 1  # more would not help


@dataclass
class Forks:
    """The children of this process.

    Forking delays a training, so once a training has started, a spare is forked: a child that
    waits for the next one. If a training finds no spare, because it died or another training took
    it, a child is forked for it, and afterwards there is one more spare.

    Args:
        stream: The stream on which children are requested.
        work: Called in a child with its request and its stream.
    """

    stream: MessageStream
    work: Callable[[Message, MessageStream], None]
    # Streams by process id: of a working child to its client, and from this process to a spare.
    _working: dict[int, MessageStream] = field(default_factory=dict, init=False)
    _spares: dict[int, MessageStream] = field(default_factory=dict, init=False)
    _owed: int = field(default=0, init=False)  # spares to fork once no request is waiting
    _wakeups: tuple[socket.socket, ...] = field(default=(), init=False)

    def serve(self) -> None:
        """Fork children on request, until the requesting end is closed."""
        wakeup, writer = self._wakeups = socket.socketpair()
        for one in self._wakeups:
            one.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only the wake-up byte matters
        signal.set_wakeup_fd(writer.fileno())
        with contextlib.suppress(EOFError):
            while True:
                timeout = 0 if self._owed else None
                ready, _, _ = select.select([self.stream.end, wakeup], [], [], timeout)
                if not ready:
                    self._owed -= 1
                    self._fork_spare()
                if wakeup in ready:
                    wakeup.recv(4096)
                    self._reap()
                if self.stream.end in ready:
                    for request, carried in self.stream.receive(0):
                        self._handle(request, carried)

    def end(self) -> None:
        """Kill the children and all that they started, and wait for them."""
        children = (*self._working, *self._spares)
        for pid in children:
            _kill(pid)
        for pid in children:
            os.waitpid(pid, 0)

    def _handle(self, request: Message, carried: socket.socket | None) -> None:
        if request["do"] == "kill":
            if request["pid"] in self._working:  # not reaped yet: the pid is not reused
                _kill(request["pid"])
        elif carried is not None:
            stream = MessageStream(carried)
            try:
                pid = self._spare_for(request, carried) or self._fork(lambda: (request, stream))
            except OSError as error:
                stream.tell({"fault": f"no process could be forked: {error}", "hint": ""})
                stream.close()
                return
            self._working[pid] = stream
            stream.tell({"pid": pid})

    def _spare_for(self, request: Message, carried: socket.socket) -> int | None:
        """Give a training to a spare and return its process id; None: there is no spare."""
        if request["do"] != "train":
            return None
        self._owed += 1
        for pid, spare in list(self._spares.items()):
            try:
                spare.send(request, carried)
            except OSError:
                continue  # it has died and will be reaped
            self._spares.pop(pid).close()
            return pid
        return None

    def _fork_spare(self) -> None:
        if len(self._spares) >= _SPARES:
            return
        try:
            ours, its = map(MessageStream, socket.socketpair())
        except OSError:
            return  # too many open files: the next child is forked on request

        def wait() -> tuple[Message, MessageStream]:
            ours.close()
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
        """Fork a child that calls `request` for its work, and return its process id."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._run_child(request)
        return pid

    def _reap(self) -> None:
        for pid in (*self._working, *self._spares):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # processes that it left behind
            stream = self._working.pop(pid, None) or self._spares.pop(pid)
            stream.tell({"exit": os.waitstatus_to_exitcode(status)})
            stream.close()

    def _run_child(self, receive: Callable[[], tuple[Message, MessageStream]]) -> NoReturn:
        code = 1
        try:
            parent = os.getppid()
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.stream.close()
            for one in self._wakeups:
                one.close()
            for sibling in (*self._working.values(), *self._spares.values()):
                sibling.close()
            self._working.clear()
            self._spares.clear()
            _exit_with_parent(parent)
            request, stream = receive()
            threading.Thread(target=_exit_with_stream, args=(stream.end,), daemon=True).start()
            self.work(request, stream)
            code = 0
        except BaseException:  # noqa: BLE001 - a child must never return to the server's loop
            traceback.print_exc()
        finally:
            leave(code)


def leave(code: int) -> NoReturn:
    """Exit at once, without running exit handlers."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _kill(pid: int) -> None:
    """Kill a child and its group; it may not have created the group yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _exit_with_parent(parent: int) -> None:
    # The kernel's signal works even if the child is stuck in code that holds the interpreter lock.
    # It is tied to the thread that forked, which is the parent's only one.
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _exit_with_stream(end: socket.socket) -> None:
    when_closed(end)
    os.killpg(0, signal.SIGKILL)  # this process and all that the training started
