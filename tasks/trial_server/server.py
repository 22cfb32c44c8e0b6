"""The trial server's process: it holds PyTorch, the study's code and its data, and forks.

`tasks.trial_server.process` starts it as `python -P -m satisfice.tasks.trial_server.server`.
PyTorch's thread pool is never opened here, because it does not survive a fork. This process exits
with the search.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from satisfice.domain.errors import SatisficeError, StudyCodeError
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.codec import decode, encode, from_json
from satisfice.tasks.models.counting import predict
from satisfice.tasks.problem.contract import Problem, load_data, load_problem
from satisfice.tasks.problem.data import Data
from satisfice.tasks.trial.attempt import run
from satisfice.tasks.trial.limits import resident_mib
from satisfice.tasks.trial.setting import OUTPUT, Setting
from satisfice.tasks.trial_server.channel import Message, MessageStream, when_closed
from satisfice.tasks.trial_server.forks import Forks, leave
from satisfice.tasks.validation.manifest import write_manifest


@dataclass(frozen=True)
class Server:
    """What every child inherits."""

    setting: Setting
    problem: Problem
    data: Data

    def work(self, request: Message, stream: MessageStream) -> None:
        """Carry out a request in a child."""
        _ROLES[request["do"]](self, request, stream)


def _train(server: Server, request: Message, stream: MessageStream) -> None:  # noqa: ARG001
    order: TrialOrder = decode(TrialOrder, request["order"])
    output = os.open(Path(order.folder) / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.enable()
    run(order, server.problem, server.data, server.setting)


def _predict(server: Server, request: Message, stream: MessageStream) -> None:  # noqa: ARG001
    """Answer questions about configurations until the stream is closed."""
    import numpy as np

    example = server.problem.example
    shape = None if example is None else tuple(np.shape(example)[1:])
    with contextlib.suppress(EOFError):
        while True:
            for question, _ in stream.receive():
                count = partial(predict, server.problem, question["params"], shape)
                stream.send(_answer(partial(count, question["names"])))


def _measure(server: Server, request: Message, stream: MessageStream) -> None:
    import torch

    from satisfice.tasks.models.inference import measure
    from satisfice.tasks.models.saved import load_model

    def work() -> Any:
        torch.set_num_threads(server.setting.threads)
        path = Path(request["model"])
        model, example = load_model(path, server.problem)
        if example is None:
            raise StudyCodeError(
                "there is no example input to measure the model with",
                "define example_input(params), or call trial.finish(example_input=...)",
            )
        return encode(measure(model, example, server.setting.watts_per_core, path))

    stream.send(_answer(work))


def _score(server: Server, request: Message, stream: MessageStream) -> None:
    import torch

    from satisfice.tasks.models.scoring import score

    def work() -> Any:
        torch.set_num_threads(server.setting.threads)
        files = map(Path, (server.setting.manifest, request["trained_on"]))
        return score(server.problem, Path(request["model"]), server.data.validation, *files)

    stream.send(_answer(work))


_ROLES: dict[str, Callable[[Server, Message, MessageStream], None]] = {
    "train": _train,
    "predict": _predict,
    "measure": _measure,
    "score": _score,
}


def _answer(work: Callable[[], Any]) -> Message:
    try:
        return {"answer": work()}
    except Exception as error:  # noqa: BLE001 - it is raised again in the search's process
        return _fault(error)


def _fault(error: BaseException) -> Message:
    if isinstance(error, SatisficeError):
        return {"fault": error.message, "hint": error.hint}
    return {"fault": "".join(traceback.format_exception(error)).rstrip(), "hint": ""}


@contextlib.contextmanager
def _exit_with_search(stream: MessageStream) -> Iterator[None]:
    """Exit as soon as the search's process is gone, even during a long `load()`."""
    done, stop = os.pipe()

    def watch() -> None:
        if when_closed(stream.end, done):
            os.killpg(0, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        os.close(stop)
        thread.join()
        os.close(done)


def _prepare(setting: Setting) -> tuple[Server, Message]:
    began = time.monotonic()
    import numpy as np
    import torch

    torch.set_num_threads(1)
    # What each child would import itself: the first optimizer alone takes a second.
    import numpy.ma  # by `np.median`
    import threadpoolctl  # type: ignore[import-untyped]  # noqa: F401
    import torch._dynamo

    import satisfice.tasks.energy.meter
    import satisfice.tasks.trial.pruning  # noqa: F401

    folder = Path(setting.folder)
    problem = load_problem(folder, setting.problem)
    data = load_data(problem)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise StudyCodeError(
            f"{problem.file}: importing it or calling load() has initialised CUDA",
            "Keep the data on the CPU until train(): CUDA does not survive a fork.",
        )
    digest = data.digest()
    write_manifest(data, Path(setting.manifest))
    if len(data.train):
        problem = replace(problem, example=data.train.take(np.arange(1)).x)
    server = Server(setting, problem, data)
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
    return server, ready


def main() -> None:
    """Run the process; its arguments are the descriptor of the stream and the settings as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stream = MessageStream(socket.socket(fileno=int(sys.argv[1])))
    os.set_inheritable(stream.end.fileno(), False)
    setting = from_json(Setting, sys.argv[2])
    try:
        with _exit_with_search(stream):
            server, ready = _prepare(setting)
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        traceback.print_exc()
        stream.tell(_fault(error))
        leave(1)
    gc.collect()
    gc.freeze()  # or a collection in a child would write to the shared memory, and so copy it
    ready["resident_mib"] = resident_mib(os.getpid())
    stream.tell({"ready": ready})
    forks = Forks(stream, server.work)
    forks.serve()
    forks.end()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)  # processes that load() may have started
    leave(0)


if __name__ == "__main__":
    main()
