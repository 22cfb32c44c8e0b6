"""What a search leaves beside the store."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Budget, EnergyMode, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.quality import GateResult, QualityAttributes
from satisfice.domain.space.space import Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.summary import (
    DataReport,
    Ending,
    ExpectationResult,
    Registration,
    SearchSummary,
)
from satisfice.domain.trials.history import History
from satisfice.tasks.files import outcome

STUDY = Study(
    "s",
    "/s",
    "problem.py",
    DataSource("nothing"),
    Objective("loss", Direction.MINIMIZE),
    Worth(1.0),
    Prices(),
    Budget(),
    Space(()),
)
SUMMARY = SearchSummary(
    search="s-1",
    study=STUDY,
    ending=Ending.NOT_WORTH_CONTINUING,
    decision=Decision.to_stop("enough"),
    history=History((), Direction.MINIMIZE),
    decisions=(),
    ledger=Ledger(Budget()),
    started=0.0,
    seconds=1.0,
    data=DataReport(
        "d", {"train": 3}, (ExpectationResult("all is well", False, 2, ("row 1", "row 2")),)
    ),
    excluded={"rule": 3},
    avoided={"rule": Avoided(3, 1.5, 1.0, 2.0, 0.001, 2, 1)},
    not_audited={"rule": "no model can be built outside of it"},
    confirmed=(
        Confirmed("trial 1", {"a": 1, "b": 0.5, "c": "x", "d": True}, 0.1, (0.2,), (), (7,),
                  0.2, -math.inf, math.inf),
        Confirmed("default", {}, None, (), (), (), math.nan, math.nan, math.nan),
    ),
    quality=QualityAttributes(1.0, 2.0, 0.1, EnergyMode.MEASURED, 10, 20, 30),
    gates=(GateResult("a <= 1", True, {"a": 0.5}),),
    registration=Registration("s", "3", "champion", "it is better"),
    environment={"python": "3"},
    links={"report": "/r"},
    notes=("ä note",),
)  # fmt: skip


def test_an_outcome_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    outcome.save(SUMMARY, path)
    again = outcome.load(path)
    first, default = again.confirmed
    assert first == SUMMARY.confirmed[0]
    assert {name: type(value) for name, value in first.params.items()} == {
        "a": int,
        "b": float,
        "c": str,
        "d": bool,
    }
    assert math.isnan(default.mean)
    parts = again.parts()
    for name in set(parts) - {"confirmed"}:
        assert parts[name] == getattr(SUMMARY, name), name
    assert list(tmp_path.iterdir()) == [path]


def test_an_outcome_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    outcome.save(SUMMARY, path)
    outcome.save(replace(SUMMARY, notes=()), path)
    assert outcome.load(path).notes == ()


def test_a_search_that_has_not_ended_has_an_empty_outcome(tmp_path: Path) -> None:
    kept = outcome.load(tmp_path / "outcome.json")
    assert replace(SUMMARY, **kept.parts()).confirmed == ()
    assert kept.data is None


def test_an_outcome_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    outcome.save(SUMMARY, path)
    text = path.read_text().replace('"inf"', "Infinity").replace('"-inf"', "-Infinity")
    path.write_text(text.replace('"nan"', "NaN"))
    first, default = outcome.load(path).confirmed
    assert first == SUMMARY.confirmed[0]
    assert math.isnan(default.mean)
