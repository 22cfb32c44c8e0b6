"""A search from the command line to its end, and what it leaves in each system."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Ended, Service, ask_prefect, until


@dataclass(frozen=True)
class Finished:
    """A search that has come to its end."""

    service: Service
    study: Path
    ended: Ended


@pytest.fixture(scope="module")
def finished(
    new_service: Callable[[Path], Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    service = new_service(tmp_path_factory.mktemp("finished"))
    study = service.study(seeds=2)
    yield Finished(service, study, service.run("run", study))
    service.close()


def test_it_ends_by_its_decision(finished: Finished) -> None:
    output = finished.ended.output

    assert finished.ended.code == 0, output
    assert "tiny-1: Not worth continuing" in output
    assert "more trial" in output
    assert "would bring" in output
    assert "Traceback" not in output


def test_it_prints_one_line_a_trial(finished: Finished) -> None:
    results = finished.service.search().journal("result")
    lines = finished.ended.output.splitlines()

    assert [one["number"] for one in results] == list(range(len(results)))
    for one in results:
        told = [line for line in lines if line.split()[1:3] == [str(one["number"]), one["state"]]]
        assert len(told) == 1, one


def test_the_report_is_there(finished: Finished) -> None:
    page = finished.service.search().folder / "report.html"

    assert "Not worth continuing" in page.read_text()


def test_the_store_has_the_trials_and_the_decisions(finished: Finished) -> None:
    with finished.service.store() as store:
        search = store.open("tiny-1")
        history, decisions = search.history(), search.decisions()

    assert search.info.ending == "Not worth continuing"
    assert len(history.complete) > 5
    assert [one.after for one in decisions] == list(range(1, len(history.trials) + 1))
    assert [one.decision.stop for one in decisions[:-1]] == [False] * (len(decisions) - 1)
    assert decisions[-1].decision.stop
    assert len(search.confirmations()) == 4  # the winner and the default, two seeds each


def test_prefect_has_the_run_by_its_ending_and_a_task_run_for_each_trial(
    finished: Finished,
) -> None:
    flow = flow_run(finished.service, finished.study)
    orders = finished.service.search().journal("trial")
    expected = {"load sixty-rows", "validate sixty-rows", "write report"} | {
        f"{'confirm' if one['purpose'] == 'confirmation' else 'trial'} {one['number']}:"
        f" x={one['params']['x']:.3g} act=work"
        for one in orders
    }

    def completed() -> set[str]:
        tasks = ask_prefect(
            finished.service.prefect,
            "task_runs/filter",
            flow_runs={"id": {"any_": [flow["id"]]}},
        )
        return {one["name"] for one in tasks if one["state"]["type"] == "COMPLETED"}

    assert (flow["state"]["type"], flow["state"]["name"]) == ("COMPLETED", "Not worth continuing")
    assert flow["parameters"]["study"] == str(finished.study)
    until(lambda: completed() == expected)  # Prefect's server records task runs by and by


def test_prefect_has_the_artifacts(finished: Finished) -> None:
    flow = flow_run(finished.service, finished.study)
    made = ask_prefect(
        finished.service.prefect,
        "artifacts/filter",
        artifacts={"flow_run_id": {"any_": [flow["id"]]}},
    )
    data = {one["key"]: (one["type"], one["data"]) for one in made}

    assert data["tiny-1-budget"][0] == "progress"
    assert 0 < data["tiny-1-budget"][1] <= 100
    kind, table = data["tiny-1-leaderboard"]
    assert kind == "table"
    best = json.loads(table)[0]
    assert set(best) == {"trial", "score", "seconds", "EUR", "x", "act"}
    kind, text = data["tiny-1-decision"]
    assert kind == "markdown"
    assert "expected_gain" in text
    links = {key for key, (kind, _) in data.items() if kind == "markdown"}
    assert {"tiny-1-report", "tiny-1-data-docs", "tiny-1-mlflow-run"} < links


def test_mlflow_has_a_parent_run_with_nested_trials(finished: Finished) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.service.home / 'mlflow.db'}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments)
    parents = [one for one in runs if "mlflow.parentRunId" not in one.data.tags]
    orders = finished.service.search().journal("trial")

    assert len(parents) == 1
    assert parents[0].info.status == "FINISHED"
    children = [one for one in runs if one is not parents[0]]
    assert {one.data.tags["mlflow.parentRunId"] for one in children} == {parents[0].info.run_id}
    assert len(children) == len(orders)
    assert sorted(float(one.data.params["x"]) for one in children) == pytest.approx(
        sorted(one["params"]["x"] for one in orders)
    )
    pages = [one.path for one in client.list_artifacts(parents[0].info.run_id)]
    assert {"report.html", "study.yaml"} <= set(pages)


def test_why_comes_to_the_same_decisions(finished: Finished) -> None:
    ended = finished.service.run("why", finished.study)
    with finished.service.store() as store:
        count = len(store.open("tiny-1").decisions())

    assert ended.code == 0, ended.output
    assert f"{count} of {count} decisions are the same when replayed" in ended.output


def test_why_decides_otherwise_at_another_worth_or_price(finished: Finished) -> None:
    dear = finished.service.run("why", finished.study, "--worth", "100 h per unit")
    cheap = finished.service.run("why", finished.study, "--price-hour", "360000")

    assert "would not have stopped within the trials that were run" in dear.output
    assert "would have stopped after 5 trials" in cheap.output
    assert (dear.code, cheap.code) == (0, 0)


def test_why_looks_at_one_moment_and_at_the_forecasts(finished: Finished) -> None:
    with finished.service.store() as store:
        count = len(store.open("tiny-1").history().trials)
    early = finished.service.run("why", finished.study, "--until", "5")
    late = finished.service.run("why", finished.study, "--until", str(count + 5))
    calibration = finished.service.run("why", finished.study, "--calibration")

    assert f"after 5 of {count} trials: best score 0." in early.output
    assert f"until {count + 5} trials: 5 more trials would gain" in late.output
    assert "this search: the next " in calibration.output
    assert (early.code, late.code, calibration.code) == (0, 0, 0)


def test_the_report_says_how_good_forecasts_were(finished: Finished) -> None:
    page = (finished.service.search().folder / "report.html").read_text()

    assert "Gain so far, and forecast gain and cost of more trials" in page
    assert "<b>This search:</b> the next " in page


def test_report_writes_the_page_again(finished: Finished) -> None:
    page = finished.service.search().folder / "report.html"
    before = page.read_text()
    page.unlink()
    ended = finished.service.run("report", finished.study)

    assert ended.code == 0, ended.output
    assert ended.output.strip() == str(page)
    assert page.read_text().count("<tr") == before.count("<tr")


def test_status_lists_the_search(finished: Finished) -> None:
    ended = finished.service.run("status")

    assert ended.code == 0, ended.output
    row = next(line for line in ended.output.splitlines() if line.startswith("tiny-1"))
    assert row.rstrip().endswith("Not worth continuing")


def test_resume_says_that_there_is_nothing_to_resume(finished: Finished) -> None:
    ended = finished.service.run("resume", finished.study)

    assert ended.code == 2
    assert "study 'tiny' has no unfinished search" in ended.output
    assert "Traceback" not in ended.output


def flow_run(service: Service, study: Path) -> dict[str, Any]:
    """Return the only flow run of a study."""
    runs = ask_prefect(
        service.prefect, "flow_runs/filter", flow_runs={"name": {"any_": [f"search {study}"]}}
    )
    assert len(runs) == 1
    found: dict[str, Any] = runs[0]
    return found
