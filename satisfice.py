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
    from tasks.callback import MarginalGainCallback, PricedPruner
    from tasks.data import Data, Split
    from tasks.rule_sampler import RuleAwareSampler
    from tasks.splitting import split
    from tasks.studies import read_study
    from tasks.trial import Trial

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
    "Data": "tasks.data",
    "MarginalGainCallback": "tasks.callback",
    "PricedPruner": "tasks.callback",
    "RuleAwareSampler": "tasks.rule_sampler",
    "Split": "tasks.data",
    "Trial": "tasks.trial",
    "read_study": "tasks.studies",
    "split": "tasks.splitting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'satisfice' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
