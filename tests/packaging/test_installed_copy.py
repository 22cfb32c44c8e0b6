"""A wheel in a fresh environment: all commands from an empty folder, and what they start."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import psutil
import pytest

from satisfice.domain.summary import Ending
from tests.conftest import ROOT
from tests.e2e.service import Ended, Recorded, ask_prefect, family, free_port, write_study
from tests.operation.conftest import Machine

pytestmark = pytest.mark.timeout(600)


@dataclass
class Installed(Machine):
    """A shell in an empty folder, where the command of an installation is on the path."""

    @property
    def place(self) -> Path:
        return self.folder / "empty"


@dataclass(frozen=True)
class Program:
    """A Python program that ran.

    Attributes:
        command: Its command line.
        folder: Its working directory.
        variables: The names in its environment.
    """

    command: tuple[str, ...]
    folder: str
    variables: frozenset[str]

    @property
    def is_safe(self) -> bool:
        """Whether it imports nothing from its working directory."""
        options = takewhile(lambda one: one[0] == "-" and one not in {"-m", "-c"}, self.command[1:])
        return "-P" in options


@pytest.fixture(scope="module")
def machine(
    interpreter: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    """A machine on which nothing but the wheel is installed."""
    command = interpreter("wheel").with_name("satisfice")
    made = Installed(tmp_path_factory.mktemp("machine"), (str(command),))
    made.place.mkdir()
    yield made
    made.close()


@pytest.fixture(scope="module")
def study(machine: Installed) -> Path:
    """A study that lies elsewhere."""
    return write_study(machine.folder / "studies" / "tiny")


@pytest.fixture(scope="module")
def searched(machine: Installed, study: Path) -> tuple[Ended, set[Program]]:
    """How a search ended that started a server of its own, and what ran meanwhile."""
    (study / "hang").touch()
    process = machine.start("run", study, "--trials", "2")
    seen: set[Program] = set()
    _watch(process, seen, lambda: list(study.glob("hanging-*")))
    (study / "hang").unlink()
    _watch(process, seen, lambda: process.poll() is not None)
    return Ended(process.wait(), machine.output(process)), seen


@pytest.fixture(scope="module")
def served(machine: Installed, searched: object) -> set[Program]:
    """What `satisfice ui` runs; after the search, which would have found its server."""
    ports = ("--prefect-port", str(free_port()), "--mlflow-port", str(free_port()))
    ui = machine.start("ui", *ports)
    seen: set[Program] = set()
    _watch(ui, seen, lambda: "Ctrl-C ends both" in machine.output(ui))
    return seen


@pytest.fixture(scope="module")
def deployed(machine: Installed, study: Path, served: object) -> dict[str, dict[str, Any]]:
    """What `satisfice deploy` has deployed."""
    ended = machine.run("deploy", study)
    assert ended.code == 0, ended.output
    return {one["name"]: one for one in ask_prefect(machine.pages["prefect"], "deployments/filter")}


def test_the_wheel_is_what_is_imported(interpreter: Callable[[str], Path]) -> None:
    python = interpreter("wheel")
    code = "import satisfice, sys; print(satisfice.__file__); print(*sys.path, sep='\\n')"
    told = subprocess.run(
        [python, "-P", "-c", code], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert Path(told[0]).is_relative_to(python.parents[1])
    assert str(ROOT / "src") not in told


def test_a_study_is_checked(machine: Installed, study: Path) -> None:
    ended = machine.run("check", study)

    assert ended.code == 0, ended.output


def test_a_study_is_searched(machine: Installed, searched: tuple[Ended, set[Program]]) -> None:
    ended, _ = searched
    told = Recorded(machine.home / "searches" / "tiny-1").journal("trial")

    assert ended.code == 0, ended.output
    assert f"tiny-1: {Ending.BUDGET_SPENT}" in ended.output
    assert sum(one["purpose"] != "confirmation" for one in told) == 2


def test_a_search_starts_only_safe_interpreters(searched: tuple[Ended, set[Program]]) -> None:
    _, seen = searched
    commands = [" ".join(one.command) for one in seen]

    for part in ("temporary_prefect", "trial_server.server", "spawn_main", "resource_tracker"):
        assert any(part in one for one in commands), f"{part} is not among {commands}"
    _are_safe(seen)


def test_the_pages_are_served_by_safe_interpreters(
    machine: Installed, served: set[Program]
) -> None:
    own = {one for one in served if "uvicorn" in one.command and not one.is_safe}

    assert any("prefect" in one.command for one in served)
    assert any("mlflow" in one.command for one in served)
    # MLflow starts its server itself, in a folder of ours where nothing can be imported.
    assert {one.folder for one in own} <= {str(machine.home)}
    _are_safe(served - own)


def test_deployments_name_what_is_installed(
    deployed: dict[str, dict[str, Any]], interpreter: Callable[[str], Path], machine: Installed
) -> None:
    entrypoints = {name: one["entrypoint"] for name, one in deployed.items()}
    commands = {one["job_variables"]["command"] for one in deployed.values()}

    assert entrypoints == {
        "tiny-nightly": "satisfice.flows.search.search",
        "tiny-on-demand": "satisfice.flows.search.search",
        "tiny-sweep": "satisfice.flows.sweep.sweep",
    }
    assert commands == {f"{interpreter('wheel')} -P -m satisfice.flows.engine"}
    assert {one["job_variables"]["working_dir"] for one in deployed.values()} == {
        str(machine.place)
    }


def test_a_worker_runs_what_is_deployed(
    machine: Installed, deployed: dict[str, dict[str, Any]]
) -> None:
    api = machine.pages["prefect"]
    asked = ask_prefect(
        api,
        f"deployments/{deployed['tiny-on-demand']['id']}/create_flow_run",
        parameters={"trials": 2},
        state={"type": "SCHEDULED"},
    )
    worker = machine.start("worker", PREFECT_WORKER_QUERY_SECONDS="1")
    seen: set[Program] = set()
    chosen = {"id": {"any_": [asked["id"]]}}
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(ask_prefect(api, "flow_runs/filter", flow_runs=chosen)[0]["state"])
        return found["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

    _watch(worker, seen, ended)
    machine.end(worker)

    assert (found["type"], found["name"]) == ("COMPLETED", Ending.BUDGET_SPENT), json.dumps(found)
    assert any("satisfice.flows.engine" in one.command for one in seen)
    assert any("trial_server.server" in " ".join(one.command) for one in seen)
    _are_safe(seen)


def test_nothing_was_written_where_it_was_called(
    machine: Installed, deployed: dict[str, dict[str, Any]]
) -> None:
    assert list(machine.place.iterdir()) == []


def _watch(process: subprocess.Popen[str], seen: set[Program], ended: Callable[[], object]) -> None:
    """Note what a process has started, until something holds."""
    while True:
        code = process.poll()
        for one in family(process) if code is None else ():
            with suppress(psutil.Error):
                seen.update(_program(one))
        if ended():
            return
        assert code is None, f"the process ended with {code}"
        time.sleep(0.3)  # a look costs some milliseconds


def _program(process: psutil.Process) -> list[Program]:
    command = tuple(process.cmdline())
    if not command or "python" not in Path(process.exe()).name:
        return []
    return [Program(command, process.cwd(), frozenset(process.environ()))]


def _are_safe(seen: set[Program]) -> None:
    assert [one.command for one in seen if not one.is_safe] == []
    assert [one.command for one in seen if "PYTHONSAFEPATH" in one.variables] == []
