"""TPE that ranks only candidates that the rules allow.

Candidates are checked first, thousands at once (`domain.rules.vectorized`); the allowed ones are
ranked, conditional parameters together with the others. `RuleSampler` is the base class of such
samplers; `tasks.sampling.priced` has another one.

Optuna's TPE draws 24 candidates near good trials and proposes the one with the highest ratio of
good to bad density. If rules allow a hundredth of the space, that one is nearly always forbidden:
there are no bad trials in the forbidden part, so that the ratio is high there. `RuleTPE` ranks
the allowed candidates by the same ratio.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.arrays import Floats, Ints, Mask
from satisfice.domain.decisions.situation import NextTrialEstimate
from satisfice.domain.rules.batch_repair import coordinates
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.rules.vectorized import allowed, configurations
from satisfice.domain.sampling.parzen import Parzen, fit
from satisfice.domain.space.space import Key, Params, Space, key_of
from satisfice.tasks.storage.distributions import distribution
from satisfice.tasks.storage.optuna_private import generator_of, split_trials

_STARTUP = 10  # random trials before the model is used; as in Optuna
_CANDIDATES = 24  # allowed ones that are ranked; as in Optuna
_BATCH, _BATCHES = 1024, 16

_Model: TypeAlias = tuple[Parzen, Parzen]


class RuleSampler(BaseSampler, ABC):
    """Proposes the most promising candidate that the rules allow.

    Args:
        seed: The seed.
        space: The space.
        rules: The rules that need no prediction.
        accepts: Tells whether a configuration may be proposed, rules on predictions included.

    Attributes:
        without_rules: What would be proposed if there were no rules; None before the first draw.
    """

    def __init__(
        self, seed: int, space: Space, rules: RuleBook, accepts: Callable[[Params], bool]
    ) -> None:
        self.without_rules: Params | None = None
        self._independent = RandomSampler(seed=seed)
        self._space, self._rules, self._accepts = space, rules, accepts
        self._offered: dict[Key, NextTrialEstimate | None] = {}
        self._exhausted = False
        self._axes = {
            name: axis for name, axis in space.axes.items() if not distribution(axis).single()
        }

    @abstractmethod
    def candidates(
        self, study: optuna.Study, trials: list[FrozenTrial]
    ) -> Iterator[tuple[Floats, NextTrialEstimate | None]]:
        """Yield allowed points, the most promising first.

        Args:
            study: The study.
            trials: Its trials, without the next one.

        Yields:
            A point, shape (axes,), between 0 and 1; and its estimate, or None if there is none.
        """

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return all axes, since conditional parameters are drawn with the others."""
        return {name: distribution(axis) for name, axis in self._axes.items()}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the coordinates of an allowed configuration; empty if none was found."""
        if self._exhausted:
            return {}
        trials = [one for one in study.get_trials(deepcopy=False) if one.number != trial.number]
        for place, offer in self.candidates(study, trials):
            there = coordinates(place, self._space)
            params = self._space.configuration(there)
            if self._accepts(params):
                self._offered[key_of(params)] = offer
                return {name: there[name] for name in self._axes}
        self._exhausted = True  # thousands were checked; as many more would not help
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a random value, for when no candidate was found."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def offer(self, params: Params) -> NextTrialEstimate | None:
        """Return the estimate for a configuration that was drawn; None if there is none."""
        return self._offered.get(key_of(params))


class RuleTPE(RuleSampler, TPESampler):
    """Optuna's TPE on allowed candidates only; see `RuleSampler`."""

    def __init__(
        self, seed: int, space: Space, rules: RuleBook, accepts: Callable[[Params], bool]
    ) -> None:
        TPESampler.__init__(self, seed=seed, multivariate=True, constant_liar=True)
        RuleSampler.__init__(self, seed, space, rules, accepts)

    def candidates(
        self, study: optuna.Study, trials: list[FrozenTrial]
    ) -> Iterator[tuple[Floats, NextTrialEstimate | None]]:
        """Yield allowed points, the most promising of each batch first."""
        finished = sum(one.state in (TrialState.COMPLETE, TrialState.PRUNED) for one in trials)
        models = self._models(study, trials, finished) if finished >= _STARTUP else {}
        for batch in self._batches(models):
            yield from ((place, None) for place in batch)

    def _models(
        self, study: optuna.Study, trials: list[FrozenTrial], finished: int
    ) -> dict[tuple[str, ...], _Model]:
        """Return models of good and bad trials, joint for the unconditional parameters."""
        ended = [one for one in trials if one.state in (TrialState.COMPLETE, TrialState.RUNNING)]
        # Optuna's split puts feasible trials first. Whether a pruned trial is feasible may not be
        # known, but it was not worth finishing, so it always counts as bad.
        good, bad = split_trials(study, ended, finished)
        pruned = [one for one in trials if one.state is TrialState.PRUNED]
        halves = good, sorted([*bad, *pruned], key=lambda one: one.number)
        always = tuple(one for one in self._axes if self._space[one].when is None)
        blocks = [always, *((one,) for one in self._axes if one not in always)]
        return {
            names: tuple(  # type: ignore[misc]
                fit(
                    {name: self._axes[name] for name in names},
                    [one.params for one in half if one.params.keys() >= set(names)],
                )
                for half in halves
            )
            for names in blocks
            if names
        }

    def _batches(self, models: Mapping[tuple[str, ...], _Model]) -> Iterator[Floats]:
        """Yield batches of allowed points, the most promising of each first."""
        rows: list[Floats] = []
        scores: list[Floats] = []
        for _ in range(_BATCHES):
            places, score = self._drawn(models)
            rows.append(places[:_CANDIDATES])
            scores.append(score[:_CANDIDATES])
            if sum(map(len, rows)) >= _CANDIDATES:
                yield np.concatenate(rows)[np.argsort(-np.concatenate(scores), kind="stable")]
                rows, scores = [], []
        if rows:
            yield np.concatenate(rows)[np.argsort(-np.concatenate(scores), kind="stable")]

    def _drawn(self, models: Mapping[tuple[str, ...], _Model]) -> tuple[Floats, Floats]:
        random = generator_of(self)
        at = {name: column for column, name in enumerate(self._space.axes)}
        places = random.uniform(size=(_BATCH, len(at)))
        for names, (good, _) in models.items():
            drawn = good.draw(random.uniform(size=(_BATCH, 1 + len(names))))
            for name, column in drawn.items():
                places[:, at[name]] = column
        places = np.clip(places, 0.0, 1.0)
        values, there = configurations(self._space, places)
        left = np.flatnonzero(allowed(self._rules, values, there))[:_CANDIDATES]
        if self.without_rules is None:
            first = np.arange(_CANDIDATES)
            best = int(np.argmax(self._scores(models, places[first], there, first)))
            self.without_rules = self._space.configuration(coordinates(places[best], self._space))
        return places[left], self._scores(models, places[left], there, left)

    def _scores(
        self,
        models: Mapping[tuple[str, ...], _Model],
        places: Floats,
        there: Mapping[str, Mask],
        rows: Ints,
    ) -> Floats:
        at = {name: column for column, name in enumerate(self._space.axes)}
        score = np.zeros(len(rows))
        for names, (good, bad) in models.items():
            some = {name: places[:, at[name]] for name in names}
            ratio = good.log_density(some) - bad.log_density(some)
            score += np.where(there[names[0]][rows], ratio, 0.0) if len(names) == 1 else ratio
        return score
