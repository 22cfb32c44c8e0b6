"""The event logs of a search, shipped to a real MLflow server and to a local database."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.quality import Gate, GateResult
from satisfice.domain.space.space import Float, Parameter, Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.summary import Ending, SearchSummary
from satisfice.domain.trials.history import History
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.tracking import shipping
from satisfice.tasks.tracking.connection import open_client
from satisfice.tasks.tracking.shipping import log_outcome, prepare, ship
from satisfice.tasks.tracking.spool import trial_log

if TYPE_CHECKING:
    from mlflow.entities import Run

FORECAST = {"low": 40.0, "high": 160.0, "trials": 3.0}
TEXT = "study: {study}\nobjective: {{metric: accuracy, direction: maximize}}\n"


@dataclass
class Logs:
    """Writes what a coordinator and its trials would write."""

    folder: Path
    study: str
    search: str = "digits-1"
    _journal: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self._journal = EventLog(self.folder / "journal.jsonl")

    def begin(self) -> None:
        self._journal.append(
            "search",
            search=self.search,
            study=self.study,
            text=TEXT.format(study=self.study),
            environment={"commit": "4f" * 20, "python": "3.11.9"},
            rules=[{"id": "wide", "require": "channels >= 8", "because": "it underfits"}],
            data={"digest": "00ff00ff00ff00ff", "rows": {"train": 80}, "source": "digits"},
        )

    def trial(self, number: int, purpose: str = "search", **params: Any) -> EventLog:
        self._journal.append(
            "trial",
            number=number,
            params=params or {"lr": 0.1},
            purpose=purpose,
            seed=7,
            folder="",
            verdict={
                "margins": {"wide": 3.0},
                "predicted": {"predicted.parameters": 99.0, "predicted.memory_mb": 80.0},
                "forecasts": {"predicted.memory_mb": FORECAST},
            },
        )
        return EventLog(trial_log(self.folder, number))

    def epochs(self, log: EventLog, first: int, *values: float) -> None:
        for epoch, value in enumerate(values, first):
            log.append(
                "epoch",
                epoch=epoch,
                value=value,
                metrics={"accuracy": value, "loss": 1 - value},
                seconds=1.0 * epoch,
                kwh=0.001,
                energy="estimated",
            )

    def result(
        self, number: int, value: float | None, state: str = "complete", **also: Any
    ) -> None:
        facts = {
            "state": state,
            "value": value,
            "metrics": {} if value is None else {"accuracy": value},
            "cost": {
                "seconds": 2.0,
                "kwh": 0.25,
                "kgco2e": 0.12,
                "money": 0.5,
                "energy": "estimated",
            },
            "failure": None,
            "reason": "",
        }
        self._journal.append("result", number=number, **(facts | also))

    def decide(self, after: int, gain: float) -> None:
        evidence = {"expected_gain": gain, "expected_cost": 0.5}
        reason = f"{gain} is expected"
        self._journal.append(
            "decision", place="search", after=after, stop=False, reason=reason, evidence=evidence
        )

    def end(self, ending: Ending = Ending.NOT_WORTH_CONTINUING) -> None:
        self._journal.append("end", ending=ending, reason="0.1 is less than 0.5")

    def whole_trial(self, number: int, *values: float) -> None:
        self.epochs(self.trial(number), 1, *values)
        self.result(number, values[-1])


@dataclass
class Mlflow:
    """What MLflow shows of a search."""

    uri: str
    run: str

    def parent(self) -> Run:
        return open_client(self.uri).get_run(self.run)

    def trials(self) -> dict[str, Run]:
        """The nested runs by trial; fails where one is there twice."""
        runs = open_client(self.uri).search_runs(
            [self.parent().info.experiment_id], f"tags.mlflow.parentRunId = '{self.run}'"
        )
        by_trial = {run.data.tags["satisfice.trial"]: run for run in runs}
        assert len(by_trial) == len(runs)
        return by_trial

    def curve(self, run: str, metric: str) -> list[tuple[int, float]]:
        history = open_client(self.uri).get_metric_history(run, metric)
        return sorted((one.step, one.value) for one in history)


@pytest.fixture(params=["server", "database"])
def uri(request: pytest.FixtureRequest) -> str:
    if request.param == "server":
        return str(request.getfixturevalue("mlflow_server").uri)
    return str(request.getfixturevalue("mlflow_database"))


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    logs = Logs(tmp_path, study=f"study-{tmp_path.name}-{os.getpid()}")
    logs.begin()
    yield logs
    shipping._known.clear()


def a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what only the memory of the companion knows."""
    monkeypatch.setattr(shipping, "_known", set())


def test_a_search_is_a_run_with_a_nested_run_a_trial(logs: Logs, uri: str) -> None:
    log = logs.trial(0, "default", lr=0.1, channels=16)
    logs.epochs(log, 1, 0.5, 0.6)
    first = ship(logs.folder, uri)

    seen = Mlflow(uri, first.run)
    streamed = seen.trials()["0"]
    assert (first.behind, first.waiting, first.reason) == (False, 0, "")
    assert seen.parent().info.status == streamed.info.status == "RUNNING"
    assert streamed.data.params == {"lr": "0.1", "channels": "16"}
    assert seen.curve(streamed.info.run_id, "accuracy") == [(1, 0.5), (2, 0.6)]

    logs.epochs(log, 3, 0.8)
    log.append("finished", state="complete", value=0.8, metrics={})
    logs.result(0, 0.8)
    logs.decide(1, 2.0)
    logs.whole_trial(1, 0.7)
    logs.decide(2, 0.25)
    logs.end()
    second = ship(logs.folder, uri)

    trial, parent = seen.trials()["0"], seen.parent()
    assert second == first
    assert trial.info.status == parent.info.status == "FINISHED"
    assert trial.info.run_name == "trial 0, default"
    assert seen.curve(trial.info.run_id, "accuracy") == [(1, 0.5), (2, 0.6), (3, 0.8)]
    wanted = {"cost/seconds": 2.0, "cost/kwh": 0.25, "cost/kgco2e": 0.12, "cost/money": 0.5}
    wanted |= {"margin/wide": 3.0, "predicted.parameters": 99.0, "predicted.memory_mb": 80.0}
    wanted |= {f"predicted.memory_mb/{name}": one for name, one in FORECAST.items()}
    assert wanted.items() <= trial.data.metrics.items()
    assert trial.data.tags["satisfice.energy_mode"] == "estimated"
    assert trial.data.tags["satisfice.state"] == "complete"
    assert seen.curve(first.run, "decision/expected_gain") == [(1, 2.0), (2, 0.25)]
    assert seen.curve(first.run, "search/incumbent") == [(1, 0.8), (2, 0.8)]
    assert seen.curve(first.run, "search/spent_money") == [(1, 0.5), (2, 1.0)]
    assert parent.data.tags["satisfice.ending"] == "Not worth continuing"
    assert parent.data.tags["environment.python"] == "3.11.9"
    assert parent.data.tags["rule.wide"] == "channels >= 8 because it underfits"
    assert parent.data.tags["mlflow.source.git.commit"] == "4f" * 20
    assert parent.inputs.dataset_inputs[0].dataset.digest == "00ff00ff00ff00ff"
    assert first.url.endswith(f"#/experiments/{parent.info.experiment_id}/runs/{first.run}")


def test_margins_of_soft_rules_are_metrics_and_what_breaks_one_is_no_incumbent(
    logs: Logs, mlflow_database: str
) -> None:
    for number, (value, margin) in enumerate([(0.5, 0.25), (0.9, -1.5), (0.6, 0.0)]):
        logs.epochs(logs.trial(number), 1, value)
        logs.result(number, value, margins={"fair": margin})
    shipped = ship(logs.folder, mlflow_database)
    seen = Mlflow(mlflow_database, shipped.run)
    margins = [run.data.metrics["margin/fair"] for _, run in sorted(seen.trials().items())]
    assert margins == [0.25, -1.5, 0.0]
    assert seen.curve(shipped.run, "search/incumbent") == [(1, 0.5), (2, 0.5), (3, 0.6)]


def test_the_study_and_the_data_can_be_read_back(logs: Logs, uri: str, tmp_path: Path) -> None:
    import mlflow.data

    run = ship(logs.folder, uri).run
    client = open_client(uri)
    assert {one.path for one in client.list_artifacts(run)} == {
        "study.yaml",
        "environment.json",
        "rules.json",
    }
    copy = client.download_artifacts(run, "study.yaml", str(tmp_path))
    assert Path(copy).read_text() == TEXT.format(study=logs.study)
    dataset = client.get_run(run).inputs.dataset_inputs[0]
    assert json.loads(dataset.dataset.profile) == {"rows": {"train": 80}}
    assert mlflow.data.get_source(dataset).to_dict()["tags"]["mlflow.source.name"] == "digits"


def test_a_server_that_was_away_misses_nothing(logs: Logs, mlflow_server: Any) -> None:
    log = logs.trial(0)
    logs.epochs(log, 1, 0.1)
    run = ship(logs.folder, mlflow_server.uri).run
    mlflow_server.kill()
    try:
        logs.epochs(log, 2, 0.2)
        logs.result(0, 0.2)
        logs.whole_trial(1, 0.3, 0.4)
        away = ship(logs.folder, mlflow_server.uri)
        still = ship(logs.folder, mlflow_server.uri)
    finally:
        mlflow_server.start()
    back = ship(logs.folder, mlflow_server.uri)

    assert (still.run, still.behind, still.waiting) == (away.run, away.behind, away.waiting)
    assert (away.run, away.behind, away.waiting) == (run, True, 6)
    assert mlflow_server.uri in away.reason
    assert (back.run, back.behind, back.waiting) == (run, False, 0)
    seen = Mlflow(mlflow_server.uri, run)
    trials = seen.trials()
    assert {number: one.info.status for number, one in trials.items()} == {
        "0": "FINISHED",
        "1": "FINISHED",
    }
    assert seen.curve(trials["0"].info.run_id, "accuracy") == [(1, 0.1), (2, 0.2)]
    assert seen.curve(trials["1"].info.run_id, "accuracy") == [(1, 0.3), (2, 0.4)]


@pytest.mark.parametrize("lost", ["the last step", "everything"])
def test_a_crash_before_the_place_was_saved_doubles_nothing(
    lost: str, logs: Logs, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = logs.folder / "shipped.json"
    log = logs.trial(0)
    logs.epochs(log, 1, 0.1)
    run = ship(logs.folder, uri).run
    before = place.read_bytes()
    logs.epochs(log, 2, 0.2, 0.3)
    logs.result(0, 0.3)
    logs.decide(1, 2.0)
    logs.whole_trial(1, 0.4)
    logs.trial(2)
    ship(logs.folder, uri)

    if lost == "everything":
        place.unlink()
    else:
        place.write_bytes(before)
    a_new_process(monkeypatch)
    logs.whole_trial(3, 0.5)
    again = ship(logs.folder, uri)

    seen = Mlflow(uri, run)
    trials = seen.trials()
    assert again.run == run
    assert sorted(trials) == ["0", "1", "2", "3"]
    assert seen.curve(trials["0"].info.run_id, "accuracy") == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert seen.curve(trials["1"].info.run_id, "cost/money") == [(1, 0.5)]
    assert seen.curve(run, "decision/expected_gain") == [(1, 2.0)]
    assert seen.curve(run, "search/spent_money") == [(1, 0.5), (2, 1.0), (3, 1.5)]
    assert len(seen.parent().inputs.dataset_inputs) == 1
    experiment = seen.parent().info.experiment_id
    assert len(open_client(uri).search_runs([experiment])) == 5


def test_more_points_and_parameters_than_one_call_may_hold(logs: Logs, uri: str) -> None:
    log = logs.trial(0, **{f"p{number}": number for number in range(130)})
    logs.epochs(log, 1, *(number / 1200 for number in range(1200)))
    logs.result(0, 1199 / 1200)
    run = ship(logs.folder, uri).run
    seen = Mlflow(uri, run)
    trial = seen.trials()["0"]
    assert len(seen.curve(trial.info.run_id, "accuracy")) == 1200
    assert len(trial.data.params) == 130


def test_a_trial_is_shown_as_what_became_of_it(logs: Logs, uri: str) -> None:
    logs.trial(0).append("failed", failure="crashed", reason="", traceback="KeyError: 'width'")
    logs.result(0, None, "failed", failure="crashed", reason="KeyError")
    logs.epochs(logs.trial(1), 1, 0.2)
    logs.result(1, 0.2, "pruned", reason="the next epoch is not worth it")
    logs.trial(2)
    logs.result(2, None, "failed", failure="stopped")
    logs.epochs(logs.trial(3, "confirmation"), 1, 0.9)
    logs.result(3, 0.9, metrics={"accuracy": 0.9, "test_accuracy": 0.85})
    run = ship(logs.folder, uri).run

    seen = Mlflow(uri, run)
    trials = seen.trials()
    statuses = [trials[number].info.status for number in "0123"]
    assert statuses == ["FAILED", "KILLED", "KILLED", "FINISHED"]
    assert trials["0"].data.tags["satisfice.failure"] == "crashed"
    assert trials["1"].data.tags["satisfice.reason"] == "the next epoch is not worth it"
    assert trials["3"].data.metrics["test_accuracy"] == 0.85
    assert trials["3"].data.tags["satisfice.purpose"] == "confirmation"
    files = open_client(uri).list_artifacts(trials["0"].info.run_id)
    assert [one.path for one in files] == ["traceback.txt"]
    # A confirmation and a failure are no progress of the search, but they were paid for.
    assert "search/incumbent" not in seen.parent().data.metrics
    assert seen.curve(run, "search/spent_money")[-1] == (3, 1.5)


def test_a_resumed_search_goes_on_in_its_runs(logs: Logs, uri: str) -> None:
    log = logs.trial(0)
    logs.epochs(log, 1, 0.1, 0.2)
    logs.end(Ending.INTERRUPTED)
    seen = Mlflow(uri, ship(logs.folder, uri).run)
    assert (seen.parent().info.status, seen.trials()["0"].info.status) == ("KILLED", "SCHEDULED")

    logs.begin()
    logs.trial(0)
    ship(logs.folder, uri)
    assert (seen.parent().info.status, seen.trials()["0"].info.status) == ("RUNNING", "RUNNING")

    logs.epochs(log, 2, 0.2, 0.3)  # epoch 2 again: its checkpoint was not written in time
    logs.result(0, 0.3)
    logs.end()
    ship(logs.folder, uri)
    trial = seen.trials()["0"]
    assert (seen.parent().info.status, trial.info.status) == ("FINISHED", "FINISHED")
    assert seen.curve(trial.info.run_id, "accuracy") == [(1, 0.1), (2, 0.2), (3, 0.3)]


def test_a_run_that_somebody_deleted_holds_up_no_other(logs: Logs, uri: str) -> None:
    log = logs.trial(0)
    run = ship(logs.folder, uri).run
    seen = Mlflow(uri, run)
    open_client(uri).delete_run(seen.trials()["0"].info.run_id)
    logs.epochs(log, 1, 0.1)
    logs.whole_trial(1, 0.3)
    shipped = ship(logs.folder, uri)
    assert not shipped.behind
    assert shipped.reason.startswith("trial 0: ")
    assert {number: one.info.status for number, one in seen.trials().items()} == {"1": "FINISHED"}


def test_searches_of_the_same_name_from_two_homes_stay_apart(
    logs: Logs, uri: str, tmp_path: Path
) -> None:
    other = Logs(tmp_path / "elsewhere", study=logs.study)
    other.begin()
    assert other.search == logs.search
    runs = {ship(one.folder, uri).run for one in (logs, other)}
    assert len(runs) == 2


def test_names_that_mlflow_refuses_are_changed(logs: Logs, uri: str) -> None:
    log = logs.trial(0, **{"p@1": 1, "../up": 2})
    log.append("epoch", epoch=1, value=0.5, metrics={"top@5": 0.9, "a//b": 0.1, "accuracy": 0.5})
    logs.result(0, 0.5)
    shipped = ship(logs.folder, uri)
    trial = Mlflow(uri, shipped.run).trials()["0"]
    assert shipped.reason == ""
    assert {"top_5", "a__b", "accuracy"} <= set(trial.data.metrics)
    assert set(trial.data.params) == {"p_1", "__up"}


def test_what_is_remembered_does_not_grow_with_the_trials(
    logs: Logs, mlflow_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "SLICE", 10)
    logs.whole_trial(0, 0.5)
    run = ship(logs.folder, mlflow_database).run
    size = (logs.folder / "shipped.json").stat().st_size
    for number in range(1, 40):
        logs.whole_trial(number, 0.5)
    ship(logs.folder, mlflow_database)
    assert len(Mlflow(mlflow_database, run).trials()) == 40
    assert (logs.folder / "shipped.json").stat().st_size <= size + 40  # longer numbers


def test_nobody_there(logs: Logs) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    prepare(uri)
    shipped = ship(logs.folder, uri)
    assert (shipped.run, shipped.url, shipped.behind, shipped.waiting) == ("", "", True, 1)


def test_somebody_there_who_never_answers(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        shipped = ship(logs.folder, f"http://127.0.0.1:{mute.getsockname()[1]}")
    assert shipped.behind
    assert "timed out" in shipped.reason.lower()


def test_a_search_that_has_not_begun(tmp_path: Path, mlflow_database: str) -> None:
    shipped = ship(tmp_path, mlflow_database)
    assert (shipped.run, shipped.behind, shipped.waiting) == ("", False, 0)


def test_a_local_database_keeps_its_artifacts_beside_it(logs: Logs, mlflow_database: str) -> None:
    run = ship(logs.folder, mlflow_database).run
    database = Path(mlflow_database.removeprefix("sqlite:///"))
    files = (database.parent / "mlartifacts").rglob("study.yaml")
    assert any(run in file.parts for file in files)


def summary(logs: Logs) -> SearchSummary:
    study = Study(
        name=logs.study,
        folder="",
        problem="problem.py",
        data=DataSource("digits"),
        objective=Objective("accuracy", Direction.MAXIMIZE),
        worth=Worth(1.0, stated="1 EUR per point"),
        prices=Prices("EUR"),
        budget=Budget(),
        space=Space((Parameter("lr", Float(0.0, 1.0)),)),
        gates=(Gate(Expression("latency_ms_p95 <= 20")),),
        text=TEXT.format(study=logs.study),
    )
    winner = Confirmed(
        "trial 3", {"lr": 0.1}, 0.98, (0.96, 0.97), (0.95, 0.97), (5, 6), 0.96, 0.94, 0.98
    )
    default = Confirmed("default", {"lr": 0.5}, None, (0.9,), (0.88, 0.9), (7, 8), 0.89, 0.87, 0.91)
    return SearchSummary(
        search=logs.search,
        study=study,
        ending=Ending.NOT_WORTH_CONTINUING,
        decision=Decision.to_stop("3 more trials would bring 0.10 EUR and cost 0.50 EUR"),
        history=History((), Direction.MAXIMIZE),
        decisions=(),
        ledger=Ledger(Budget(), Cost(60.0, 0.002, 0.001, 0.75, EnergyMode.ESTIMATED), 4),
        started=1_000_000.0,
        seconds=90.0,
        confirmed=(winner, default),
        gates=(GateResult("latency_ms_p95 <= 20", True, {"latency_ms_p95": 2.0}),),
    )


def test_the_outcome_is_added_to_the_run(logs: Logs, uri: str, tmp_path: Path) -> None:
    report, docs = tmp_path / "report.html", tmp_path / "docs" / "index.html"
    docs.parent.mkdir()
    report.write_text("<h1>report</h1>")
    docs.write_text("<h1>data</h1>")
    logs.end()
    log_outcome(logs.folder, uri, summary(logs), report, docs)
    shipped = log_outcome(logs.folder, uri, summary(logs), report, docs)

    run = open_client(uri).get_run(shipped.run)
    assert not shipped.behind
    wanted = {"test/mean": 0.96, "test/low": 0.94, "test/high": 0.98, "default/mean": 0.89}
    wanted |= {"total/money": 0.75, "total/kwh": 0.002, "total/trials": 4.0}
    assert wanted.items() <= run.data.metrics.items()
    assert run.data.metrics["test/optimism"] == pytest.approx(0.98 - 0.965)
    assert len(Mlflow(uri, shipped.run).curve(shipped.run, "test/mean")) == 1
    assert run.data.tags["satisfice.gates"] == "latency_ms_p95 <= 20: passed"
    note = run.data.tags["mlflow.note.content"]
    assert "3 more trials would bring 0.10 EUR and cost 0.50 EUR" in note
    assert "| 2 | 0.9600 | 0.9400 to 0.9800 |" in note
    files = {one.path for one in open_client(uri).list_artifacts(shipped.run)}
    assert {"report.html", "data", "study.yaml"} <= files


def test_an_outcome_waits_for_a_server_that_is_away(logs: Logs, mlflow_server: Any) -> None:
    ship(logs.folder, mlflow_server.uri)
    mlflow_server.kill()
    try:
        away = log_outcome(logs.folder, mlflow_server.uri, summary(logs), None, None)
    finally:
        mlflow_server.start()
    back = log_outcome(logs.folder, mlflow_server.uri, summary(logs), None, None)
    assert (away.behind, back.behind) == (True, False)
    tags = open_client(mlflow_server.uri).get_run(back.run).data.tags
    assert tags["satisfice.ending"] == "Not worth continuing"
