"""An Optuna sampler that makes another sampler obey rules.

```python
import optuna
from satisfice import RuleAwareSampler

sampler = RuleAwareSampler(
    optuna.samplers.TPESampler(),
    {
        "channels": optuna.distributions.IntDistribution(8, 128, log=True),
        "groups": optuna.distributions.IntDistribution(1, 16),
    },
    ["channels % groups == 0"],
)
study = optuna.create_study(sampler=sampler)
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.errors import SatisficeError, UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.predicted import PREDICTED
from satisfice.domain.rules.rule import Predict, Rule, RuleBook, implied_by
from satisfice.domain.space.space import (
    Bounded,
    Choice,
    Float,
    Int,
    Ordinal,
    Parameter,
    Params,
    Space,
)
from satisfice.tasks.sampling.draws import Drawing, TrialTranslator
from satisfice.tasks.sampling.rule_search import PREDICTIONS, ExpertPriors, Proposal, RuleSearch
from satisfice.tasks.storage.distributions import distribution
from satisfice.tasks.storage.optuna_private import FIXED_PARAMS, storage_of, trial_id


class RuleAwareSampler(BaseSampler):
    """Lets another sampler propose, but only configurations that break no rule.

    Whole configurations are drawn and checked; after a few draws, the nearest allowed configuration
    is taken. So the objective must suggest its parameters with the names and bounds in `space`.
    Rules also apply to queued configurations: a forbidden one is refused, and its trial fails.

    Args:
        sampler: Any Optuna sampler.
        space: Optuna's distributions by name, each after those that its condition uses; or a
            `Space`.
        rules: Conditions such as `channels % groups == 0`; or a `RuleBook`.
        when: The conditions of conditional parameters by name.
        predict: Predicts `predicted.*` for a configuration, if rules use it.
        seed: The seed of everything that the other sampler does not draw; a study is repeatable if
            both have one.

    Raises:
        UserError: A rule or condition cannot be read, or uses a name that is not in the space.
    """

    def __init__(
        self,
        sampler: BaseSampler,
        space: Mapping[str, BaseDistribution] | Space,
        rules: Sequence[str | Rule] | RuleBook = (),
        when: Mapping[str, str] | None = None,
        predict: Predict | None = None,
        seed: int | None = None,
    ) -> None:
        self._sampler = sampler
        self._space = space if isinstance(space, Space) else _space(space, when or {})
        stated = rules.rules if isinstance(rules, RuleBook) else tuple(map(_rule, rules))
        implied = (one for one in implied_by(self._space) if one not in stated)
        self._rules = RuleBook((*stated, *implied))
        self._predict = predict or _no_prediction
        self._lessons = TrialTranslator(self._space)
        self._random = np.random.default_rng(seed)
        known = (*self._space.names, *(PREDICTED if predict else ()))
        for rule in stated:
            rule.require.check_names(known, "parameter")

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return every parameter, so that Optuna takes all of them from `sample_relative`."""
        return {one.name: _widest(one) for one in self._space.parameters if one.axis is not None}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return a configuration that the rules allow.

        Raises:
            NoAllowedConfiguration: No allowed configuration was found.
        """
        drawing, found = self._found(study, trial)
        for key, note in found.notes.items():
            storage_of(study).set_trial_system_attr(trial_id(trial), key, note)
        if found.repeated and drawing.listed:
            with suppress(RuntimeError):  # outside `optimize` there is nothing to stop
                study.stop()
        return {name: found.params[name] for name in found.params if name in self._space.axes}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Refuse a queued configuration if no draw of its other parameters makes it allowed.

        Raises:
            UserError: The message names the rule that it breaks and an allowed neighbour.
        """
        if trial.system_attrs.get(FIXED_PARAMS):  # Optuna does not sample what is queued
            try:
                self._found(study, trial)
            except SatisficeError:
                storage_of(study).set_trial_state_values(trial_id(trial), TrialState.FAIL)
                raise

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Let the other sampler draw a parameter that is not in the space.

        Raises:
            UserError: It is in the space, but the objective suggests it differently.
        """
        if param_name in self._space.names:
            raise UserError(
                f"the objective suggests {param_name!r} as {param_distribution}, which is not what "
                "the rules were checked with",
                "give RuleAwareSampler the distributions that the objective uses, and in `when` "
                "the conditions under which it suggests them",
            )
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Tell the other sampler that a trial has ended."""
        self._sampler.after_trial(study, trial, state, values)

    def _found(self, study: optuna.Study, trial: FrozenTrial) -> tuple[Drawing, Proposal]:
        others = [one for one in study.get_trials(deepcopy=False) if one.number != trial.number]
        lessons = [self._lessons.of(one) for one in others]
        drawing = Drawing(self._sampler, study, lessons, self._space, trial.number)
        evaluator = RuleEvaluator(self._rules, self._predict, PREDICTIONS)
        experts = ExpertPriors(self._space, lessons, self._random)
        search = RuleSearch(self._space, evaluator, experts, others)
        fixed = trial.system_attrs.get(FIXED_PARAMS)
        return drawing, search.complete(drawing, fixed) if fixed else search.run(drawing)

    def reseed_rng(self) -> None:
        """Reseed both generators, for another process."""
        self._random = np.random.default_rng()
        self._sampler.reseed_rng()


def _no_prediction(params: Params) -> Mapping[str, float]:  # noqa: ARG001
    return {}


def _rule(rule: str | Rule) -> Rule:
    return rule if isinstance(rule, Rule) else Rule(rule, Expression(rule))


def _space(kinds: Mapping[str, BaseDistribution], when: Mapping[str, str]) -> Space:
    for name in when.keys() - kinds.keys():
        raise UserError(f"`when` has a condition for {name!r}, which is not in the space")
    parameters: list[Parameter] = []
    for name, kind in kinds.items():
        condition = Expression(when[name]) if name in when else None
        if condition is not None:
            condition.check_names([one.name for one in parameters], "parameter above")
        parameters.append(Parameter(name, _domain(kind), condition))
    return Space(tuple(parameters))


def _domain(kind: BaseDistribution) -> Float | Int | Choice:
    if isinstance(kind, FloatDistribution):
        return Float(kind.low, kind.high, kind.log, kind.step)
    if isinstance(kind, IntDistribution):
        return Int(kind.low, kind.high, kind.log, kind.step)
    if isinstance(kind, CategoricalDistribution):
        return Choice(tuple(kind.choices))  # type: ignore[arg-type]
    raise UserError(f"{kind} is not an Optuna distribution")


def _widest(parameter: Parameter) -> BaseDistribution:
    """Return a distribution of the type that the objective uses."""
    domain = parameter.domain
    if isinstance(domain, Bounded):
        return distribution(Int(1, 2, domain.log) if domain.whole else Float(1.0, 2.0, domain.log))
    if isinstance(domain, Ordinal):
        return CategoricalDistribution(domain.values)
    assert parameter.axis is not None  # noqa: S101 - no derived one comes here
    return distribution(parameter.axis)
