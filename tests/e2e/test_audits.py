"""A search that audits its rules, from the command line to its records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from satisfice.domain.economics.cost import total
from tests.e2e.service import Ended, Service, ask_prefect, until

RULES = """\
rules:
  - {id: as-always, require: act != 'new', because: we always did it that way, audit: 12%}
  - {id: sound, require: act != 'fail', because: it breaks, audit: 12%}
  - {id: near, require: x <= 0.8, because: people may be hurt, safety: true}
"""


@dataclass(frozen=True)
class Finished:
    """A search with audits that has come to its end."""

    service: Service
    study: Path
    ended: Ended


@pytest.fixture(scope="module")
def finished(
    new_service: Callable[[Path], Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    service = new_service(tmp_path_factory.mktemp("audited"))
    study = service.study(worth="1 EUR per point", budget="trials: 60", acts="work,new,fail")
    with (study / "study.yaml").open("a") as file:
        file.write(RULES)
    problem = study / "problem.py"  # what nobody dares is better by ten points
    dared = "height = 1.0 + 0.1 * (trial.params['act'] == 'new')"
    problem.write_text(problem.read_text().replace("height = 1.0", dared))
    yield Finished(service, study, service.run("run", study))
    service.close()


def test_one_rule_costs_quality_and_the_other_one_holds(finished: Finished) -> None:
    output = finished.ended.output
    assert finished.ended.code == 0, output
    told = {line.split()[1]: line for line in output.splitlines() if line.startswith("  rule ")}
    assert told.keys() == {"as-always", "sound"}
    assert "rule as-always costs quality: outside was better by 10 points" in told["as-always"]
    assert "rule sound holds: " in told["sound"]
    assert "trainings outside failed (crashed), 0 of" in told["sound"]
    assert "Traceback" not in output


def test_audits_are_labelled_everywhere_and_kept_apart(finished: Finished) -> None:
    orders = finished.service.search().journal("trial")
    audits = {one["number"]: one for one in orders if one["purpose"] == "audit"}
    lines = finished.ended.output.splitlines()
    printed = [line for line in lines if line.startswith("audit ")]
    assert len(audits) >= 6
    assert {int(line.split()[1]) for line in printed} == set(audits)
    with finished.service.store() as store:
        search = store.open("tiny-1")
        history, recorded = search.history(), search.audits()
        confirmations = search.confirmations()
    spent = total(one.cost for one in (*history.trials, *recorded))
    assert {one.number for one in recorded} == set(audits)
    assert not set(audits) & {one.number for one in history.trials}
    assert len(history.trials) + len(recorded) == 60
    assert {one.params["act"] for one in (*history.trials, *confirmations)} == {"work"}
    best = history.best
    assert best is not None
    assert max(one.value or 0.0 for one in recorded) > (best.value or 0.0)
    for rule in ("as-always", "sound"):
        own = [one.cost.seconds for one in recorded if one.audit and one.audit.rule == rule]
        assert sum(own) <= 0.12 * spent.seconds


def test_the_report_has_the_rules_with_their_audits(finished: Finished) -> None:
    page = (finished.service.search().folder / "report.html").read_text()
    assert "<b>costs quality</b>" in page
    assert "<b>holds</b>" in page
    assert "never (safety rule)" in page
    assert "from the average trial of this search" in page  # nothing can be built before training
    outcome = json.loads((finished.service.search().folder / "outcome.json").read_text())
    assert set(outcome["avoided"]) == set(outcome["excluded"])


def test_prefect_and_mlflow_tell_an_audit_from_a_trial(finished: Finished) -> None:
    orders = finished.service.search().journal("trial")
    wanted = {
        f"audit {one['number']} of {one['audit']['rule']}"
        for one in orders
        if one["purpose"] == "audit"
    }

    def told() -> set[str]:
        tasks = ask_prefect(finished.service.prefect, "task_runs/filter", limit=200)
        return {one["name"].partition(":")[0] for one in tasks}

    until(lambda: wanted <= told())  # Prefect's server records task runs by and by
    decision = {"key": {"any_": ["tiny-1-decision"]}}
    pages = ask_prefect(finished.service.prefect, "artifacts/filter", artifacts=decision)
    assert any("Rule as-always costs quality: outside was better" in one["data"] for one in pages)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.service.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny")
    runs = client.search_runs([experiment.experiment_id], "tags.`satisfice.purpose` = 'audit'")
    assert {one.data.tags["satisfice.audits"] for one in runs} == {"as-always", "sound"}
    assert len(runs) == len(wanted)
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`satisfice.search` = 'tiny-1'")
    assert parent.data.tags["satisfice.audit.as-always"].startswith("costs quality: ")
    assert parent.data.metrics["audit/as-always/mean"] == pytest.approx(10.0, abs=1.0)
