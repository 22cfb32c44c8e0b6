"""How a search ended, given what its trials came to."""

from __future__ import annotations

import pytest

from satisfice.domain.economics.worth import Direction
from satisfice.domain.summary import Ending, final_ending
from satisfice.domain.trials.history import Failure, History, TrialRecord, TrialState

GOOD = TrialRecord(0, {}, TrialState.COMPLETE, 0.5)
BROKEN = TrialRecord(1, {}, TrialState.COMPLETE, 0.9, margins={"fast": -1.0})
CRASHED = TrialRecord(2, {}, TrialState.FAILED, failure=Failure.CRASHED)
OVERRAN = TrialRecord(3, {}, TrialState.FAILED, failure=Failure.OVERRAN)


@pytest.mark.parametrize(
    ("ending", "trials", "is_sweep", "final"),
    [
        (Ending.BUDGET_SPENT, (BROKEN, GOOD), False, Ending.BUDGET_SPENT),
        (Ending.NOTHING_AFFORDABLE, (), False, Ending.NOTHING_AFFORDABLE),
        (Ending.BUDGET_SPENT, (BROKEN, CRASHED), False, Ending.NOTHING_FEASIBLE),
        (Ending.PLAN_DONE, (BROKEN, CRASHED), True, Ending.PLAN_DONE),
        (Ending.PLAN_DONE, (CRASHED,), True, Ending.NOTHING_WORKED),
        (Ending.BUDGET_SPENT, (OVERRAN, CRASHED), False, Ending.NOTHING_WORKED),
        (Ending.BUDGET_SPENT, (OVERRAN, OVERRAN), False, Ending.NOTHING_AFFORDABLE),
        (Ending.NOT_WORTH_CONTINUING, (OVERRAN,), False, Ending.NOTHING_WORKED),
        (Ending.STOPPED_BY_HAND, (CRASHED,), False, Ending.STOPPED_BY_HAND),
        (Ending.INTERRUPTED, (BROKEN,), False, Ending.INTERRUPTED),
    ],
)
def test_a_search_without_a_feasible_trial_ends_differently(
    ending: Ending, trials: tuple[TrialRecord, ...], is_sweep: bool, final: Ending
) -> None:
    history = History(trials, Direction.MAXIMIZE)
    assert final_ending(ending, history, is_sweep=is_sweep) is final
