"""Sweeps from the command line: their plans, their results, and how they are resumed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.e2e.service import Ended, Service, ask_prefect, family, until

RULES = """\
rules:
  - {id: not-too-far, require: x <= 0.8, because: it breaks}
"""
GRID = ("x=0.1..0.9:5", "act=work,fail")


@dataclass(frozen=True)
class Finished:
    """Two sweeps that have come to their end, the second one over more values."""

    service: Service
    study: Path
    first: Ended
    second: Ended


@pytest.fixture(scope="module")
def finished(
    new_service: Callable[[Path], Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    service = new_service(tmp_path_factory.mktemp("swept"))
    study = _study(service, worth="0.0001 EUR per point")
    first = service.run("sweep", study, *GRID)
    second = service.run("sweep", study, "x=0.1,0.2,0.4", "act=work", "--seed", "5")
    yield Finished(service, study, first, second)
    service.close()


def test_it_says_first_what_runs_and_then_trains_all_of_it(finished: Finished) -> None:
    output = finished.first.output
    told, _, ran = output.partition("data sixty-rows")

    assert finished.first.code == 0, output
    assert "10 combinations" in told
    assert "2 by not-too-far, such as x=0.9" in told
    assert "8 trials to run, 1 at a time" in told
    assert "expected cost: unknown" in told
    assert len(re.findall(r"^trial ", ran, re.MULTILINE)) == 8
    assert "tiny-1: Plan done" in ran
    assert "8 of 8 planned configurations were trained; a search would" in ran
    assert "best: score" in ran
    assert "nothing was confirmed or registered; --confirm does both" in ran
    assert "Traceback" not in output
    with finished.service.store() as store:
        search = store.open("tiny-1")
        assert search.confirmations() == ()
        assert search.info.ending == "Plan done"
        assert len(search.decisions()) == 8
        assert all(one.params["x"] <= 0.8 for one in search.history().trials)


def test_what_was_trained_before_tells_the_cost_and_is_not_trained_again(
    finished: Finished,
) -> None:
    output = finished.second.output

    assert finished.second.code == 0, output
    assert "1 trained before, 1 in tiny-1: not trained again (--again does)" in output
    assert "2 trials to run" in output
    expected = next(line for line in output.splitlines() if "expected: " in line)
    assert re.search(r"expected: .+, .+ EUR: 2 trials at .+ 4 finished trials of tiny-1", expected)
    with finished.service.store() as store:
        assert [one.params["x"] for one in store.open("tiny-2").history().trials] == [0.2, 0.4]
    third = finished.service.run("sweep", finished.study, "x=0.1,0.2,0.4", "act=work")
    assert third.code == 0, third.output
    assert "0 trials to run" in third.output
    with finished.service.store() as store:
        assert len(store.searches()) == 2


def test_a_later_search_begins_with_what_sweeps_have_found(finished: Finished) -> None:
    searched = finished.service.run("run", finished.study, "--trials", "2")

    assert searched.code == 0, searched.output
    told = "the sampler also learns from earlier sweeps: 4 trials of tiny-1, 2 trials of tiny-2"
    assert searched.output.count(told) == 2  # as it begins, and in its closing lines
    assert len(re.findall(r"^trial ", searched.output, re.MULTILINE)) == 2


def test_status_why_and_report_know_of_sweeps(finished: Finished) -> None:
    status = finished.service.run("status").output
    why = finished.service.run("why", finished.study, "--search", "tiny-1").output
    report = finished.service.run("report", finished.study)

    assert re.search(r"tiny-1 +sweep .* 8 of 8 .* Plan done", status)
    assert (
        "a sweep of x=0.1..0.9:5 act=work,fail: it trains its plan, whatever the decisions say"
        in why
    )
    assert "8 of 8 decisions are the same when replayed" in why
    assert report.code == 0
    for name, request in (("tiny-1", " ".join(GRID)), ("tiny-2", "x=0.1,0.2,0.4 act=work")):
        page = (finished.service.search(name).folder / "report.html").read_text()
        assert f"{name}: Plan done" in page
        assert f"satisfice sweep {finished.study} {request}" in page
        assert "Values and results" in page
    assert "1 of the values come from" not in page  # one parameter: lines and no map


def test_prefect_has_the_run_of_a_sweep(finished: Finished) -> None:
    (flow, *_) = ask_prefect(
        finished.service.prefect,
        "flow_runs/filter",
        flow_runs={"name": {"any_": [f"sweep {finished.study}"]}},
        sort="START_TIME_ASC",
    )
    assert (flow["state"]["type"], flow["state"]["name"]) == ("COMPLETED", "Plan done")
    assert flow["parameters"]["parameters"] == list(GRID)


def test_a_dry_run_says_the_same_and_begins_nothing(service: Service) -> None:
    study = _study(service)
    ended = service.run("sweep", study, "x=0..1", "--random", "12", "--dry-run", "--workers", "3")

    assert ended.code == 0, ended.output
    assert "combinations drawn" in ended.output
    assert "by not-too-far, such as x=" in ended.output
    assert "12 trials to run, 3 at a time" in ended.output
    with service.store() as store:
        assert store.searches() == ()


def test_a_mistake_is_told_before_anything_starts(service: Service) -> None:
    study = _study(service)
    for arguments, message in (
        (["y=1"], "the study has no parameter 'y'"),
        (["x=0..2:3"], "2 is outside of x, which is between 0.0 and 1.0"),
        (["x=0..1"], "does not say how many values it has"),
        (["x=1,2", "--grid", "--random", "3"], "--grid and --random exclude each other"),
        ([], "Missing argument 'NAME=VALUES...'"),
    ):
        ended = service.run("sweep", study, *arguments)
        assert ended.code == 2, ended.output
        assert message in ended.output
        assert "starting" not in ended.output


def test_kill_9_of_a_sweep_and_resume_goes_on_with_its_plan(service: Service) -> None:
    study = _study(service, epochs=50, seconds=0.04, workers=2, seeds=1)
    process = service.start(
        "sweep", study, "x=0.1,0.2,0.3,0.4,0.5", "--confirm", "--seed", "7", "--workers", "2"
    )
    until(lambda: _is_halfway(service), process)
    processes = family(process)
    process.kill()
    service.end(process)
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE
                          for one in processes))  # fmt: skip
    results = service.search().journal("result")
    begun = {one["number"] for one in service.search().journal("trial")}
    flying = begun - {one["number"] for one in results}
    started = {number for number in flying if service.search().log(number, "started")}
    assert len(results) < 5
    assert started

    ended = service.run("resume", study)
    assert ended.code == 0, ended.output
    assert "tiny-1: Plan done" in ended.output
    assert "5 of 5 planned configurations were trained" in ended.output
    with service.store() as store:
        assert [one.search for one in store.searches()] == ["tiny-1"]
        search = store.open("tiny-1")
        trained = sorted(float(one.params["x"]) for one in search.history().trials)
        assert trained == [0.1, 0.2, 0.3, 0.4, 0.5]
        assert search.info.seed == 7
        assert search.running() == ()
        assert {one.params["x"] for one in search.confirmations()} >= {0.5}
    for number in flying:  # an order may have been given and not begun
        attempts = [one["attempt"] for one in service.search().log(number, "started")]
        assert attempts == ([1, 2] if number in started else [2])


def _is_halfway(service: Service) -> bool:
    """Tell whether one trial has finished and one that was begun after it has a checkpoint.

    One that was begun beside it is about to finish too, maybe before it can be killed.
    """
    search = service.search()
    ended = {one["number"] for one in search.journal("result")}
    flying = {one["number"] for one in search.journal("trial") if one["number"] > 1} - ended
    return bool(ended) and any(search.log(one, "checkpoint") for one in flying)


def _study(service: Service, **changes: object) -> Path:
    study = service.study(**{"acts": "work,fail", **changes})
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(text + RULES)
    return study
