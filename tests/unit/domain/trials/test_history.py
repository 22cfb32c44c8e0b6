"""The history of a search."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from satisfice.domain.economics.cost import NOTHING, Cost, EnergyMode
from satisfice.domain.economics.worth import Direction
from satisfice.domain.trials.history import CurvePoint, History, Purpose, TrialRecord, TrialState

UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE
COMPLETE, PRUNED, FAILED = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED


def record(number: int, value: float | None, state: TrialState = COMPLETE) -> TrialRecord:
    cost = Cost(seconds=1.0 + number, money=2.0, energy=EnergyMode.MEASURED)
    return TrialRecord(number, {"lr": 0.1}, state, value, cost=cost)


TRIALS = (
    record(0, 0.7),
    record(1, 0.9),
    record(2, 0.99, PRUNED),
    record(3, None, FAILED),
    record(4, math.nan),
    record(5, 0.9),
    record(6, math.inf),
    record(7, 0.2),
)


@pytest.mark.parametrize(("direction", "number"), [(UP, 1), (DOWN, 7)])
def test_the_best_is_the_earliest_of_the_best_that_ran_to_their_end(
    direction: Direction, number: int
) -> None:
    best = History(TRIALS, direction).best
    assert best is not None
    assert best.number == number


def test_only_trials_with_a_finite_value_at_their_end_count_as_complete() -> None:
    assert [one.number for one in History(TRIALS, UP).complete] == [0, 1, 5, 7]


def test_a_value_of_zero_is_a_value() -> None:
    best = History((record(0, -1.0), record(1, 0.0)), UP).best
    assert best is not None
    assert best.number == 1


@pytest.mark.parametrize("trials", [(), (record(0, None, FAILED),)])
def test_without_a_value_there_is_no_best(trials: tuple[TrialRecord, ...]) -> None:
    history = History(trials, UP)
    assert history.best is None
    assert history.complete == ()


def test_failed_and_pruned_trials_have_cost_as_well() -> None:
    spent = History(TRIALS, UP).spent
    assert spent.seconds == sum(1.0 + number for number in range(8))
    assert spent.money == 16.0
    assert spent.energy is EnergyMode.MEASURED
    assert History((), UP).spent == NOTHING


def test_leaders_come_best_first() -> None:
    assert [one.number for one in History(TRIALS, UP).leaders(3)] == [1, 5, 0]
    assert [one.number for one in History(TRIALS, DOWN).leaders(9)] == [7, 0, 1, 5]


@pytest.mark.parametrize("purpose", Purpose)
def test_what_does_not_compete_has_no_place_in_a_history(purpose: Purpose) -> None:
    one = replace(record(8, 1.0), purpose=purpose)
    if purpose in (Purpose.SEARCH, Purpose.DEFAULT):
        assert History((*TRIALS, one), UP).best == one
    else:
        with pytest.raises(ValueError, match=f"trial 8 does not compete: it is for {purpose}"):
            History((*TRIALS, one), UP)


def test_progress_is_a_share_of_what_was_planned_and_all_where_no_plan_is_known() -> None:
    two = (CurvePoint(1, 0.5, 1.0), CurvePoint(2, 0.6, 2.0))
    known = TrialRecord(0, {}, TrialState.PRUNED, curve=two, epochs=8)
    assert known.progress == 0.25
    assert replace(known, epochs=None).progress == 1.0
    assert replace(known, curve=()).progress == 1.0
    assert replace(known, epochs=1).progress == 1.0


@pytest.mark.parametrize(
    ("reports", "seconds"),
    [
        ([(1, 9.0), (2, 11.0), (3, 13.5)], 2.25),
        ([(2, 5.0)], 2.5),
        ([], None),
        ([(1, 1.0), (5, 9.0)], 2.0),
    ],
)
def test_an_epoch_takes_the_median_without_the_first(
    reports: list[tuple[int, float]], seconds: float | None
) -> None:
    curve = tuple(CurvePoint(epoch, 0.1, at) for epoch, at in reports)
    assert replace(record(0, 0.5), curve=curve).seconds_per_epoch == seconds
