"""Night after night from the command line: what begins, what does not, and what each says."""

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
class Nights:
    """One study on six nights.

    Attributes:
        service: Its home.
        study: Its folder.
        first: Nothing is known.
        same: Nothing is new.
        why: What `satisfice why` said then.
        status: What `satisfice status` said then.
        dear: Nothing is new, and a point is worth a hundred times as much.
        moved: The data is new, and the champion has lost.
        other: The code is new.
        lost: The data is new, and the champion's model was deleted.
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
def nights(
    new_service: Callable[[Path], Service], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nights]:
    service = new_service(tmp_path_factory.mktemp("nights"))
    study = service.study(worth=CHEAP, seeds=2)
    (study / "problem.py").write_text(PROBLEM)

    def night(*options: str) -> Ended:
        return service.run("run", study, "--if-worth", *options)

    first, same = night(), night()
    why, status = service.run("why", study), service.run("status")
    _worth(study, CHEAP, DEAR)
    dear = night("--trials", "4")
    _worth(study, DEAR, CHEAP)
    (study / "shift").write_text("0.03")
    moved = night()
    (study / "problem.py").write_text(f"{PROBLEM}\n# another one\n")
    other = night("--trials", "3")
    (study / "shift").write_text("0.06")
    for model in service.search("tiny-4").folder.glob("trials/*/model.pt"):
        model.unlink()
    lost = night("--trials", "3")
    yield Nights(service, study, first, same, why, status, dear, moved, other, lost)
    service.close()


def test_the_first_night_is_a_search_like_any_other(nights: Nights) -> None:
    assert nights.first.code == 0, nights.first.output
    assert "why it began: nothing is known of tiny yet" in nights.first.output
    assert "tiny-1: Not worth continuing" in nights.first.output
    assert "registered version 1 as champion" in nights.first.output
    assert _orders(nights, "tiny-1")[0]["purpose"] == Purpose.DEFAULT


def test_a_night_with_nothing_new_ends_before_anything_is_validated_or_trained(
    nights: Nights,
) -> None:
    output = nights.same.output
    with nights.service.store() as store:
        (recorded,) = (
            one for one in store.open("tiny-1").decisions("schedule") if one.decision.stop
        )
        trials = len(store.open("tiny-1").history().trials)

    assert nights.same.code == 0, output
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


def test_prefect_has_that_night_by_its_name_with_its_reason(nights: Nights) -> None:
    (flow,) = (
        one
        for one in ask_prefect(
            nights.service.prefect,
            "flow_runs/filter",
            flow_runs={"name": {"any_": [f"search {nights.study}"]}},
        )
        if one["state"]["name"] == "Skipped: expected gain below cost"
    )
    (page,) = ask_prefect(
        nights.service.prefect,
        "artifacts/filter",
        artifacts={"flow_run_id": {"any_": [flow["id"]]}},
    )

    assert flow["state"]["type"] == "COMPLETED"
    assert flow["state"]["message"].startswith("the data has not changed since tiny-1: ")
    assert flow["parameters"]["if_worth"] is True
    assert page["key"] == "tiny-schedule"
    assert flow["state"]["message"] in page["data"]
    assert "| expected_gain |" in page["data"]


def test_status_and_why_tell_of_it(nights: Nights) -> None:
    assert "Not worth continuing; since then 1 night not worth it" in nights.status.output
    why = " ".join(nights.why.output.split())
    assert "why it began: nothing is known of tiny yet" in why
    assert re.search(
        r"1 night since was not worth it, on \d{4}-.*: the data has not changed since tiny", why
    )


def test_where_a_point_is_worth_more_it_goes_on_where_the_last_one_ended(nights: Nights) -> None:
    output, orders = nights.dear.output, _orders(nights, "tiny-2")
    with nights.service.store() as store:
        first, second = (store.open(one) for one in ("tiny-1", "tiny-2"))
        known = len(first.history().trials)
        (decided, *_) = second.decisions()
    before = {(one["params"]["x"], one["seed"]) for one in _orders(nights, "tiny-1")}
    why = nights.service.run("why", nights.study, "--search", "tiny-2").output

    assert nights.dear.code == 0, output
    assert re.search(
        r"why it began: the data has not changed since tiny-1: \d+ more trials would", output
    )
    assert " EUR for confirmation" in output
    assert f"the sampler begins with trials of earlier searches: {known} of tiny-1" in output
    assert orders[0]["params"] == _champion(nights, "tiny-1")
    assert orders[1]["purpose"] == Purpose.DEFAULT
    assert not before & {(one["params"]["x"], one["seed"]) for one in orders}
    assert decided.decision.evidence["trials"] == known + 1  # the stop counts all of them
    assert "4 of 4 decisions come out the same when replayed" in why


def test_new_data_is_searched_for_what_the_champion_has_lost_on_it(nights: Nights) -> None:
    output, orders = nights.moved.output, _orders(nights, "tiny-3")
    with nights.service.store() as store:
        search = store.open("tiny-3")
        (begun,) = search.decisions("schedule")
        (decided, *_) = search.decisions()
        spent = sum(one.cost.money for one in (*search.history().trials, *search.confirmations()))
    evidence = begun.decision.evidence

    assert nights.moved.code == 0, output
    assert re.search(r"the data is new: the champion reaches 0\.9\d+ on it \(±", output)
    assert evidence["before"] - evidence["now"] == pytest.approx(0.03, abs=0.002)
    assert evidence["retraining"] == pytest.approx(3 * 0.0005, rel=0.05)  # three points lost
    assert spent <= evidence["most"]
    assert decided.decision.evidence["left_money"] < 0.75 * evidence["most"]
    assert orders[0]["params"] == _champion(nights, "tiny-1")
    assert Purpose.DEFAULT not in {one["purpose"] for one in orders[:5]}  # the best known are first
    assert decided.decision.evidence["trials"] == 1  # what was found on other data does not count


def test_new_code_is_searched_as_usual(nights: Nights) -> None:
    output, orders = nights.other.output, _orders(nights, "tiny-4")

    assert nights.other.code == 0, output
    assert "why it began: problem.py is not what it was for tiny-3" in output
    assert orders[0]["purpose"] == Purpose.DEFAULT
    assert "the sampler begins with" not in output


def test_a_champion_that_cannot_be_loaded_is_told_and_searched_for_as_usual(
    nights: Nights,
) -> None:
    output = nights.lost.output
    told = "the data is new since tiny-4, and no champion was scored on it: tiny-4 has lost its"

    assert nights.lost.code == 0, output
    assert f"why it began: {told} model.pt" in output
    assert "tiny-5: Budget spent" in output
    assert "Traceback" not in output


def test_two_nights_at_once_are_refused(service: Service) -> None:
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


def _orders(nights: Nights, search: str) -> list[dict[str, Any]]:
    return nights.service.search(search).journal("trial")


def _champion(nights: Nights, search: str) -> dict[str, Any]:
    """Return the configuration that a search has confirmed as its winner."""
    confirmed = [one for one in _orders(nights, search) if one["purpose"] == Purpose.CONFIRMATION]
    params: dict[str, Any] = confirmed[0]["params"]
    return params
