"""The seed of a trial, and the record that its result becomes."""

from __future__ import annotations

import pytest

from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Failure, Purpose, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult, record_of, trial_seed

ORDER = TrialOrder(
    "s-1",
    3,
    2,
    "/s",
    "/s/3",
    "/s/control.json",
    {"x": 0.5},
    11,
    Purpose.DEFAULT,
    Verdict({}, {}),
    "d",
)


def test_the_seed_of_a_trial_never_changes() -> None:
    """Old searches are resumed and repeated with the seeds that they had."""
    assert [trial_seed(0, 0), trial_seed(0, 1), trial_seed(7, 0)] == [
        2121153742,
        1452822771,
        462400437,
    ]
    assert all(0 <= trial_seed(3, number) < 2**31 for number in range(100))


@pytest.mark.parametrize(
    ("state", "recorded", "failure"),
    [
        (TrialState.COMPLETE, TrialState.COMPLETE, None),
        (TrialState.RUNNING, TrialState.FAILED, Failure.STOPPED),
    ],
)
def test_a_result_that_was_stopped_is_recorded_as_failed(
    state: TrialState, recorded: TrialState, failure: Failure | None
) -> None:
    record = record_of(ORDER, TrialResult(3, 2, state, 0.7, {"loss": 1.0}, epochs=5))
    assert (record.state, record.failure, record.value) == (recorded, failure, 0.7)
    assert (record.number, record.seed, record.purpose) == (3, 11, Purpose.DEFAULT)
    assert (record.params, record.metrics, record.epochs) == ({"x": 0.5}, {"loss": 1.0}, 5)
