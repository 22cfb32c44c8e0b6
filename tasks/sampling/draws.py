"""Whole configurations from an Optuna sampler, before there is a trial in the store.

A sampler sees the study in coordinates (`domain.space.space`) on axes that never change. System
attributes that it sets are kept and stored with the trial later.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GridSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.expressions.types import Value
from satisfice.domain.space.repair import usual
from satisfice.domain.space.space import Float, Parameter, Params, Space
from satisfice.tasks.storage.distributions import distribution
from satisfice.tasks.storage.optuna_private import (
    StudySnapshot,
    grid_size,
    selected,
    storage_of,
    trial_id,
)
from satisfice.tasks.storage.trial_records import BEGUN

_Ask: TypeAlias = Callable[[str, BaseDistribution], Value]

# These draw uniformly from the whole space until they have a model, or always.
_RANDOM_AT_FIRST = (
    optuna.samplers.RandomSampler,
    optuna.samplers.TPESampler,
    optuna.samplers.GPSampler,
    optuna.samplers.CmaEsSampler,
    optuna.samplers.NSGAIISampler,
)

STAND_IN = -1  # the id of a trial that is not in the store yet


def random_configurations(space: Space, count: int, seed: int) -> Iterator[dict[str, Value]]:
    """Yield random configurations from the space; rules are not checked."""
    kinds = {name: distribution(axis) for name, axis in space.axes.items()}
    # A random sampler uses neither the study nor the trial.
    ask: _Ask = partial(RandomSampler(seed=seed).sample_independent, None, None)  # type: ignore[arg-type]
    for _ in range(count):
        params: dict[str, Value] = {}
        for one in space.parameters:
            if one.is_active(params):
                there = None if one.axis is None else _coordinate(one, kinds[one.name], {}, ask)
                params[one.name] = one.value(there, params)
        yield params


class TrialTranslator:
    """Translates trials into coordinates for a sampler; finished ones are translated once."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._kinds = {name: distribution(axis) for name, axis in space.axes.items()}
        self._read: dict[tuple[int, int], FrozenTrial] = {}

    def of(self, trial: FrozenTrial) -> FrozenTrial:
        """Return a trial in coordinates."""
        if self._space.is_plain:
            return trial  # each coordinate is the value itself
        key = (trial_id(trial), trial.number)
        if key not in self._read or not trial.state.is_finished():
            self._read[key] = self._translated(trial)
        return self._read[key]

    def _translated(self, trial: FrozenTrial) -> FrozenTrial:
        params = configuration_of(trial)
        there = {
            name: self._space[name].coordinate(value, params)
            for name, value in params.items()
            # Of a trial from another space (a choice was removed, say), only what still fits.
            if name in self._space.axes and self._space[name].allows(value, params)
        }
        seen = copy.copy(trial)
        seen.params = there
        seen.distributions = {name: self._kinds[name] for name in there}
        return seen


def configuration_of(trial: FrozenTrial) -> Params:
    """Return the parameters of a trial, derived ones included, which Optuna does not store."""
    begun = trial.user_attrs.get(BEGUN)
    return trial.params if begun is None else dict(begun["params"])


class _Notes:
    """The draw under way, with the attributes that the sampler sets, and the rejected draws."""

    def __init__(self) -> None:
        self.trial: FrozenTrial | None = None
        self.rejected: list[FrozenTrial] = []

    def write(self, key: str, value: Any) -> None:
        """Set an attribute, which the sampler can read back and which is stored with the trial."""
        if self.trial is not None:
            self.trial.system_attrs[key] = value


class _Overlay:
    """A storage that keeps the attributes of a trial that does not exist yet.

    Attributes of the study (the position in a sequence) go to the real storage.
    """

    def __init__(self, storage: Any, trials: list[FrozenTrial], notes: _Notes | None) -> None:
        self._storage, self._trials, self._notes = storage, trials, notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ARG002
        """Keep the attribute until the trial is created."""
        if self._notes is not None:
            self._notes.write(key, value)

    def get_all_trials(
        self,
        study_id: int,  # noqa: ARG002 - there is one study
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials and the draws so far, as samplers of a finite list need them."""
        notes = self._notes
        drawn = [] if notes is None else [*notes.rejected, notes.trial]
        trials = [*self._trials, *(one for one in drawn if one is not None)]
        return selected(trials, deepcopy, states)


def _snapshot(
    study: optuna.Study, trials: list[FrozenTrial], notes: _Notes | None = None
) -> StudySnapshot:
    return StudySnapshot(study, _Overlay(storage_of(study), trials, notes), trials)


class Drawing:
    """Draws whole configurations from a sampler, one by one.

    Args:
        sampler: The sampler.
        study: The study.
        lessons: The trials to learn from, in coordinates.
        space: The space.
        number: The number of the next trial.

    Attributes:
        joint: Whether the last draw came from a joint model of the parameters.
        repeats: Whether another draw would give the same configuration.
        listed: The number of configurations on the sampler's list; 0: it draws from the space.
    """

    def __init__(
        self,
        sampler: BaseSampler,
        study: optuna.Study,
        lessons: list[FrozenTrial],
        space: Space,
        number: int,
    ) -> None:
        self.joint = False
        # Maximising an acquisition function again gives the same point, and is slow.
        self.repeats = isinstance(sampler, optuna.samplers.GPSampler)
        self.listed = grid_size(sampler) if isinstance(sampler, GridSampler) else 0
        self._sampler, self._space, self._number = sampler, space, number
        self._kinds = {name: distribution(axis) for name, axis in space.axes.items()}
        self._notes = _Notes()
        self._study = _snapshot(study, lessons, self._notes)
        # The parameters that all trials share follow from one trial of each sort.
        sorts = {(one.state, frozenset(one.params)): one for one in lessons}
        one_each = _snapshot(study, list(sorts.values()))
        inferred = sampler.infer_relative_search_space(one_each, self._stand_in({}, {}))
        # Trials from another space (a bound was changed, say) must not bring back its bounds.
        self._together = {
            name: kind for name, kind in inferred.items() if self._kinds.get(name) == kind
        }

    @property
    def at_random(self) -> bool:
        """Whether the last draw was uniform over the whole space."""
        if isinstance(self._sampler, optuna.samplers.QMCSampler):
            return True  # it always does
        return not self.joint and isinstance(self._sampler, _RANDOM_AT_FIRST)

    @property
    def notes(self) -> dict[str, Any]:
        """The system attributes that the sampler has set for its last draw."""
        return {} if self._notes.trial is None else dict(self._notes.trial.system_attrs)

    def draw(self) -> dict[str, Value]:
        """Draw the active parameters, within their domains."""
        params: dict[str, Value] = {}
        coordinates: dict[str, Value] = {}
        kinds: dict[str, BaseDistribution] = {}
        self._notes.trial = trial = self._stand_in(coordinates, kinds)
        self._sampler.before_trial(self._study, trial)
        drawn = self._sampler.sample_relative(self._study, trial, self._together)
        self.joint = bool(drawn)
        ask: _Ask = partial(self._sampler.sample_independent, self._study, trial)
        for one in self._space.parameters:
            if not one.is_active(params):
                continue
            there: Value | None = None
            if one.axis is not None:
                kinds[one.name] = kind = self._kinds[one.name]
                there = coordinates[one.name] = _coordinate(one, kind, drawn, ask)
            params[one.name] = one.value(there, params)
        return params

    def reject(self) -> None:
        """Record the last draw as failed, so that a sampler with a list goes on to the next."""
        trial = self._notes.trial
        if trial is not None:
            trial.state = TrialState.FAIL
            self._notes.rejected.append(trial)
            self._notes.trial = None

    def _stand_in(
        self, params: dict[str, Value], kinds: dict[str, BaseDistribution]
    ) -> FrozenTrial:
        """Return a trial for samplers to look at until the real one exists."""
        return FrozenTrial(
            # Below this number, a grid sampler gives each trial the point of its number.
            number=self._number + self.listed,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=None,
            datetime_complete=None,
            params=params,
            distributions=kinds,
            user_attrs={},
            system_attrs={},
            intermediate_values={},
            trial_id=STAND_IN,
        )


def _coordinate(
    parameter: Parameter,
    kind: BaseDistribution,
    drawn: Mapping[str, Value],
    ask: _Ask,
) -> Value:
    """Return the coordinate, drawn independently if it was not drawn jointly; within the axis."""
    name, axis = parameter.name, parameter.axis
    if kind.single():
        return usual(parameter)
    value = drawn[name] if name in drawn else ask(name, kind)
    if not isinstance(axis, Float):
        return value
    if axis.step is not None:
        return axis.at(axis.place(float(value)))
    return min(max(float(value), axis.low), axis.high)  # rounding of logarithms may exceed a bound
