"""The command line in its own process, a tiny study for it, and helpers to inspect both."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from satisfice.tasks.files.events import Event, read

if TYPE_CHECKING:
    from satisfice.tasks.storage.store import Store

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0  # seconds; a busy machine is slow, and no test asserts a time

STUDY = """\
study: tiny
data: {source: sixty-rows}
objective: {metric: score, direction: maximize}
worth: WORTH
prices: {hour: 3.60 EUR}         # a second of training costs 0.001 EUR
budget: {BUDGET}
space:
  x: {float: [0.0, 1.0], default: 0.1}
  act: {choice: [ACTS], default: FIRST}
confirm: {leaders: 1, seeds: SEEDS, share: 0.25}
resources: {workers: WORKERS}
"""

PROBLEM = '''\
"""Trains nothing: a curve that follows from the parameters, a few milliseconds an epoch."""

import os
import time
from pathlib import Path

import numpy as np

from satisfice import Data, Split

EPOCHS = 4
SECONDS = 0.004
HANG = Path(__file__).with_name("hang")  # while it is there, no epoch that has begun ends


class Steps:
    """What a training would have learnt: a value that is wrong when a resume forgets it."""

    done = 0

    def state_dict(self):
        return {"done": self.done}

    def load_state_dict(self, state):
        self.done = state["done"]


def load():
    x = np.linspace(0.0, 1.0, 60).reshape(60, 1)
    whole = Split(x, (x[:, 0] > 0.5).astype(int))
    rows = np.arange(60)
    return Data(*(whole.take(rows[rows % 5 == one]) for one in (0, 1, 2)))


def train(trial, data):
    steps = Steps()
    trial.track(steps=steps)
    for _ in trial.epochs(EPOCHS):
        time.sleep(SECONDS)
        while HANG.exists():
            HANG.with_name(f"hanging-{os.getpid()}").touch()
            time.sleep(0.01)
        steps.done += 1
        if trial.params["act"] == "fail":
            raise RuntimeError("this trial was told to fail")
        height = 1.0 - (trial.params["x"] - 0.7) ** 2
        noise = (trial.seed % 1000) / 1e6
        trial.report(score=height * steps.done / EPOCHS + noise, steps=steps.done)
'''

EXPECTATIONS = """\
import great_expectations.expectations as gxe


def expectations():
    return [gxe.ExpectColumnValuesToBeInSet(column="label", value_set=[0])]
"""


def write_study(
    folder: Path,
    *,
    worth: str = "0.001 EUR per point",
    budget: str = "time: 10 min, trials: 200",
    acts: str = "work",
    workers: int = 1,
    seeds: int = 1,
    epochs: int = 4,
    seconds: float = 0.004,
) -> Path:
    """Write a tiny study; its trials take `epochs` times `seconds`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = STUDY.replace("WORTH", worth).replace("BUDGET", budget).replace("ACTS", acts)
    text = text.replace("FIRST", acts.split(",", maxsplit=1)[0]).replace("WORKERS", str(workers))
    text = text.replace("SEEDS", str(seeds))
    (folder / "study.yaml").write_text(text)
    problem = PROBLEM.replace("EPOCHS = 4", f"EPOCHS = {epochs}")
    problem = problem.replace("SECONDS = 0.004", f"SECONDS = {seconds}")
    (folder / "problem.py").write_text(problem)
    return folder


@dataclass
class Service:
    """The command line with a home of its own.

    Attributes:
        folder: Where its home and its studies are.
        prefect: The address of Prefect's API.
    """

    folder: Path
    prefect: str
    settings: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list, init=False)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "SATISFICE_HOME": str(self.home),
            "PREFECT_API_URL": self.prefect,
            "PREFECT_HOME": str(self.folder / "prefect"),
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "SATISFICE_"))}
        return kept | own | self.settings

    def study(self, **changes: Any) -> Path:
        """Write the tiny study."""
        return write_study(self.folder / "tiny", **changes)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start the command line in a process group of its own, as a terminal does."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "satisfice", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str | Path) -> Ended:
        """Run the command line to its end."""
        return self.end(self.start(*arguments))

    def end(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for the end of a process."""
        output, _ = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, output)

    def search(self, name: str = "tiny-1") -> Recorded:
        """Return what the files of a search hold."""
        return Recorded(self.home / "searches" / name)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open its store, as any reader may."""
        from satisfice.tasks.storage.store import open_store

        with open_store(f"sqlite:///{self.home / 'optuna.db'}") as opened:
            yield opened

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str


@dataclass(frozen=True)
class Recorded:
    """The files of a search."""

    folder: Path

    def journal(self, kind: str) -> list[Event]:
        """Return the facts of one kind that the coordinator has recorded."""
        return [one for one in read(self.folder / "journal.jsonl")[0] if one["kind"] == kind]

    def log(self, number: int, kind: str) -> list[Event]:
        """Return the events of one kind that a trial has recorded."""
        path = self.folder / "trials" / f"{number:05d}" / "events.jsonl"
        return [one for one in read(path)[0] if one["kind"] == kind]

    def epochs(self) -> int:
        """Return how many epochs all trials have reported."""
        folders = sorted((self.folder / "trials").glob("*"))
        return sum(len(self.log(int(one.name), "epoch")) for one in folders)


class Bridge:
    """A way to a server of loopback that can be cut, so that the server seems to have died."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """Close the way and all that is under way on it."""
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
                self._open += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while text := source.recv(1 << 16):
                target.sendall(text)
            target.shutdown(socket.SHUT_WR)


def until(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something holds; fail where the process ends before, or after a long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process is not None and process.poll() is not None:
            output = process.stdout.read() if process.stdout is not None else ""
            pytest.fail(f"the process ended with {process.returncode}:\n{output}")
        assert time.monotonic() < deadline, "this did not come to hold"
        time.sleep(0.02)


def hang(study: Path, process: subprocess.Popen[str]) -> int:
    """Let no epoch end any more; return the process of a training that hangs."""
    (study / "hang").touch()
    until(lambda: list(study.glob("hanging-*")), process)
    return int(next(study.glob("hanging-*")).name.removeprefix("hanging-"))


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return all processes that a process has started, and what they have started."""
    return psutil.Process(process.pid).children(recursive=True)


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask_prefect(api: str, path: str, **body: Any) -> Any:
    """Ask Prefect's API, as its own client does: again where its database was busy."""
    request = urllib.request.Request(
        f"{api}/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def answers(address: str) -> bool:
    """Tell whether a server is well."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
