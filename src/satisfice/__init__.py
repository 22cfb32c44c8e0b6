"""The public face: what a study imports, and what an Optuna user needs of our decisions.

    from satisfice import MarginalGainCallback
    study.optimize(objective, callbacks=[MarginalGainCallback(worth="10 min per point")])

Each name is imported when it is first used, so that a study pays for no package that it does not
need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from satisfice.tasks.optuna_integration.callback import MarginalGainCallback
    from satisfice.tasks.optuna_integration.pruner import PricedPruner
    from satisfice.tasks.optuna_integration.rule_sampler import RuleAwareSampler
    from satisfice.tasks.problem.data import Data, Split
    from satisfice.tasks.problem.split import split
    from satisfice.tasks.spec.reader import read_study
    from satisfice.tasks.trial.trial import Trial

__all__ = [
    "Data",
    "MarginalGainCallback",
    "PricedPruner",
    "RuleAwareSampler",
    "Split",
    "Trial",
    "read_study",
    "split",
]

_HOMES = {
    "Data": "satisfice.tasks.problem.data",
    "MarginalGainCallback": "satisfice.tasks.optuna_integration.callback",
    "PricedPruner": "satisfice.tasks.optuna_integration.pruner",
    "RuleAwareSampler": "satisfice.tasks.optuna_integration.rule_sampler",
    "Split": "satisfice.tasks.problem.data",
    "Trial": "satisfice.tasks.trial.trial",
    "read_study": "satisfice.tasks.spec.reader",
    "split": "satisfice.tasks.problem.split",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'satisfice' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
