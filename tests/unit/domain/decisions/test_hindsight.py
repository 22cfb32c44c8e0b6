"""The utility of a search after each trial."""

from __future__ import annotations

import pytest

from satisfice.domain.decisions.hindsight import best_stop, gained, utilities
from satisfice.domain.economics.cost import Cost
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import History, TrialRecord, TrialState

UNIT = Worth(2.0, Per.UNIT)


def history(
    values: list[float | None],
    direction: Direction = Direction.MAXIMIZE,
    cost: float = 0.5,
    broken: tuple[int, ...] = (),
) -> History:
    return History(
        tuple(
            TrialRecord(
                at,
                {"x": at},
                TrialState.FAILED if value is None else TrialState.COMPLETE,
                value,
                cost=Cost(money=cost),
                margins={"rule": -1.0} if at in broken else {},
            )
            for at, value in enumerate(values)
        ),
        direction,
    )


def test_the_incumbent_is_the_best_feasible_value_so_far() -> None:
    made = history([None, 1.0, 9.0, 0.5, 3.0], broken=(2,))
    assert made.incumbents == (None, 1.0, 1.0, 1.0, 3.0)
    downwards = history([2.0, 3.0, float("nan"), 1.0], Direction.MINIMIZE)
    assert downwards.incumbents == (2.0, 2.0, 2.0, 1.0)


def test_gains_count_from_the_first_value() -> None:
    assert gained(history([None, 1.0, 0.0, 2.5]), UNIT) == (0.0, 0.0, 0.0, 3.0)
    assert gained(history([4.0, 3.0], Direction.MINIMIZE), UNIT) == (0.0, 2.0)
    assert gained(history([None, None]), UNIT) == (0.0, 0.0)


def test_nothing_is_gained_beyond_a_target() -> None:
    assert gained(history([1.0, 2.0, 5.0]), Worth(2.0, Per.UNIT, target=3.0)) == (0.0, 2.0, 4.0)


def test_utility_is_what_was_gained_less_what_was_spent() -> None:
    assert utilities(history([1.0, None, 2.0]), UNIT) == pytest.approx((-0.5, -1.0, 0.5))


@pytest.mark.parametrize(
    ("values", "least", "after"),
    [
        ([1.0, 2.0, 2.0, 2.0], 1, 2),
        ([1.0, 2.0, 2.0, 2.0], 3, 3),
        ([1.0, 2.0, 2.0, 9.0], 1, 4),
        ([1.0, 1.25], 1, 1),  # what it brings is what it costs: the earlier one
        ([1.0, None, 2.0], 3, None),
        ([], 1, None),
    ],
)
def test_the_best_stop_leaves_most(
    values: list[float | None], least: int, after: int | None
) -> None:
    assert best_stop(history(values), UNIT, least) == after
