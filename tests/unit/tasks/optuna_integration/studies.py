"""Optuna studies to decide on."""

from __future__ import annotations

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)


def new_study(storage: str | None = None, **facts: object) -> optuna.Study:
    sampler = optuna.samplers.RandomSampler(seed=1)
    facts = {"direction": "maximize", "sampler": sampler, **facts}
    return optuna.create_study(storage=storage, **facts)


def objective(trial: optuna.Trial) -> float:
    return -((trial.suggest_float("x", -1, 1) - 0.3) ** 2)
