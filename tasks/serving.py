"""The trial server's process: it holds PyTorch, the study's code and its data, and forks.

Started by `tasks.server` as `python -m tasks.serving`. Nothing here runs a second thread when a
child is forked, and PyTorch's pool of threads is never opened, because neither survives a fork.
A request carries the end of a stream of its own: the child answers there, and what became of the
child is told there. A child ends when the other end of its stream is closed, or with this process;
this process ends with the search.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from domain.errors import ProblemFault, SatisficeError
from domain.orders import TrialOrder
from tasks.attempt import run
from tasks.channel import OUTPUT, Line, Message, Setting, when_closed
from tasks.data import Data
from tasks.limits import resident_mib
from tasks.prediction import predict
from tasks.problem import Problem, load_data, load_problem
from tasks.wire import from_json, plain, rebuild

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass
class Server:
    """What the children are forked from."""

    setting: Setting
    problem: Problem
    data: Data
    line: Line
    children: dict[int, Line] = field(default_factory=dict)

    def serve(self) -> None:
        """Fork children as they are asked for, until the search is gone."""
        bell, ringer = socket.socketpair()
        for one in (bell, ringer):
            one.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # its wake-up byte is what counts
        signal.set_wakeup_fd(ringer.fileno())
        with contextlib.suppress(EOFError):
            while True:
                ready, _, _ = select.select([self.line.end, bell], [], [])
                if bell in ready:
                    bell.recv(4096)
                    self._reap()
                if self.line.end in ready:
                    for request, carried in self.line.receive(0):
                        self._handle(request, carried, (bell, ringer))

    def end_children(self) -> None:
        """Kill the children and whatever they started, and wait for them."""
        for pid in self.children:
            _kill(pid)
        for pid in self.children:
            os.waitpid(pid, 0)

    def _handle(
        self, request: Message, carried: socket.socket | None, bells: tuple[socket.socket, ...]
    ) -> None:
        if request["do"] == "kill":
            if request["pid"] in self.children:  # not yet waited for: the number is still its own
                _kill(request["pid"])
        elif carried is not None:
            line = Line(carried)
            sys.stdout.flush()
            sys.stderr.flush()
            try:
                pid = os.fork()
            except OSError as error:
                _tell(line, {"fault": f"no process could be forked: {error}", "hint": ""})
                line.close()
                return
            if pid == 0:
                self._be_child(request, line, bells)
            self.children[pid] = line
            _tell(line, {"pid": pid})

    def _reap(self) -> None:
        for pid, line in list(self.children.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)  # what it left behind
                _tell(line, {"exit": os.waitstatus_to_exitcode(status)})
                line.close()
                del self.children[pid]

    def _be_child(self, request: Message, line: Line, bells: tuple[socket.socket, ...]) -> NoReturn:
        code = 1
        try:
            parent = os.getppid()
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.line.close()
            for bell in bells:
                bell.close()
            for sibling in self.children.values():
                sibling.close()
            self.children.clear()
            _end_with_parent(parent)
            threading.Thread(target=_end_with_stream, args=(line.end,), daemon=True).start()
            _ROLES[request["do"]](self, request, line)
            code = 0
        except BaseException:  # noqa: BLE001 - a child never returns into the server's loop
            traceback.print_exc()
        finally:
            _leave(code)


def _train(server: Server, request: Message, line: Line) -> None:  # noqa: ARG001
    order: TrialOrder = rebuild(TrialOrder, request["order"])
    output = os.open(Path(order.folder) / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.enable()
    run(order, server.problem, server.data, server.setting)


def _predict(server: Server, request: Message, line: Line) -> None:  # noqa: ARG001
    """Answer for one configuration after the other."""
    import numpy as np

    example = server.problem.example
    shape = None if example is None else tuple(np.shape(example)[1:])
    with contextlib.suppress(EOFError):
        while True:
            for question, _ in line.receive():
                asked = partial(predict, server.problem, question["params"], shape)
                line.send(_answer(partial(asked, question["names"])))


def _measure(server: Server, request: Message, line: Line) -> None:
    import torch

    from tasks.checkpoints import load_model
    from tasks.measuring import measure

    def work() -> Any:
        torch.set_num_threads(server.setting.threads)
        path = Path(request["model"])
        model, example = load_model(path, server.problem)
        if example is None:
            raise ProblemFault(
                "nothing is known that the model could be measured with",
                "define example_input(params), or call trial.finish(example_input=...)",
            )
        return plain(measure(model, example, server.setting.watts_per_core, path))

    line.send(_answer(work))


_ROLES: dict[str, Callable[[Server, Message, Line], None]] = {
    "train": _train,
    "predict": _predict,
    "measure": _measure,
}


def _answer(work: Callable[[], Any]) -> Message:
    try:
        return {"answer": work()}
    except Exception as error:  # noqa: BLE001 - it is raised again at the other end
        return _fault(error)


def _fault(error: BaseException) -> Message:
    if isinstance(error, SatisficeError):
        return {"fault": error.message, "hint": error.hint}
    return {"fault": "".join(traceback.format_exception(error)).rstrip(), "hint": ""}


def _tell(line: Line, message: Message) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        line.send(message)


def _kill(pid: int) -> None:
    """Kill a process of ours and its group; it may not have made its own group yet."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _end_with_parent(parent: int) -> None:
    # The kernel's word holds also where the child is stuck in code that lets no other thread run.
    # It follows the thread that forked, which here is the server's only one.
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _end_with_stream(end: socket.socket) -> None:
    when_closed(end)
    os.killpg(0, signal.SIGKILL)  # ourselves, and what the training started


def _leave(code: int) -> NoReturn:
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # nothing that the server registered for its own end is run


@contextlib.contextmanager
def _ending_with(line: Line) -> Iterator[None]:
    """End this process as soon as the search is gone, even in the midst of a long `load()`."""
    done, stop = os.pipe()

    def watch() -> None:
        if when_closed(line.end, done):
            os.killpg(0, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        os.close(stop)
        thread.join()
        os.close(done)


def _prepare(setting: Setting, line: Line) -> tuple[Server, Message]:
    began = time.monotonic()
    import numpy as np
    import torch

    torch.set_num_threads(1)
    # What children would import, each for itself: a second for the first optimizer alone.
    import numpy.ma  # by `np.median`
    import threadpoolctl  # type: ignore[import-untyped]  # noqa: F401
    import torch._dynamo

    import tasks.energy
    import tasks.pruner  # noqa: F401

    folder = Path(setting.folder)
    sys.path.insert(0, str(folder.resolve()))  # for what train() imports later
    problem = load_problem(folder, setting.problem)
    data = load_data(problem)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise ProblemFault(
            f"{problem.file}: importing it or load() has begun to use the GPU",
            "Keep the data on the processor until train(): CUDA does not survive a fork.",
        )
    digest = data.digest()
    if setting.manifest:
        from tasks.manifest import write_manifest

        write_manifest(data, Path(setting.manifest))
    if len(data.train):
        problem = replace(problem, example=data.train.take(np.arange(1)).x)
    ready: Message = {
        "digest": digest,
        "rows": {name: len(split) for name, split in data.splits.items()},
        "seconds": time.monotonic() - began,
        "environment": {
            "python": ".".join(map(str, sys.version_info[:3])),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
        },
    }
    return Server(setting, problem, data, line), ready


def main() -> None:
    """Run the process: its arguments are the descriptor of the line to the search and a setting."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = Line(socket.socket(fileno=int(sys.argv[1])))
    os.set_inheritable(line.end.fileno(), False)
    setting = from_json(Setting, sys.argv[2])
    try:
        with _ending_with(line):
            server, ready = _prepare(setting, line)
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        traceback.print_exc()
        _tell(line, _fault(error))
        _leave(1)
    gc.collect()
    gc.freeze()  # no collection in a child writes to, and so copies, the server's memory
    ready["resident_mib"] = resident_mib(os.getpid())
    _tell(line, {"ready": ready})
    server.serve()
    server.end_children()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)  # what load() may have started
    _leave(0)


if __name__ == "__main__":
    main()
