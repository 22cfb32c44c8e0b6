"""Whoever dies, and however: no process stays behind, and the search goes on where it can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.errors import ExternalSystemError, StudyCodeError
from satisfice.domain.trials.history import Failure, TrialState
from satisfice.tasks.files.events import read
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order
from tests.faults.acts import kinds, orders, until, write_study

PRICES = Prices()

COORDINATOR = """
import sys, threading
from pathlib import Path

sys.path.insert(0, {root!r})
from tests.faults.acts import orders, write_study
from satisfice.domain.economics.cost import Prices
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order

folder = Path({folder!r})
server = TrialServer(write_study(folder / "acts"))
print(server.pid, flush=True)
give = orders(server, folder)
for number, act in enumerate(["slow", "stuck", "parent"]):
    order = give(act, number, {{"file": str(folder / "grandchild")}})
    threading.Thread(target=run_order, args=(order, Prices(), server)).start()
"""


def _gone(processes: list[psutil.Process]) -> bool:
    def gone(process: psutil.Process) -> bool:
        try:
            return process.status() == psutil.STATUS_ZOMBIE  # a container may have nobody to reap
        except psutil.NoSuchProcess:
            return True

    return all(map(gone, processes))


def _pids(folder: Path) -> list[int]:
    logs = folder.glob("*/events.jsonl")
    return [event["pid"] for log in logs for event in read(log)[0] if event["kind"] == "started"]


def test_a_killed_coordinator_leaves_nobody_behind(tmp_path: Path, home: Path, root: Path) -> None:
    script = COORDINATOR.format(root=str(root), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as coordinator:
        assert coordinator.stdout is not None
        server = int(coordinator.stdout.readline())
        grandchild = tmp_path / "grandchild"
        until(lambda: len(_pids(tmp_path)) == 3 and grandchild.exists() and grandchild.read_text())
        pids = [server, *_pids(tmp_path), int(grandchild.read_text())]
        processes = [psutil.Process(pid) for pid in pids]
        assert not any(one.status() == psutil.STATUS_ZOMBIE for one in processes)
        coordinator.kill()
    until(lambda: _gone(processes), 10)


def test_a_killed_coordinator_does_not_leave_a_server_that_loads(
    tmp_path: Path, home: Path, root: Path
) -> None:
    problem = "import time\n\ndef load():\n    print('loading', flush=True)\n    time.sleep(600)\n"
    problem += "\ndef train(trial, data):\n    pass\n"
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(root)!r})
from tests.faults.acts import write_study
from satisfice.tasks.trial_server.client import TrialServer
server = TrialServer(write_study(Path({str(tmp_path)!r}) / "slow", {problem!r}))
print(server.pid, flush=True)
server.ready()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as coordinator:
        assert coordinator.stdout is not None
        server = psutil.Process(int(coordinator.stdout.readline()))
        until(lambda: any("loading" in log.read_text() for log in home.glob("servers/*/*.log")))
        coordinator.kill()
    until(lambda: _gone([server]), 10)


def test_a_killed_server_loses_its_trials_and_is_started_again(
    tmp_path: Path, give: Any, server: TrialServer
) -> None:
    order = give("parent", 0, {"file": str(tmp_path / "grandchild")})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_order, order, PRICES, server)
        until(lambda: "epoch" in kinds(order))
        processes = [psutil.Process(pid) for pid in (server.pid, *_pids(tmp_path))]
        processes.append(psutil.Process(int((tmp_path / "grandchild").read_text())))
        os.kill(server.pid, signal.SIGKILL)
        result = running.result()
    assert (result.state, result.failure) == (TrialState.FAILED, Failure.LOST)
    assert "the trial server was killed by signal 9" in result.reason
    assert result.cost.seconds > 0
    until(lambda: _gone(processes), 10)
    after = run_order(give("learn", 1), PRICES, server)
    assert after.state is TrialState.COMPLETE
    assert server.predict({"act": "learn"})["predicted.parameters"] == 58


def test_a_training_ends_with_its_supervisor(
    tmp_path: Path, give: Any, server: TrialServer
) -> None:
    order = give("parent", 0, {"file": str(tmp_path / "grandchild")})
    with server.train(order):
        until(lambda: "epoch" in kinds(order))
        processes = [psutil.Process(pid) for pid in _pids(tmp_path)]
        processes.append(psutil.Process(int((tmp_path / "grandchild").read_text())))
    until(lambda: _gone(processes), 10)
    assert run_order(give("learn", 1), PRICES, server).state is TrialState.COMPLETE


def test_a_training_that_ends_leaves_nothing_behind(
    tmp_path: Path, give: Any, server: TrialServer
) -> None:
    order = give("parent", 0, {"file": str(tmp_path / "grandchild"), "epochs": 30})
    assert run_order(order, PRICES, server).state is TrialState.COMPLETE
    grandchild = int((tmp_path / "grandchild").read_text())
    until(lambda: not psutil.pid_exists(grandchild) or _gone([psutil.Process(grandchild)]), 10)


def test_closing_the_server_ends_its_trials_which_can_be_resumed(
    tmp_path: Path, home: Path
) -> None:
    with TrialServer(write_study(tmp_path / "acts")) as server:
        make = orders(server, tmp_path)
        with ThreadPoolExecutor(2) as pool:
            given = [make("slow", 0), make("stuck", 1)]
            running = [pool.submit(run_order, one, PRICES, server) for one in given]
            until(lambda: all("epoch" in kinds(one) for one in given))
            processes = [psutil.Process(pid) for pid in (server.pid, *_pids(tmp_path))]
            server.close()
            results = [one.result() for one in running]
    assert [one.state for one in results] == [TrialState.RUNNING] * 2
    assert all("resumes" in one.reason for one in results)
    until(lambda: _gone(processes), 10)
    with pytest.raises(ExternalSystemError, match="was closed"):
        run_order(given[0], PRICES, server)


def test_a_fault_of_load_reaches_whoever_waits(tmp_path: Path, home: Path) -> None:
    problem = "def load():\n    return open('no such file')\n\ndef train(trial, data):\n    pass\n"
    study = write_study(tmp_path / "wrong", problem)
    with TrialServer(study) as server:
        for _ in range(2):
            with pytest.raises(StudyCodeError) as caught:
                server.ready()
            assert "problem.py:2: FileNotFoundError" in caught.value.message
            assert "the study folder" in caught.value.hint
