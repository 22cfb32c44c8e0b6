"""What rules have spared, from the journal and from models that are built without being trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from satisfice.domain.economics.cost import Budget, Cost, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.predicted import EPOCH_SECONDS, EXAMPLES, MACS, OPERATIONS, SIZE
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Int, Parameter, Params, Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.trials.history import CurvePoint, History, TrialRecord, TrialState
from satisfice.flows.stages.savings import avoided

STUDY = Study(
    "s", "/s", "problem.py", DataSource("d"), Objective("score", Direction.MAXIMIZE), Worth(1.0),
    Prices("EUR", hour=36.0), Budget(), Space((Parameter("width", Int(1, 1000)),)),
    RuleBook(
        (Rule("narrow", Expression("width <= 10")), Rule("even", Expression("width % 2 == 0")))
    ),
)  # fmt: skip


class Server:
    """Builds models of an even width, whose epochs take a second for each ten of it."""

    def __init__(self, builds: bool = True) -> None:
        self.builds, self.asked = builds, list[int]()

    def predict(self, params: Params, predictions: Iterable[str]) -> Mapping[str, float]:
        assert list(predictions) == [EPOCH_SECONDS]
        width = int(params["width"])
        self.asked.append(width)
        if not self.builds or width % 2:
            raise StudyCodeError("no such model")
        return {MACS: width * 1e7, EXAMPLES: 5 / 0.3, OPERATIONS: 1.0, SIZE: 4.0 * width}


def history(*widths: int) -> History:
    """Trials of three epochs, as long as their width says, and half an epoch to set up."""
    trials = []
    for number, width in enumerate(widths):
        epoch = width / 10
        curve = tuple(CurvePoint(at, 0.5, (at + 0.5) * epoch) for at in (1, 2, 3))
        cost = Cost(3.5 * epoch, money=0.01 * 3.5 * epoch)
        params = {"width": width}
        trials.append(TrialRecord(number, params, TrialState.COMPLETE, 0.5, curve, cost))
    return History(tuple(trials), Direction.MAXIMIZE)


def fact(**widths: int) -> dict[str, Any]:
    examples = {rule: {"width": width} for rule, width in widths.items()}
    return {"kind": "excluded", "rules": dict.fromkeys(widths, 1), "examples": examples}


def run(server: Server, counts: Mapping[str, int], facts: list[dict[str, Any]]) -> dict[str, Any]:
    done = history(2, 4, 6, 8, 10, 8, 6, 4, 2, 10, 4, 8)
    return avoided(STUDY, done, counts, facts, server)  # type: ignore[arg-type]


def test_wide_models_are_forecast_to_take_as_long_as_they_are_wide() -> None:
    facts = [{"kind": "trial"}, fact(narrow=40), fact(narrow=80), {"kind": "excluded", "rules": {}}]
    found = run(Server(), {"narrow": 2}, facts)
    one = found["narrow"]
    expected = 3.5 * (40 + 80) / 10
    assert one.seconds == pytest.approx(expected, rel=0.5)  # forecast, far beyond what was seen
    assert one.low < one.seconds < one.high
    assert one.rate == pytest.approx(0.01)
    assert (one.looked_at, one.unbuildable) == (2, 0)


def test_what_cannot_be_built_is_told_apart() -> None:
    found = run(Server(), {"even": 9, "narrow": 1}, [fact(even=7, narrow=40), fact(even=9)])
    assert (found["even"].seconds, found["even"].unbuildable) == (0.0, 2)
    assert found["narrow"].seconds > 0


def test_where_nothing_can_be_built_a_trial_is_taken_to_cost_what_trials_did() -> None:
    server = Server(builds=False)
    found = run(server, {"narrow": 4}, [fact(narrow=40)])
    assert found["narrow"].looked_at == 0
    assert found["narrow"].seconds == pytest.approx(4 * 3.5 * 0.6)
    assert server.asked == [8]  # the last trial, and nobody went on


def test_no_more_than_thirty_of_many_are_looked_at() -> None:
    server = Server()
    facts = [fact(narrow=2 * at) for at in range(6, 500)]
    found = run(server, {"narrow": 494}, facts)
    assert found["narrow"].looked_at == 30
    beyond = [width for width in server.asked if width > 10]
    assert len(beyond) == 30
    assert max(beyond) > 900
    assert found["narrow"].count == 494


def test_nothing_turned_away_is_nothing_to_look_at() -> None:
    server = Server()
    assert run(server, {}, [fact(narrow=40)]) == {}
    assert server.asked == []
