"""Everything of Optuna that we use and that is private: any release may rename it.

Each name is looked up when it is first used. One that is gone is reported with the installed
version of Optuna and the one to install.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from copy import deepcopy as deep_copy
from functools import cache, reduce
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
from optuna.samplers import GridSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.errors import ExternalSystemError

if TYPE_CHECKING:
    from sqlalchemy import Table  # not at run time: plain Optuna code may have no database

TESTED = "5.0"  # the minor version of Optuna that CI tests with

# Keys of system attributes. Optuna has no names for them to look up.
FIXED_PARAMS = "fixed_params"  # the configuration given to `enqueue_trial`
CONSTRAINT = "constraints:"  # and the name of a constraint; above 0, it is violated

_MODELS = "optuna.storages._rdb.models"
_TPE = "optuna.samplers._tpe.sampler"


def table(model: str) -> Table:
    """Return the table of one of the models of Optuna's database, such as `TrialModel`."""
    return cast("Table", _member(_MODELS, model, "__table__"))


def value_columns(value: float) -> dict[str, Any]:
    """Return the columns in which the value of a trial is stored."""
    kind = _member(_MODELS, "TrialValueModel", "TrialValueType", "FINITE")
    return {"objective": 0, "value": value, "value_type": kind}


def step_columns(step: int, value: float) -> dict[str, Any]:
    """Return the columns in which an intermediate value is stored."""
    represent = _member(_MODELS, "TrialIntermediateValueModel", "intermediate_value_to_stored_repr")
    stored, kind = represent(value)
    return {"step": step, "intermediate_value": stored, "intermediate_value_type": kind}


def split_trials(
    study: optuna.Study, trials: list[FrozenTrial], finished: int
) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """Return the trials that TPE counts as good, and the others.

    Args:
        study: The study.
        trials: Its trials.
        finished: How many trials have finished; the number of good ones follows from it.
    """
    count = _member(_TPE, "default_gamma")(finished)
    good, others = _member(_TPE, "_split_trials")(study, trials, count)
    return good, others


def generator_of(sampler: TPESampler) -> np.random.RandomState:
    """Return the random generator of a sampler."""
    return cast(np.random.RandomState, _attribute(_attribute(sampler, "_rng"), "rng"))


def grid_size(sampler: GridSampler) -> int:
    """Return the number of points on the grid of a sampler."""
    return len(_attribute(sampler, "_all_grids"))


def storage_of(study: optuna.Study) -> BaseStorage:
    """Return the storage of a study."""
    return cast(BaseStorage, _attribute(study, "_storage"))


def study_id(study: optuna.Study) -> int:
    """Return the id of a study in its storage."""
    return cast(int, _attribute(study, "_study_id"))


def trial_id(trial: FrozenTrial) -> int:
    """Return the id of a trial in its storage."""
    return cast(int, _attribute(trial, "_trial_id"))


def renumber(trial: FrozenTrial, number: int, new_id: int) -> None:
    """Give a trial that is in no storage another number and id."""
    trial_id(trial)
    trial.number, trial._trial_id = number, new_id


class StudySnapshot(optuna.Study):
    """A study with the trials that it had at one moment.

    Args:
        study: The study.
        storage: What samplers find as its storage.
        trials: The trials.
    """

    def __init__(self, study: optuna.Study, storage: Any, trials: Sequence[FrozenTrial]) -> None:
        _attribute(study, "_get_trials")
        self.__setstate__(study.__getstate__())
        self._storage = storage
        self._snapshot = trials

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,  # noqa: ARG002 - there is nothing to be cached
    ) -> list[FrozenTrial]:
        return selected(self._snapshot, deepcopy, states)


def selected(
    trials: Sequence[FrozenTrial], deepcopy: bool, states: Container[TrialState] | None
) -> list[FrozenTrial]:
    """Return the trials in some states, as Optuna's storages do."""
    kept = [one for one in trials if states is None or one.state in states]
    return deep_copy(kept) if deepcopy else kept


@cache
def _member(module: str, *names: str) -> Any:
    try:
        return reduce(getattr, names, import_module(module))
    except (ImportError, AttributeError) as error:
        raise _gone(".".join((module, *names))) from error


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError as error:
        raise _gone(f"{type(owner).__qualname__}.{name}") from error


def _gone(name: str) -> ExternalSystemError:
    return ExternalSystemError(
        f"Optuna {optuna.__version__} does not have {name}, which Satisfice needs",
        f"Install the version that Satisfice is tested with: pip install 'optuna=={TESTED}.*'",
    )
