"""The pruning decision as a pruner of real Optuna studies, in memory and in SQLite."""

from __future__ import annotations

import math
from collections.abc import Callable

import optuna
import pytest

from satisfice.domain.economics.worth import Per, Worth
from satisfice.tasks.optuna_integration.pruner import PricedPruner
from tests.unit.tasks.optuna_integration.studies import new_study

CHEAP = Worth(1e9, Per.UNIT)
EPOCHS = 10


def learning(end: Callable[[optuna.Trial], float]) -> Callable[[optuna.Trial], float]:
    def train(trial: optuna.Trial) -> float:
        value = 0.0
        for epoch in range(EPOCHS):
            value = end(trial) * (1 - math.exp(-(epoch + 1) / 3))
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    return train


def poor_from_six(trial: optuna.Trial) -> float:
    return 0.9 + 0.01 * trial.number if trial.number < 6 else 0.3


def test_the_pruner_gives_up_what_cannot_pay(storage: str | None) -> None:
    pruner = PricedPruner(Worth(1e-6, Per.UNIT), max_epochs=EPOCHS)
    study = new_study(storage, pruner=pruner)
    study.optimize(learning(poor_from_six), n_trials=8)
    assert [one.state.name for one in study.trials] == ["COMPLETE"] * 4 + [
        study.trials[4].state.name,
        study.trials[5].state.name,
        "PRUNED",
        "PRUNED",
    ]
    assert "would bring only" in pruner.decisions[7].reason


def test_the_pruner_keeps_what_may_pay(storage: str | None) -> None:
    study = new_study(storage, pruner=PricedPruner(CHEAP, max_epochs=EPOCHS))
    study.optimize(learning(lambda trial: 0.9 + 0.001 * trial.number), n_trials=8)
    assert {one.state.name for one in study.trials} == {"COMPLETE"}


def test_the_pruner_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="max_epochs must be at least 1, got 0"):
        PricedPruner(CHEAP, max_epochs=0)
