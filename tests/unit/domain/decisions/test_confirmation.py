"""The leaders, trained again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from satisfice.domain.decisions.confirmation import confirmed, in_order, interval
from satisfice.domain.economics.worth import Direction
from satisfice.domain.summary import Confirmed
from satisfice.domain.trials.history import Failure, Purpose, TrialRecord, TrialState


def trial(number: int, value: float | None, test: float | None = None) -> TrialRecord:
    state = TrialState.FAILED if value is None else TrialState.COMPLETE
    metrics = {} if test is None else {"test_accuracy": test}
    return TrialRecord(
        number,
        {"x": 1},
        state,
        value,
        purpose=Purpose.CONFIRMATION,
        failure=Failure.CRASHED if value is None else None,
        metrics=metrics,
    )


def test_an_interval_is_students() -> None:
    # Four values of mean 5 and sample deviation 2; t of 3 degrees at 97.5 % is 3.182446.
    mean, low, high = interval([3.0, 4.0, 6.0, 7.0])
    assert mean == 5.0
    reach = 3.182446305 * math.sqrt(10 / 3) / 2
    assert (low, high) == pytest.approx((5 - reach, 5 + reach))


def test_an_interval_of_less_confidence_is_narrower() -> None:
    wide, narrow = interval([1.0, 2.0, 4.0]), interval([1.0, 2.0, 4.0], confidence=0.5)
    assert wide[1] < narrow[1] < narrow[0] < narrow[2] < wide[2]


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        _, low, high = interval(list(generator.normal(size=3)))
        held += low <= 0.0 <= high
    assert 0.93 < held / 2000 < 0.97


def test_one_value_says_nothing_of_the_spread_and_none_nothing_at_all() -> None:
    assert interval([0.5]) == (0.5, -math.inf, math.inf)
    assert all(math.isnan(one) for one in interval([]))


def test_the_mean_is_of_the_test_split_where_it_was_scored() -> None:
    trials = [trial(7, 0.9, 0.8), trial(8, None), trial(9, 0.7, 0.6)]
    one = confirmed("trial 3", {"x": 1}, 0.95, trials, "accuracy")
    assert one.mean == pytest.approx(0.7)
    assert one.validation == (0.9, 0.7)
    assert one.test == (0.8, 0.6)
    assert one.numbers == (7, 9)
    assert one.low < 0.6
    assert one.high > 0.8


def test_the_mean_is_of_the_validation_split_where_nothing_else_was_scored() -> None:
    one = confirmed("trial 3", {"x": 1}, 0.95, [trial(7, 0.9), trial(8, 0.7)], "accuracy")
    assert one.mean == pytest.approx(0.8)
    assert one.test == ()


@pytest.mark.parametrize(
    ("direction", "names"),
    [
        (Direction.MAXIMIZE, ["trial 2", "trial 1", "default"]),
        (Direction.MINIMIZE, ["trial 1", "trial 2", "default"]),
    ],
)
def test_the_winner_is_chosen_by_the_validation_split_and_the_default_is_last(
    direction: Direction, names: list[str]
) -> None:
    values = {"default": (9, 0.99, 0.99), "trial 1": (10, 0.5, 0.9), "trial 2": (11, 0.6, 0.1)}
    candidates = [
        confirmed(name, {}, None, [trial(*row)], "accuracy") for name, row in values.items()
    ]
    candidates.append(confirmed("trial 3", {}, 0.9, [trial(12, None)], "accuracy"))
    assert [one.name for one in in_order(candidates, direction)] == names


def test_neither_a_candidate_nor_a_training_of_one_wins_that_breaks_a_soft_rule() -> None:
    def candidate(name: str, values: list[float], margins: list[float]) -> Confirmed:
        trials = [
            replace(trial(at, value), margins={"fast": margin})
            for at, (value, margin) in enumerate(zip(values, margins, strict=True))
        ]
        return confirmed(name, {}, 0.9, trials, "accuracy")

    good = candidate("trial 1", [0.7, 0.9, 0.8], [1.0, -1.0, 0.0])
    better = candidate("trial 2", [0.95, 0.95], [-1.0, -2.0])
    assert good.feasible == (0, 2)
    assert good.chosen(Direction.MAXIMIZE) == 2
    assert good.chosen(Direction.MINIMIZE) == 0
    assert better.feasible == ()
    assert in_order([better, good], Direction.MAXIMIZE) == (good, better)
