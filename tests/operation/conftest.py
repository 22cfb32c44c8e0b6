"""The command line as people start it in a shell, and one `satisfice ui` for all these tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.e2e.service import PATIENCE, Ended, free_port, until

_OURS = ("PREFECT_", "MLFLOW_", "SATISFICE_")
# What a working directory must not hide.
_HIDING = ("mlflow", "numpy", "prefect", "satisfice", "tasks", "uvicorn")


@dataclass
class Machine:
    """A shell on a machine of its own: a working directory, a home, and what was started there."""

    folder: Path
    command: tuple[str, ...] = (sys.executable, "-P", "-m", "satisfice")
    started: list[subprocess.Popen[str]] = field(default_factory=list, init=False)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def place(self) -> Path:
        """The working directory."""
        return self.folder

    @property
    def pages(self) -> dict[str, str]:
        """What `satisfice ui` has noted: the addresses of `prefect` (its API) and `mlflow`."""
        noted: dict[str, str] = json.loads((self.home / "pages.json").read_text())
        return noted

    def start(self, *arguments: str | Path, **settings: str) -> subprocess.Popen[str]:
        """Start the command line in a process group of its own, as a terminal does."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
        own = {
            "SATISFICE_HOME": str(self.home),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }
        process = subprocess.Popen(
            [*self.command, *map(str, arguments)],
            cwd=self.place,
            env=kept | own | settings,
            stdout=(self.folder / f"output-{len(self.started)}").open("w"),
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str | Path) -> Ended:
        """Run the command line to its end."""
        process = self.start(*arguments)
        code = process.wait(PATIENCE)
        return Ended(code, self.output(process))

    def output(self, process: subprocess.Popen[str]) -> str:
        """Return what a process has printed so far."""
        return (self.folder / f"output-{self.started.index(process)}").read_text()

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a process that still runs as Ctrl-C does, and then for good."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def close(self) -> None:
        """End what still runs."""
        for process in reversed(self.started):
            self.end(process)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Machine]:
    """A machine where nothing runs yet."""
    machine = Machine(tmp_path)
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which `satisfice ui` runs, in a working directory with modules of its own."""
    made = Machine(tmp_path_factory.mktemp("machine"))
    for name in _HIDING:
        (made.folder / f"{name}.py").write_text("raise ImportError('of the working directory')\n")
    ports = ("--prefect-port", str(free_port()), "--mlflow-port", str(free_port()))
    ui = made.start("ui", *ports)

    def serves() -> bool:
        assert ui.poll() is None, made.output(ui)
        return "Ctrl-C ends both" in made.output(ui)

    until(serves)
    yield made
    made.close()


def lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
