"""What training the configurations that rules rejected would have cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from satisfice.domain.audits.savings import Avoided, by_forecasts, by_history, estimate_avoided
from satisfice.domain.economics.cost import Budget, Cost, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.predicted import EXAMPLES, MACS, OPERATIONS, SIZE, Forecast
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Int, Parameter, Params, Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.trials.history import CurvePoint, History, TrialRecord, TrialState

COMPLETE = TrialState.COMPLETE


def history(*seconds: float, epochs: int = 4, set_up: float = 2.0) -> History:
    """Trials of four epochs, which cost 0.01 EUR a second, and two seconds to set up."""
    trials = []
    for number, taken in enumerate(seconds):
        pace = (taken - set_up) / epochs
        curve = tuple(CurvePoint(at, 0.5, set_up + at * pace) for at in range(1, epochs + 1))
        cost = Cost(taken, money=taken / 100)
        trials.append(TrialRecord(number, {}, COMPLETE, 0.5, curve, cost))
    return History(tuple(trials), Direction.MAXIMIZE)


def test_what_is_forecast_is_trained_as_long_as_other_trials_were() -> None:
    done = history(10.0, 10.0)  # epochs of two seconds: five of them, set-up included
    exact = Forecast(3.0, 0.0, 5.0, 2)
    one = by_forecasts(7, [exact, exact], done)
    assert one is not None
    assert one.seconds == one.low == one.high == pytest.approx(7 * 5 * 3.0)
    assert one.rate == pytest.approx(0.01)
    assert (one.count, one.looked_at, one.unbuildable) == (7, 2, 0)


def test_what_cannot_be_built_costs_nothing() -> None:
    exact = Forecast(3.0, 0.0, 5.0, 2)
    one = by_forecasts(8, [exact, None, None, exact], history(10.0))
    assert one is not None
    assert one.seconds == pytest.approx(4 * 5 * 3.0)
    assert one.unbuildable == 2
    none = by_forecasts(8, [None, None], history(10.0))
    assert none is not None
    assert (none.seconds, none.low, none.high) == (0.0, 0.0, 0.0)


def test_errors_of_forecasts_are_taken_to_go_together() -> None:
    unsure = Forecast(2.0, 0.5, 6.0, 3)
    one = by_forecasts(2, [unsure, unsure], history(10.0))
    assert one is not None
    assert one.seconds == pytest.approx(20.0)
    assert one.low == pytest.approx(10 * unsure.at(0.05))
    assert one.high == pytest.approx(10 * unsure.at(0.95))


def test_nothing_is_forecast_where_no_trial_has_come_through_an_epoch() -> None:
    failed = TrialRecord(0, {}, TrialState.FAILED, cost=Cost(1.0))
    assert (
        by_forecasts(1, [Forecast(1.0, 0.1, 5.0, 0)], History((failed,), Direction.MAXIMIZE))
        is None
    )
    assert by_forecasts(1, [], history(10.0)) is None
    assert by_history(1, History((), Direction.MAXIMIZE)) is None


def test_without_forecasts_it_is_what_the_trials_took() -> None:
    one = by_history(3, history(10.0, 12.0, 14.0))
    assert one is not None
    assert one.seconds == pytest.approx(36.0)
    reach = stats.t.ppf(0.95, 2) * 2.0 * math.sqrt(3 + 9 / 3)
    assert one.low == pytest.approx(max(36.0 - reach, 0.0))
    assert one.high == pytest.approx(36.0 + reach)
    assert one.looked_at == 0
    single = by_history(3, history(10.0))
    assert single is not None
    assert (single.low, single.high) == (0.0, math.inf)


def test_the_interval_covers_what_so_many_trials_would_have_taken() -> None:
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        taken = random.normal(50.0, 5.0, 12)
        one = by_history(4, history(*taken[:8].tolist()))
        assert one is not None
        covered.append(one.low <= taken[8:].sum() <= one.high)
    assert np.mean(covered) == pytest.approx(0.9, abs=0.05)


# -- from builds ------------------------------------------------------------------------------

STUDY = Study(
    "s", "/s", "problem.py", DataSource("d"), Objective("score", Direction.MAXIMIZE), Worth(1.0),
    Prices("EUR", hour=36.0), Budget(), Space((Parameter("width", Int(1, 1000)),)),
    RuleBook(
        (Rule("narrow", Expression("width <= 10")), Rule("even", Expression("width % 2 == 0")))
    ),
)  # fmt: skip


class Builder:
    """Builds models of an even width, whose epochs take a second for each ten of it."""

    def __init__(self, builds: bool = True) -> None:
        self.builds, self.asked = builds, list[int]()

    def __call__(self, params: Params) -> Mapping[str, float]:
        width = int(params["width"])
        self.asked.append(width)
        if not self.builds or width % 2:
            raise StudyCodeError("no such model")
        return {MACS: width * 1e7, EXAMPLES: 5 / 0.3, OPERATIONS: 1.0, SIZE: 4.0 * width}


def trained(*widths: int) -> History:
    """Trials of three epochs, as long as their width says, and half an epoch to set up."""
    trials = []
    for number, width in enumerate(widths):
        epoch = width / 10
        curve = tuple(CurvePoint(at, 0.5, (at + 0.5) * epoch) for at in (1, 2, 3))
        cost = Cost(3.5 * epoch, money=0.01 * 3.5 * epoch)
        params = {"width": width}
        trials.append(TrialRecord(number, params, TrialState.COMPLETE, 0.5, curve, cost))
    return History(tuple(trials), Direction.MAXIMIZE)


def estimated(
    builder: Builder, counts: Mapping[str, int], **widths: Sequence[int]
) -> dict[str, Avoided]:
    """The estimate for rejected configurations of these widths, by rule."""
    done = trained(2, 4, 6, 8, 10, 8, 6, 4, 2, 10, 4, 8)
    examples = {rule: [{"width": width} for width in some] for rule, some in widths.items()}
    return estimate_avoided(STUDY, done, counts, examples, builder)


def test_wide_models_are_forecast_to_take_as_long_as_they_are_wide() -> None:
    found = estimated(Builder(), {"narrow": 2}, narrow=[40, 80])
    one = found["narrow"]
    expected = 3.5 * (40 + 80) / 10
    assert one.seconds == pytest.approx(expected, rel=0.5)  # forecast, far beyond what was seen
    assert one.low < one.seconds < one.high
    assert one.rate == pytest.approx(0.01)
    assert (one.looked_at, one.unbuildable) == (2, 0)


def test_unbuildable_configurations_are_counted() -> None:
    found = estimated(Builder(), {"even": 9, "narrow": 1}, even=[7, 9], narrow=[40])
    assert (found["even"].seconds, found["even"].unbuildable) == (0.0, 2)
    assert found["narrow"].seconds > 0


def test_if_nothing_can_be_built_a_configuration_costs_what_a_trial_did() -> None:
    builder = Builder(builds=False)
    found = estimated(builder, {"narrow": 4}, narrow=[40])
    assert found["narrow"].looked_at == 0
    assert found["narrow"].seconds == pytest.approx(4 * 3.5 * 0.6)
    assert builder.asked == [8]  # the last trial, and nothing after it


def test_no_more_than_thirty_of_many_are_looked_at() -> None:
    builder = Builder()
    found = estimated(builder, {"narrow": 494}, narrow=[2 * at for at in range(6, 500)])
    assert found["narrow"].looked_at == 30
    beyond = [width for width in builder.asked if width > 10]
    assert len(beyond) == 30
    assert max(beyond) > 900
    assert found["narrow"].count == 494


def test_without_rejected_configurations_nothing_is_built() -> None:
    builder = Builder()
    assert estimated(builder, {}, narrow=[40]) == {}
    assert builder.asked == []
