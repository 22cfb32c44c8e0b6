"""What training the configurations that rules rejected would have cost."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from satisfice.domain.audits.savings import by_forecasts, by_history
from satisfice.domain.economics.cost import Cost
from satisfice.domain.economics.worth import Direction
from satisfice.domain.rules.predicted import Forecast
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
