"""Confirmation of the leaders."""

from __future__ import annotations

from dataclasses import replace

import pytest

from satisfice.domain.decisions.confirmation import Confirmed, confirmed, in_order
from satisfice.domain.economics.worth import Direction
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


def test_the_mean_is_that_of_the_test_split_if_it_was_scored() -> None:
    trials = [trial(7, 0.9, 0.8), trial(8, None), trial(9, 0.7, 0.6)]
    one = confirmed("trial 3", {"x": 1}, 0.95, trials, "accuracy")
    assert one.mean == pytest.approx(0.7)
    assert one.validation == (0.9, 0.7)
    assert one.test == (0.8, 0.6)
    assert one.numbers == (7, 9)
    assert one.low < 0.6
    assert one.high > 0.8


def test_the_mean_is_that_of_the_validation_split_otherwise() -> None:
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


@pytest.mark.parametrize(
    ("direction", "luck"), [(Direction.MAXIMIZE, 0.1), (Direction.MINIMIZE, -0.1)]
)
def test_optimism_is_by_how_much_the_search_value_is_better(
    direction: Direction, luck: float
) -> None:
    one = confirmed("trial 3", {}, 0.9, [trial(7, 0.7, 0.1), trial(8, 0.9, 0.1)], "accuracy")
    assert one.optimism(direction) == pytest.approx(luck)
    assert replace(one, observed=None).optimism(direction) is None
    assert replace(one, validation=()).optimism(direction) is None
