"""The trial server of a study: a process that can start a training at once.

It preloads PyTorch, imports the study's code, runs `load()` once, and then forks a child for each
trial. Several threads may use one server at the same time.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Self

from satisfice.domain.errors import ExternalSystemError, StudyCodeError
from satisfice.domain.quality import QualityAttributes
from satisfice.domain.rules.predicted import EXAMPLES, counted_for
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.codec import decode, encode
from satisfice.tasks.files.home import home
from satisfice.tasks.trial.setting import Setting
from satisfice.tasks.trial_server.channel import Message
from satisfice.tasks.trial_server.process import Child, ChildExited, ServerDied, ServerProcess

RESTARTS = 3  # a server that keeps dying has a cause that a restart does not remove


@dataclass(frozen=True, slots=True)
class ServerReady:
    """What a server reports once the data is loaded.

    Attributes:
        digest: Digest of the data.
        rows: Number of rows by split.
        source: The data's name, as the study gives it.
        seconds: How long the imports and `load()` took.
        manifest: The manifest of the data; deleted with the server unless it is moved away.
        environment: Versions by package.
        resident_mib: Memory of the idle server, in MiB.
    """

    digest: str
    rows: Mapping[str, int]
    source: str
    seconds: float
    manifest: Path
    environment: Mapping[str, str]
    resident_mib: float


class TrialServer:
    """The trial server of a study.

    It starts in the background at once. It exits with `close()` or with the process that created
    it, even if that is killed, and its children exit with it. If it dies by itself, it is restarted
    when it is next needed.

    Args:
        study: The study.

    Attributes:
        study: The study.
        closed: Whether `close()` was called.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.closed = False
        servers = home() / "servers"
        servers.mkdir(exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{study.name}-", dir=servers))
        self._starting = threading.Lock()
        self._predicting = threading.Lock()
        self._ready: ServerReady | None = None
        self._fault: StudyCodeError | None = None
        self._predictor: Child | None = None
        self._restarts = 0
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def ready(self) -> ServerReady:
        """Wait until the data is loaded.

        Raises:
            StudyCodeError: Importing the study's code or its `load()` raised.
            ExternalSystemError: The process died.
        """
        with self._starting:
            if self.closed:
                raise ExternalSystemError(f"the trial server of {self.study.name} was closed")
            if self._ready is None:
                self._ready = self._receive()
            elif not self._process.alive:
                self._restart(self._ready)
            return self._ready

    def predict(self, params: Params, predictions: Iterable[str] | None = None) -> dict[str, float]:
        """Count what is known of a configuration before it is trained.

        Args:
            params: The active parameters.
            predictions: The names of the predictions; None: those that the study's rules use.

        Returns:
            Those that can be counted: `predicted.parameters`, `predicted.macs`; and the sizes that
            the forecasts among them depend on (`domain.prediction.model.Sizes`).

        Raises:
            StudyCodeError: The study's `build(params)` raised, or ended its process.
        """
        # Counting operations takes seconds the first time: count only what a rule uses.
        names = counted_for(self.study.rules.predictions if predictions is None else predictions)
        question = {"params": dict(params), "names": [one for one in names if one != EXAMPLES]}
        known = {EXAMPLES: float(self.ready().rows["train"])} if EXAMPLES in names else {}
        with self._predicting:
            # The study's code may exit or use up memory: it runs in a child, which is replaceable.
            for _ in range(2):
                predictor = self._predictor or self._fork({"do": "predict"})
                self._predictor = None
                try:
                    answer: dict[str, float] = predictor.ask(question)
                except ServerDied:
                    predictor.close()
                    continue
                except ChildExited:
                    predictor.close()
                    raise
                except BaseException:
                    self._predictor = predictor
                    raise
                self._predictor = predictor
                return answer | known
        raise ServerDied(f"the trial server of {self.study.name} died twice during one prediction")

    def measure(self, model: Path) -> QualityAttributes:
        """Measure the quality attributes of a model that a trial has saved.

        Nothing should train meanwhile: it would raise the latency.

        Raises:
            StudyCodeError: The study's code raised, or no input for the model is known.
        """
        with self._fork({"do": "measure", "model": str(model)}) as child:
            result: QualityAttributes = decode(QualityAttributes, child.answer())
        return result

    def score(self, model: Path, trained_on: Path) -> list[dict[str, float]]:
        """Score a model that a trial has saved on the validation split; see `tasks.models.scoring`.

        Args:
            model: The file of the model.
            trained_on: The manifest of the data that it was trained on.

        Raises:
            StudyCodeError: The study's code raised, a file has changed, or no example is left.
        """
        request = {"do": "score", "model": str(model), "trained_on": str(trained_on)}
        with self._fork(request) as child:
            scores: list[dict[str, float]] = child.answer()
        return scores

    def train(self, order: TrialOrder) -> Child:
        """Fork a process that trains; it reports to the event log of the order.

        Raises:
            StudyCodeError: The data differs from what the data gate passed.
            ExternalSystemError: The server is dead and could not be restarted.
        """
        digest = self.ready().digest
        if order.data_digest != digest:
            raise StudyCodeError(
                f"the data of {self.study.name} has changed: the data gate passed "
                f"{order.data_digest}, and load() returned {digest}",
                "Start the search again, so that the new data is validated.",
            )
        return self._fork({"do": "train", "order": encode(order)})

    def close(self) -> None:
        """Stop the process and its children, and wait for them."""
        self.closed = True
        self._process.close()
        rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> ServerProcess:
        study = self.study
        setting = Setting(
            study.folder,
            study.problem,
            study.objective.metric,
            study.resources.watts_per_core,
            study.resources.threads,
            str(self._folder / "manifest.npz"),
        )
        return ServerProcess(setting, self._folder / "server.log")

    def _receive(self) -> ServerReady:
        if self._fault is not None:
            raise self._fault  # the same for every caller
        message = self._process.first_message()
        if "fault" in message:
            self._fault = StudyCodeError(message["fault"], message["hint"])
            raise self._fault
        return ServerReady(
            source=self.study.data.source,
            manifest=self._folder / "manifest.npz",
            **message["ready"],
        )

    def _restart(self, before: ServerReady) -> None:
        if self._restarts == RESTARTS:
            raise self._process.gone()
        self._restarts += 1
        self._process.close()
        self._process = self._start()
        if self.closed:  # meanwhile
            self._process.close()
        if self._receive().digest != before.digest:
            self._process.close()
            raise StudyCodeError(
                f"load() of {self.study.name} returned different data than before",
                "Make load() repeatable: fix its seeds, and read files that do not change.",
            )

    def _fork(self, request: Message) -> Child:
        self.ready()
        return Child(self._process, request)


_registered: dict[str, TrialServer] = {}
_own: dict[str, tuple[str, TrialServer]] = {}
_lock = threading.Lock()


def register(server: TrialServer) -> None:
    """Make this the server for all orders of its study that run in this process."""
    with _lock:
        _registered[server.study.folder] = server


def server_for(order: TrialOrder) -> TrialServer:
    """Return the server for an order: the registered one, or one that is started here.

    In a worker process no server is registered: the first order of a search starts one, which is
    kept for the others.
    """
    with _lock:
        registered = _registered.get(order.study)
        if registered is not None and not registered.closed:
            return registered
        search, server = _own.get(order.study, ("", None))
        if server is None or server.closed or search != order.search:
            if server is not None:
                server.close()  # the study may have changed since that search
            from satisfice.tasks.spec.reader import read_study

            server = TrialServer(read_study(order.study))
            _own[order.study] = (order.search, server)
        return server
