"""Scheduled runs from the command line: which ones start a search, and what they print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from satisfice.domain.trials.history import Purpose
from tests.e2e.service import Ended, Service, ask_prefect, hang

pytestmark = pytest.mark.timeout(900)

PROBLEM = '''\
"""A model that is good where its data lay when it was trained, in a few milliseconds an epoch."""

import time
from pathlib import Path

import numpy as np
import torch

from satisfice import Data, Split

SHIFT = Path(__file__).with_name("shift")  # how far the data has moved


class Model(torch.nn.Module):
    def __init__(self, params):
        super().__init__()
        self.height = 1.0 - (params["x"] - 0.7) ** 2
        self.place = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x - self.place


def build(params):
    return Model(params)


def load():
    shift = float(SHIFT.read_text()) if SHIFT.exists() else 0.0
    x = np.stack([np.arange(60), np.full(60, shift)], axis=1).astype("float32")
    whole = Split(x, np.arange(60) % 2)
    rows = np.arange(60)
    return Data(*(whole.take(rows[rows % 5 == one]) for one in (0, 1, 2)))


def train(trial, data):
    model = build(trial.params)
    trial.track(model=model)
    model.place.data.fill_(float(data.train.x[:, 1].mean()))
    for epoch in trial.epochs(4):
        time.sleep(0.004)
        noise = (trial.seed % 1000) / 1e6
        trial.report(score=evaluate(model, data.validation)["score"] * epoch / 4 + noise)
    return trial.finish(example_input=torch.zeros(1, 2))


def evaluate(model, split):
    return {"score": model.height - abs(float(model.place) - float(split.x[:, 1].mean()))}
'''
CHEAP, DEAR = "0.0005 EUR per point", "0.05 EUR per point"


@dataclass(frozen=True)
class Runs:
    """Six scheduled runs of one study.

    Attributes:
        service: Its home.
        study: Its folder.
        first: There is no earlier search.
        same: Nothing has changed.
        why: The output of `satisfice why` after that.
        status: The output of `satisfice status` after that.
        dear: Only the worth of a point has changed: it is a hundred times higher.
        moved: The data has changed, and the champion is worse on it.
        other: The code has changed.
        lost: The data has changed, and the champion's model was deleted.
    """

    service: Service
    study: Path
    first: Ended
    same: Ended
    why: Ended
    status: Ended
    dear: Ended
    moved: Ended
    other: Ended
    lost: Ended


@pytest.fixture(scope="module")
def runs(
    new_service: Callable[[Path], Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    service = new_service(tmp_path_factory.mktemp("runs"))
    study = service.study(worth=CHEAP, seeds=2)
    (study / "problem.py").write_text(PROBLEM)

    def run(*options: str) -> Ended:
        return service.run("run", study, "--if-worth", *options)

    first, same = run(), run()
    why, status = service.run("why", study), service.run("status")
    _worth(study, CHEAP, DEAR)
    dear = run("--trials", "4")
    _worth(study, DEAR, CHEAP)
    (study / "shift").write_text("0.03")
    moved = run()
    (study / "problem.py").write_text(f"{PROBLEM}\n# another one\n")
    other = run("--trials", "3")
    (study / "shift").write_text("0.06")
    for model in service.search("tiny-4").folder.glob("trials/*/model.pt"):
        model.unlink()
    lost = run("--trials", "3")
    yield Runs(service, study, first, same, why, status, dear, moved, other, lost)
    service.close()


def test_the_first_run_is_an_ordinary_search(runs: Runs) -> None:
    assert runs.first.code == 0, runs.first.output
    assert "started by the schedule: tiny has not been searched yet" in runs.first.output
    assert "tiny-1: Not worth continuing" in runs.first.output
    assert "registered version 1 as champion" in runs.first.output
    assert _orders(runs, "tiny-1")[0]["purpose"] == Purpose.DEFAULT


def test_if_nothing_has_changed_nothing_is_validated_or_trained(
    runs: Runs,
) -> None:
    output = runs.same.output
    with runs.service.store() as store:
        (recorded,) = (
            one for one in store.open("tiny-1").decisions("schedule") if one.decision.stop
        )
        trials = len(store.open("tiny-1").history().trials)

    assert runs.same.code == 0, output
    assert "tiny: Skipped: expected gain below cost" in output
    assert recorded.decision.reason in " ".join(output.split())
    assert re.match(
        r"the data has not changed since tiny-1: "
        r"\d+ more trials? would bring [\d.]+ EUR \([\d.]+ points\)"
        r" and cost [\d.]+ EUR .*would pay for itself",
        recorded.decision.reason,
    )
    assert recorded.after == trials
    assert "expectations are met" not in output
    assert not re.search(r"^trial ", output, re.MULTILINE)
    assert "Traceback" not in output


def test_prefect_shows_the_skipped_run_with_its_reason(runs: Runs) -> None:
    (flow,) = (
        one
        for one in ask_prefect(
            runs.service.prefect,
            "flow_runs/filter",
            flow_runs={"name": {"any_": [f"search {runs.study}"]}},
        )
        if one["state"]["name"] == "Skipped: expected gain below cost"
    )
    (page,) = ask_prefect(
        runs.service.prefect,
        "artifacts/filter",
        artifacts={"flow_run_id": {"any_": [flow["id"]]}},
    )

    assert flow["state"]["type"] == "COMPLETED"
    assert flow["state"]["message"].startswith("the data has not changed since tiny-1: ")
    assert flow["parameters"]["if_worth"] is True
    assert page["key"] == "tiny-schedule"
    assert flow["state"]["message"] in page["data"]
    assert "| expected_gain |" in page["data"]


def test_status_and_why_show_the_skipped_run(runs: Runs) -> None:
    assert "Not worth continuing; 1 scheduled run skipped since" in runs.status.output
    why = " ".join(runs.why.output.split())
    assert "started by the schedule: tiny has not been searched yet" in why
    assert re.search(
        r"1 scheduled run was skipped since, on \d{4}-.*: the data has not changed since tiny", why
    )


def test_at_a_higher_worth_a_run_continues_the_last_search(runs: Runs) -> None:
    output, orders = runs.dear.output, _orders(runs, "tiny-2")
    with runs.service.store() as store:
        first, second = (store.open(one) for one in ("tiny-1", "tiny-2"))
        known = len(first.history().trials)
        (decided, *_) = second.decisions()
    before = {(one["params"]["x"], one["seed"]) for one in _orders(runs, "tiny-1")}
    why = runs.service.run("why", runs.study, "--search", "tiny-2").output

    assert runs.dear.code == 0, output
    assert re.search(r"schedule: the data has not changed since tiny-1: \d+ more trials", output)
    assert " EUR for confirmation" in output
    assert f"the sampler also learns from earlier searches: {known} trials of tiny-1" in output
    assert orders[0]["params"] == _champion(runs, "tiny-1")
    assert orders[1]["purpose"] == Purpose.DEFAULT
    assert not before & {(one["params"]["x"], one["seed"]) for one in orders}
    assert decided.decision.evidence["trials"] == known + 1  # the stop counts all of them
    assert "4 of 4 decisions are the same when replayed" in why


def test_on_new_data_the_budget_is_capped_at_what_the_champion_has_lost(runs: Runs) -> None:
    output, orders = runs.moved.output, _orders(runs, "tiny-3")
    with runs.service.store() as store:
        search = store.open("tiny-3")
        (begun,) = search.decisions("schedule")
        (decided, *_) = search.decisions()
        spent = sum(one.cost.money for one in (*search.history().trials, *search.confirmations()))
    evidence = begun.decision.evidence

    assert runs.moved.code == 0, output
    assert re.search(r"the data is new: the champion reaches 0\.9\d+ on it \(±", output)
    assert evidence["before"] - evidence["now"] == pytest.approx(0.03, abs=0.002)
    assert evidence["retraining"] == pytest.approx(3 * 0.0005, rel=0.05)  # three points lost
    assert spent <= evidence["most"]
    assert decided.decision.evidence["left_money"] < 0.75 * evidence["most"]
    assert orders[0]["params"] == _champion(runs, "tiny-1")
    assert Purpose.DEFAULT not in {one["purpose"] for one in orders[:5]}  # the best known are first
    assert decided.decision.evidence["trials"] == 1  # what was found on other data does not count


def test_new_code_starts_an_ordinary_search(runs: Runs) -> None:
    output, orders = runs.other.output, _orders(runs, "tiny-4")

    assert runs.other.code == 0, output
    assert "started by the schedule: problem.py has changed since tiny-3" in output
    assert orders[0]["purpose"] == Purpose.DEFAULT
    assert "the sampler also learns" not in output


def test_a_missing_champion_is_reported_and_starts_an_ordinary_search(
    runs: Runs,
) -> None:
    output = runs.lost.output
    told = "the data has changed since tiny-4, and no champion was scored on it: model.pt"

    assert runs.lost.code == 0, output
    assert f"started by the schedule: {told} of tiny-4 is missing" in output
    assert "tiny-5: Budget spent" in output
    assert "Traceback" not in output


def test_two_runs_at_once_are_refused(service: Service) -> None:
    study = service.study()
    process = service.start("run", study, "--if-worth")
    hang(study, process)
    second = service.run("run", study, "--if-worth")

    assert second.code == 2
    assert f"study 'tiny' is being run by process {process.pid}" in second.output
    assert "Traceback" not in second.output


def _worth(study: Path, old: str, new: str) -> None:
    file = study / "study.yaml"
    file.write_text(file.read_text().replace(old, new))


def _orders(runs: Runs, search: str) -> list[dict[str, Any]]:
    return runs.service.search(search).journal("trial")


def _champion(runs: Runs, search: str) -> dict[str, Any]:
    """Return the configuration that a search has confirmed as its winner."""
    confirmed = [one for one in _orders(runs, search) if one["purpose"] == Purpose.CONFIRMATION]
    params: dict[str, Any] = confirmed[0]["params"]
    return params
