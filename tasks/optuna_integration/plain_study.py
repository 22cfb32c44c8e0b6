"""Any Optuna study as the situation that our decisions need."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from satisfice.domain.decisions.situation import Pending, Situation
from satisfice.domain.economics.cost import NOTHING, EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import UserError
from satisfice.domain.trials.history import CurvePoint, Failure, History, TrialRecord, TrialState
from satisfice.tasks.storage.trial_records import BEGUN, RESULT, read_record

_STATES = {
    OptunaState.COMPLETE: TrialState.COMPLETE,
    OptunaState.PRUNED: TrialState.PRUNED,
    OptunaState.FAIL: TrialState.FAILED,
}


@dataclass
class PlainStudy:
    """Reads a study repeatedly, converting each finished trial once.

    Attributes:
        prices: The prices of resources. A trial of plain Optuna is charged for its duration only.
    """

    prices: Prices
    _finished: dict[int, TrialRecord] = field(default_factory=dict, repr=False)
    _order: list[TrialRecord] = field(default_factory=list, repr=False)

    def situation(self, study: Study, worth: Worth, workers: int = 1) -> Situation:
        """Return the situation of a study.

        Args:
            study: A study with one objective.
            worth: What a gain is worth.
            workers: The number of trials that run at the same time.

        Raises:
            UserError: The study has several objectives.
        """
        trials = study.get_trials(deepcopy=False)
        running = [one for one in trials if one.state is OptunaState.RUNNING]
        return Situation(
            history=self._history(study, trials),
            worth=worth,
            prices=self.prices,
            pending=tuple(
                Pending(one.number, one.params, NOTHING, seconds_so_far(one)) for one in running
            ),
            workers=workers,
        )

    def history(self, study: Study) -> History:
        """Return the finished trials of a study, in the order in which they finished."""
        return self._history(study, study.get_trials(deepcopy=False))

    def _history(self, study: Study, trials: list[FrozenTrial]) -> History:
        direction = direction_of(study)
        new = [
            one for one in trials if one.number not in self._finished and one.state.is_finished()
        ]
        for one in sorted(
            new, key=lambda one: (one.datetime_complete is None, one.datetime_complete, one.number)
        ):
            record = record_of(one, self.prices)
            self._finished[one.number] = record
            self._order.append(record)
        return History(tuple(self._order), direction)


def direction_of(study: Study) -> Direction:
    """Return the direction of a study's only objective.

    Raises:
        UserError: It has several.
    """
    if len(study.directions) != 1:
        raise UserError(
            f"study {study.study_name!r} has {len(study.directions)} objectives, but a worth is "
            "for one",
            "Keep one as the objective, and make the others constraints (trial.set_constraint)",
        )
    maximised = study.direction is StudyDirection.MAXIMIZE
    return Direction.MAXIMIZE if maximised else Direction.MINIMIZE


def record_of(trial: FrozenTrial, prices: Prices) -> TrialRecord:
    """Convert a finished trial; one from our own store keeps its cost and curve."""
    begun, result = (trial.user_attrs.get(name) for name in (BEGUN, RESULT))
    if begun is not None and result is not None:
        return read_record(trial.number, begun, result)
    state = _STATES[trial.state]
    seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
    return TrialRecord(
        number=trial.number,
        params=trial.params,
        state=state,
        value=trial.value,
        curve=curve_of(trial, seconds),
        cost=prices.of(max(seconds, 0.0), 0.0, EnergyMode.UNKNOWN),
        seed=trial.number,  # Optuna has no seeds: each trial is assumed to have a different one
        failure=Failure.CRASHED if state is TrialState.FAILED else None,
        margins={name: -value for name, value in trial.constraints.items()},
    )


def seconds_so_far(trial: FrozenTrial) -> float:
    """Return how long a trial has been running; 0 if its start is not known."""
    if trial.datetime_start is None:
        return 0.0
    now = datetime.now()  # noqa: DTZ005 - Optuna's own times are local and naive
    return max((now - trial.datetime_start).total_seconds(), 0.0)


def curve_of(trial: FrozenTrial, seconds: float) -> tuple[CurvePoint, ...]:
    """Return a trial's reports by epoch, from 1, at equal intervals: Optuna stores no times.

    Args:
        trial: The trial, with steps from 0 or 1.
        seconds: Its duration so far.
    """
    steps = sorted(trial.intermediate_values)
    if not steps:
        return ()
    shift = 1 - min(steps[0], 1)
    each = seconds / (steps[-1] + shift)
    return tuple(
        CurvePoint(step + shift, trial.intermediate_values[step], (step + shift) * each)
        for step in steps
        if math.isfinite(trial.intermediate_values[step])
    )
