"""Handles, in the search's process, of the trial server's process and its children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from satisfice.domain.errors import ExternalSystemError, StudyCodeError
from satisfice.tasks.files.codec import to_json
from satisfice.tasks.trial.setting import Setting
from satisfice.tasks.trial_server.channel import Message, MessageStream

PATIENCE = 10.0  # seconds for a process to exit
TAIL = 1500  # characters of a process's output that an error message quotes
LOOK_SECONDS = 1.0  # how often to check that the server is alive

# One thread until a child opens its own pool: a thread pool does not survive a fork.
_POOLS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")
_ENVIRONMENT = {
    **{f"{name}_NUM_THREADS": "1" for name in _POOLS},
    "PYTHONHASHSEED": "0",  # with the same seed, sets of strings have the same order
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # required by deterministic CUDA algorithms
    # `torch.cuda.is_available()` at the top of problem.py must not initialise CUDA, which does not
    # survive a fork.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "PYTHONUNBUFFERED": "1",  # keep the output of a killed training
}


class ServerDied(ExternalSystemError):
    """The server's process has died, and its children with it."""


class ChildExited(StudyCodeError):
    """The study's code ended the process that ran it."""


class ServerProcess:
    """One process of a trial server, in its own session: the terminal's Ctrl-C does not reach it.

    Args:
        setting: The settings of its study.
        log: The file for its output.
    """

    def __init__(self, setting: Setting, log: Path) -> None:
        ours, its = socket.socketpair()
        self._stream = MessageStream(ours)
        self._sending = threading.Lock()
        self._log = log
        # -P: the user's working directory may hold modules that hide the standard library.
        command = [
            sys.executable,
            "-P",
            "-m",
            "satisfice.tasks.trial_server.server",
            str(its.fileno()),
            to_json(setting),
        ]
        with its, log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[its.fileno()],
                start_new_session=True,
                env={**os.environ, **_ENVIRONMENT},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def first_message(self) -> Message:
        """Wait for the first message, which the process sends when it is ready.

        Raises:
            ServerDied: It died before that.
        """
        try:
            return self._stream.receive()[0][0]
        except EOFError:
            raise self.gone() from None

    def send(self, message: Message, carried: socket.socket | None = None) -> None:
        """Send a request.

        Raises:
            ServerDied: The process is dead.
        """
        try:
            with self._sending:
                self._stream.send(message, carried)
        except OSError:
            raise self.gone() from None

    def gone(self) -> ServerDied:
        """Return an error that says how the process died."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        how = how_it_ended(self._process.returncode)
        return ServerDied(f"the trial server {how}; its last output:\n{self.last_output()}", _HINT)

    def last_output(self) -> str:
        """Return the end of what the process has printed."""
        try:
            return self._log.read_text(errors="replace")[-TAIL:].strip() or "(it printed nothing)"
        except OSError:
            return "(its output was deleted)"

    def close(self) -> None:
        """Stop the process and its children, and wait until it has exited."""
        with suppress(OSError):
            self._stream.end.shutdown(socket.SHUT_RDWR)  # wakes a reader, unlike close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self._stream.close()


class Child:
    """A process forked by the server, held by a stream: closing the stream ends the process.

    Args:
        server: The server's process.
        request: The work for the child.

    Raises:
        ServerDied: The server is dead.
        ExternalSystemError: It could not fork.
    """

    def __init__(self, server: ServerProcess, request: Message) -> None:
        ours, its = socket.socketpair()
        self._server = server
        self._stream = MessageStream(ours)
        self._messages: list[Message] = []
        self._ended = False
        self.pid = 0
        try:
            with its:
                server.send(request, its)
            first = self._next()
        except BaseException:
            self._stream.close()
            raise
        if "pid" not in first:
            self._stream.close()
            raise ExternalSystemError(
                first["fault"], "Check the machine's memory and its limit on processes."
            )
        self.pid = first["pid"]

    def wait(self, timeout: float) -> Message | None:
        """Wait for the next message from the child or about it; None after the timeout.

        Raises:
            ServerDied: The server is dead, so the child's exit will never be reported.
        """
        if not self._messages:
            try:
                self._messages = [message for message, _ in self._stream.receive(timeout)]
            except EOFError:
                raise self._server.gone() from None
        if self._messages:
            message = self._messages.pop(0)
            self._ended = "exit" in message
            return message
        if not self._server.alive:
            raise self._server.gone()
        return None

    def ask(self, question: Message) -> Any:
        """Send a question and return the answer; see `answer`."""
        with suppress(OSError):  # then the answer is its exit
            self._stream.send(question)
        return self.answer()

    def answer(self) -> Any:
        """Wait for an answer.

        Raises:
            StudyCodeError: The study's code raised.
            ChildExited: It ended the process.
        """
        message = self._next()
        if "exit" in message:
            how = how_it_ended(message["exit"])
            raise ChildExited(f"the process of the study's code {how}", self._server.last_output())
        if "fault" in message:
            raise StudyCodeError(message["fault"], message["hint"])
        return message["answer"]

    def kill(self) -> None:
        """Kill the process and all that it started; its exit is reported as usual."""
        with suppress(ServerDied):
            self._server.send({"do": "kill", "pid": self.pid})

    def close(self) -> None:
        """Stop the process if it is running, without waiting for it."""
        self._stream.close()
        if self.pid and not self._ended and not self._server.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # there is no server to do it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> Message:
        while (message := self.wait(LOOK_SECONDS)) is None:
            pass
        return message


def how_it_ended(code: int | None) -> str:
    """Say how a process ended, from its exit code: `was killed by signal 9 (SIGKILL)`."""
    if code is None:
        return "has not ended"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"was killed by signal {-code} ({name})"


_HINT = "If the machine ran out of memory, use fewer workers or state resources.memory."
