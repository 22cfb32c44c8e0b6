"""Whole configurations from an Optuna sampler, without a trial in the store.

Only the coordinator imports this module, and the coordinator needs Optuna anyway.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from domain.repair import usual
from domain.space import Choice, Domain, Float, Parameter, Space, Value

_Ask: TypeAlias = Callable[[str, BaseDistribution], Value]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the space in Optuna's words, conditional parameters included."""
    return {one.name: _distribution(one.domain) for one in space.parameters}


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.choices)
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    last = domain.high - (domain.high - domain.low) % domain.step
    return IntDistribution(domain.low, last, log=domain.log, step=domain.step)


def random_configurations(space: Space, count: int, seed: int) -> Iterator[dict[str, Value]]:
    """Yield configurations drawn at random from the space, whether rules allow them or not."""
    kinds = distributions(space)
    # A random sampler looks at neither the study nor the trial.
    ask: _Ask = partial(RandomSampler(seed=seed).sample_independent, None, None)  # type: ignore[arg-type]
    for _ in range(count):
        params: dict[str, Value] = {}
        for one in space.parameters:
            if one.is_there(params):
                params[one.name] = _value(one, kinds[one.name], {}, ask)
        yield params


class _Snapshot(optuna.Study):
    """A study as it stands now: a sampler reads it as often as it likes, and cannot write to it."""

    def __init__(self, study: optuna.Study, trials: list[FrozenTrial]) -> None:
        self.__setstate__(study.__getstate__())
        self._storage: Any = _ReadOnly(study._storage)
        self._snapshot = trials

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,  # noqa: ARG002 (everything here is a cache)
    ) -> list[FrozenTrial]:
        trials = [one for one in self._snapshot if states is None or one.state in states]
        return copy.deepcopy(trials) if deepcopy else trials


class _ReadOnly:
    """A storage that forgets what a sampler notes down of a trial that does not exist yet."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Forget it: the trial will be created with all of its parameters at once."""

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Forget it: the next proposal has a sampler of its own, and reads the trials alone."""


class Drawing:
    """Whole configurations from a sampler, one after the other.

    Attributes:
        joint: Whether the last draw came from a model of several parameters.
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
        self._sampler, self._space, self._number = sampler, space, number
        self._study = _Snapshot(study, lessons)
        self._kinds = distributions(space)
        # What all trials have in common, one trial of each sort tells as well as a thousand do.
        sorts = {(one.state, frozenset(one.params)): one for one in lessons}
        one_each = _Snapshot(study, list(sorts.values()))
        inferred = sampler.infer_relative_search_space(one_each, self._stand_in({}, {}))
        # Trials of another space (a bound was changed, say) must not bring its bounds along.
        self._together = {
            name: kind for name, kind in inferred.items() if self._kinds.get(name) == kind
        }

    def draw(self) -> dict[str, Value]:
        """Draw all parameters that are there, within their domains."""
        params: dict[str, Value] = {}
        kinds: dict[str, BaseDistribution] = {}
        trial = self._stand_in(params, kinds)
        drawn = self._sampler.sample_relative(self._study, trial, self._together)
        self.joint = bool(drawn)
        ask: _Ask = partial(self._sampler.sample_independent, self._study, trial)
        for one in self._space.parameters:
            if one.is_there(params):
                kinds[one.name] = kind = self._kinds[one.name]
                params[one.name] = _value(one, kind, drawn, ask)
        return params

    def _stand_in(
        self, params: dict[str, Value], kinds: dict[str, BaseDistribution]
    ) -> FrozenTrial:
        """Return the trial that is to be, for samplers that ask about it."""
        return FrozenTrial(
            number=self._number,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=None,
            datetime_complete=None,
            params=params,
            distributions=kinds,
            user_attrs={},
            system_attrs={},
            intermediate_values={},
            trial_id=-1,
        )


def _value(
    parameter: Parameter,
    kind: BaseDistribution,
    drawn: Mapping[str, Value],
    ask: _Ask,
) -> Value:
    """Return the drawn value, or ask for one where there is a choice; within the domain."""
    name, domain = parameter.name, parameter.domain
    if kind.single():
        return usual(domain)
    value = drawn[name] if name in drawn else ask(name, kind)
    if isinstance(domain, Float):  # the way over logarithms may miss a bound by a bit
        return min(max(float(value), domain.low), domain.high)
    return value
