"""An Optuna study of any origin is read as the situation that decisions need."""

from __future__ import annotations

import math
import time

import optuna
import pytest

from satisfice.domain.economics.cost import Cost, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.errors import UserError
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Purpose, TrialRecord, TrialState
from satisfice.tasks.optuna_integration.plain_study import PlainStudy
from satisfice.tasks.storage.trial_records import BEGUN, RESULT, write_begun, write_result
from tests.unit.tasks.optuna_integration.studies import new_study, objective

CHEAP = Worth(1e9, Per.UNIT)


def test_failed_and_pruned_trials_are_in_the_history(storage: str | None) -> None:
    def fragile(trial: optuna.Trial) -> float:
        if trial.number == 1:
            raise ZeroDivisionError
        if trial.number == 2:
            raise optuna.TrialPruned
        return math.nan if trial.number == 3 else objective(trial)

    study = new_study(storage)
    study.optimize(fragile, n_trials=5, catch=(ZeroDivisionError,))
    history = PlainStudy(Prices()).situation(study, CHEAP).history
    assert [one.state.value for one in history.trials] == [
        "complete",
        "failed",
        "pruned",
        "failed",
        "complete",
    ]
    assert all(one.cost.seconds > 0 for one in history.trials)
    assert len(history.complete) == 2


def test_running_trials_are_pending(storage: str | None) -> None:
    study = new_study(storage)
    study.optimize(objective, n_trials=3)
    running = study.ask()
    running.suggest_float("x", -1, 1)
    time.sleep(0.02)
    situation = PlainStudy(Prices()).situation(study, CHEAP, workers=2)
    assert [one.number for one in situation.pending] == [3]
    assert 0.02 <= situation.pending[0].elapsed < 60
    assert len(situation.history.trials) == 3
    assert situation.workers == 2


def test_a_reader_converts_each_trial_once_and_in_the_order_of_their_ends() -> None:
    study = new_study()
    reader = PlainStudy(Prices())
    late, early = study.ask(), study.ask()
    study.tell(early, 1.0)
    first = reader.situation(study, CHEAP).history.trials
    study.tell(late, 2.0)
    second = reader.situation(study, CHEAP).history.trials
    assert [one.number for one in second] == [1, 0]
    assert second[0] is first[0]


def test_what_breaks_a_constraint_is_never_the_incumbent() -> None:
    study = new_study()
    for value, broken in ((0.9, 0.5), (0.4, -0.25), (0.6, 0.0)):
        constraints = {"fast": broken}
        study.add_trial(optuna.trial.create_trial(value=value, constraints=constraints))
    history = PlainStudy(Prices()).situation(study, CHEAP).history
    assert [one.margins["fast"] for one in history.trials] == [-0.5, 0.25, 0.0]
    assert history.best is not None
    assert history.best.value == study.best_value == 0.6


def test_a_trial_of_our_own_store_keeps_its_cost() -> None:
    record = TrialRecord(
        0, {"x": 1}, TrialState.COMPLETE, 0.5, cost=Cost(7.0, 0.1, 0.2, 0.3), seed=9
    )
    begun = write_begun(record.params, record.seed, Purpose.SEARCH, Verdict({}, {}))
    study = new_study()
    study.add_trial(
        optuna.trial.create_trial(
            value=0.5, user_attrs={BEGUN: begun, RESULT: write_result(record)}
        )
    )
    assert PlainStudy(Prices()).situation(study, CHEAP).history.trials == (record,)


def test_several_objectives_are_refused() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    with pytest.raises(UserError, match="has 2 objectives"):
        PlainStudy(Prices()).situation(study, CHEAP)


def test_a_minimised_study_is_read_as_one() -> None:
    study = new_study(direction="minimize")
    study.optimize(lambda trial: -objective(trial), n_trials=6)
    history = PlainStudy(Prices()).situation(study, CHEAP).history
    assert history.direction is Direction.MINIMIZE
    assert history.best is not None
    assert history.best.value == study.best_value
