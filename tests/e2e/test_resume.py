"""Searches that are interrupted, killed and resumed lose nothing that was recorded."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil

from satisfice.domain.trials.history import TrialRecord
from satisfice.tasks.files import control
from tests.e2e.service import Recorded, Service, family, hang, until

# A first checkpoint comes after a second of training, so a trial takes two.
LONG = {"epochs": 50, "seconds": 0.04, "worth": "1 EUR per point"}


def test_ctrl_c_saves_what_runs_and_resume_goes_on(service: Service) -> None:
    study = service.study(**LONG, workers=2, seeds=2)
    process = service.start("run", study)
    until(lambda: _with_checkpoint(service.search()), process)
    saved = _with_checkpoint(service.search())
    os.killpg(process.pid, signal.SIGINT)
    ended = service.end(process)
    flying = _flying(service.search())
    assert ended.code == 130, ended.output
    assert "tiny-1: Interrupted" in ended.output
    assert f"satisfice resume {study}" in ended.output
    assert "Traceback" not in ended.output
    assert set(saved) <= set(flying)
    assert "unfinished, can be resumed" in service.run("status").output

    process = service.start("resume", study, "--trials", "2")
    until(lambda: _confirming(service.search()), process)
    decided = service.search().journal("decision")
    os.killpg(process.pid, signal.SIGINT)
    ended = service.end(process)
    assert ended.code == 130, ended.output
    assert _flying(service.search())

    ended = service.run("resume", study, "--trials", "2")
    assert ended.code == 0, ended.output
    assert "tiny-1: Budget spent" in ended.output
    search = _is_one_search(service, trials=2, seeds=2)
    for number in flying:
        _went_on(search, number)
    again = search.journal("decision")[len(decided) :]
    assert all(
        one["stop"] for one in again
    )  # no search begins again while its leaders are confirmed


def test_kill_9_of_the_coordinator_leaves_nobody_and_resume_goes_on(service: Service) -> None:
    study = service.study(**LONG, workers=2, seeds=2)
    process = service.start("run", study, "--trials", "3", "--seed", "7")
    until(lambda: _with_checkpoint(service.search()), process)
    flying = _kill(service, process)

    process = service.start("resume", study, "--trials", "3")
    until(lambda: len(_confirming(service.search())) == 2, process)
    confirming = _kill(service, process)
    assert len(confirming) == 2

    ended = service.run("resume", study, "--trials", "3")
    assert ended.code == 0, ended.output
    search = _is_one_search(service, trials=3, seeds=2)
    for number in (*flying, *confirming):
        _went_on(search, number)
    with service.store() as store:
        assert store.open("tiny-1").info.seed == 7


def test_a_second_ctrl_c_ends_at_once(service: Service) -> None:
    study = service.study(worth="1 EUR per point", workers=2)
    process = service.start("run", study)
    search = service.search()
    until(lambda: len(search.journal("result")) >= 3, process)
    hang(study, process)  # what runs cannot be saved, since its epoch does not end
    told = search.journal("result")
    processes = family(process)
    os.killpg(process.pid, signal.SIGINT)
    until(lambda: control.command(search.folder / "control.json") == "stop", process)
    os.killpg(process.pid, signal.SIGINT)
    ended = service.end(process)
    until(lambda: not any(map(_lives, processes)))
    with service.store() as store:
        trials = store.open("tiny-1").history().trials

    assert ended.code == 130, ended.output
    assert "what was recorded is kept" in ended.output
    assert "resource_tracker" not in ended.output
    assert "Traceback" not in ended.output
    assert [one.number for one in trials][: len(told)] == [one["number"] for one in told]
    assert _flying(search)


def _with_checkpoint(search: Recorded) -> list[int]:
    """Return the trials in flight that have saved a checkpoint, if one has finished besides."""
    return [number for number in _flying(search) if search.log(number, "checkpoint")]


def _confirming(search: Recorded) -> list[int]:
    """Return the confirmations in flight that have trained in this process."""
    orders = search.journal("trial")
    confirmations = {one["number"] for one in orders if one["purpose"] == "confirmation"}
    flying = [one for one in _flying(search) if one in confirmations]
    return [one for one in flying if search.log(one, "epoch")]


def _flying(search: Recorded) -> list[int]:
    """Return the trials that were begun and have no result."""
    ended = {one["number"] for one in search.journal("result")}
    return sorted({one["number"] for one in search.journal("trial")} - ended)


def _kill(service: Service, process: subprocess.Popen[str]) -> list[int]:
    """Kill the coordinator, wait until all that it has started is gone, and return what flew."""
    processes = family(process)
    assert len(processes) >= 3  # the server and what it has forked, the companions
    process.kill()
    service.end(process)
    until(lambda: not any(map(_lives, processes)))
    return _flying(service.search())


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_one_search(service: Service, trials: int, seeds: int) -> Recorded:
    """Check that the store has one search: each trial told once, each leader confirmed in full."""
    with service.store() as store:
        assert [one.search for one in store.searches()] == ["tiny-1"]
        search = store.open("tiny-1")
        confirmations = search.confirmations()
        records: list[TrialRecord] = [*search.history().trials, *confirmations]
        assert search.running() == ()
        assert search.info.ending
    assert len(search.history().trials) == trials
    params = [tuple(one.params.items()) for one in confirmations]
    assert {params.count(one) for one in params} == {seeds}
    assert all(one.has_value for one in confirmations)
    assert len({one.seed for one in records}) == len(records)
    assert sorted(one.number for one in records) == list(range(len(records)))
    results = [one["number"] for one in service.search().journal("result")]
    assert sorted(results) == list(range(len(records)))
    assert Path(service.search().folder / "report.html").exists()
    return service.search()


def _went_on(search: Recorded, number: int) -> None:
    """Check that a trial has resumed: a second attempt, and a curve without a seam."""
    started = search.log(number, "started")
    assert [one["attempt"] for one in started] == [1, 2]
    saved = search.log(number, "checkpoint")
    first = started[1]["from_epoch"]
    assert first == 1 or first - 1 in [one["epoch"] for one in saved]
    curve = {one["epoch"]: one for one in search.log(number, "epoch")}
    state = search.log(number, "finished")[-1]["state"]
    assert state in ("complete", "pruned")
    last = max(curve)
    assert sorted(curve) == list(range(1, last + 1))
    assert all(curve[epoch]["metrics"]["steps"] == epoch for epoch in curve)
    seconds = [curve[epoch]["seconds"] for epoch in sorted(curve)]
    assert seconds == sorted(seconds)
