"""An Optuna sampler that weighs what a configuration may bring against what it costs.

`domain.proposals` prices thousands of candidates that the rules allow; the best one is proposed.
Only the coordinator imports this module, and the coordinator needs Optuna anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from domain import proposals
from domain.columns import allowed, configurations
from domain.features import Floats, columns
from domain.history import Failure, Purpose, TrialRecord
from domain.mending import coordinates, place_of
from domain.proposals import Offers, Tried, nearby
from domain.replicates import Scale
from domain.rules import RuleBook
from domain.situation import Offer
from domain.space import Key, Params, Space, key_of
from domain.worth import Direction, Worth
from tasks.drawing import Lessons, distribution
from tasks.store_records import BEGUN, RESULT, read_record

_STARTUP = 3  # values before there is anything to learn
_SCATTERED, _NEARBY = 1024, 512  # candidates of a batch
_BATCHES = 16
_ENOUGH = 256  # allowed candidates among which the best is chosen
_LEADERS = 6
_CONSIDERED = 12  # leaders that may be trained again
_LOOKS = 64  # candidates that are asked about one by one
# Lost and stopped trials say nothing of their configuration.
_OWN_FAULT = (Failure.CRASHED, Failure.KILLED, Failure.OUT_OF_MEMORY, Failure.NOT_A_NUMBER)


@dataclass(frozen=True)
class Terms:
    """What proposals are priced by.

    Attributes:
        worth: What a gain is worth.
        direction: Which way the metric gets better.
    """

    worth: Worth
    direction: Direction


class PricedSampler(BaseSampler):
    """Proposes the allowed candidate with the best expected gain for its cost.

    Args:
        seed: The seed.
        space: The space.
        rules: The rules that need no prediction.
        wanted: Whether a configuration may be proposed, predictions included.
        terms: What a gain is worth. Costs are those that finished trials have in the store.

    Attributes:
        unruled: What would have been proposed without rules; None before the first draw.
    """

    def __init__(
        self,
        seed: int,
        space: Space,
        rules: RuleBook,
        wanted: Callable[[Params], bool],
        terms: Terms,
    ) -> None:
        self.unruled: Params | None = None
        self._offered: dict[Key, Offer] = {}
        self._random = np.random.default_rng(seed)
        self._independent = RandomSampler(seed=seed)
        self._space, self._rules, self._wanted, self._terms = space, rules, wanted, terms
        self._barren = False
        self._axes = {
            name: axis for name, axis in space.axes.items() if not distribution(axis).single()
        }

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return all axes: those of conditional parameters are drawn with the others."""
        return {name: distribution(axis) for name, axis in self._axes.items()}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the coordinates of an allowed configuration, or none where none was found."""
        if self._barren:
            return {}
        trials = [one for one in study.get_trials(deepcopy=False) if one.number != trial.number]
        candidates, known = self._candidates(trials)
        order = np.arange(len(candidates)) if known is None else known.order
        for at in order[:_LOOKS]:
            there = coordinates(candidates[at], self._space)
            params = self._space.configuration(there)
            if self._wanted(params):
                if known is not None:
                    gain, cost = float(known.gains[at]), float(known.costs[at])
                    self._offered[key_of(params)] = Offer(gain, cost, _STARTUP + len(self._axes))
                return {name: there[name] for name in self._axes}
        self._barren = True  # thousands of candidates were looked at: as many more would not help
        return {}

    def offer(self, params: Params) -> Offer | None:
        """Return what a configuration that was drawn is expected to bring; None where unknown."""
        return self._offered.get(key_of(params))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value drawn at random, where no candidate was found."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _candidates(self, trials: Sequence[FrozenTrial]) -> tuple[Floats, Offers | None]:
        """Return places that the rules allow, and what they are expected to bring and to cost."""
        past = _Past.of(trials, self._space, self._terms)
        found: list[Floats] = []
        for _ in range(_BATCHES):
            places = self._batch(past)
            values, there = configurations(self._space, places)
            left = allowed(self._rules, values, there)
            if self.unruled is None:
                self._note_unruled(past, places, bool(left.all()))
            found.append(places[left])
            if sum(map(len, found)) >= _ENOUGH:
                break
        candidates = np.concatenate(found)
        return candidates, self._offers(past, candidates) if len(candidates) else None

    def _note_unruled(self, past: _Past, places: Floats, free: bool) -> None:
        known = None if free else self._offers(past, places)
        first = places[0 if known is None else known.order[0]]
        self.unruled = self._space.configuration(coordinates(first, self._space))

    def _batch(self, past: _Past) -> Floats:
        axes = len(self._space.axes)
        places = self._random.random((_SCATTERED, axes))
        if len(past.leaders):
            uniform = self._random.random((_NEARBY, 2 + 2 * axes))
            places = np.concatenate([places, nearby(past.leaders, uniform)])
        return places

    def _offers(self, past: _Past, places: Floats) -> Offers | None:
        if np.count_nonzero(np.isfinite(past.tried.levels)) < _STARTUP:
            return None
        _, there = configurations(self._space, places)
        here = np.column_stack([there[name] for name in self._space.axes])
        features, _ = columns(np.where(here, places, np.nan), self._space)
        target = past.target(self._terms)
        return proposals.offers(past.tried, features, self._terms.worth.unit, target)


@dataclass(frozen=True)
class Leader:
    """A configuration that may be the best one.

    Attributes:
        number: The first trial that tried it.
        offer: What training it again is expected to bring and to cost.
    """

    number: int
    offer: Offer


def leaders(trials: Sequence[FrozenTrial], space: Space, terms: Terms) -> tuple[Leader, ...]:
    """Return the leaders of a search, the one that is believed to be the best first.

    Args:
        trials: The finished trials, in coordinates; repeated ones among them.
        space: The space.
        terms: What a gain is worth.
    """
    past = _Past.of(trials, space, terms)
    tried = past.tried
    rows: dict[bytes, list[int]] = {}
    for row in np.flatnonzero(tried.may_win).tolist():
        rows.setdefault(tried.columns[row].tobytes(), []).append(row)
    groups = sorted(rows.values(), key=lambda own: -float(np.mean(tried.levels[own])))[:_CONSIDERED]
    first = np.array([own[0] for own in groups], int)
    target = past.target(terms)
    known = proposals.leaders(tried, first, terms.worth.unit, target)
    if known is None:
        return tuple(Leader(trials[one].number, Offer(0.0, 0.0)) for one in first)
    costs = [float(np.mean(tried.money[own])) for own in groups]
    found = [
        Leader(trials[one].number, Offer(float(gain), cost))
        for one, gain, cost in zip(first, known.gains, costs, strict=True)
    ]
    return tuple(found[at] for at in np.argsort(-known.levels, kind="stable"))


def leaders_of(study: optuna.Study, space: Space, terms: Terms) -> tuple[Leader, ...]:
    """Return the leaders of a study in the store; see `leaders`. Confirmations count."""
    translated = Lessons(space)
    trials = [
        translated.of(one)
        for one in study.get_trials(deepcopy=False)
        if one.state.is_finished() and (record := _record(one)) is not None
        if record.purpose.competes or record.purpose is Purpose.CONFIRMATION
    ]
    return leaders(trials, space, terms)


@dataclass(frozen=True)
class _Past:
    """The finished trials as `domain.proposals` reads them, and places of the leaders."""

    tried: Tried
    scale: Scale
    leaders: Floats

    def target(self, terms: Terms) -> float:
        """Return the level beyond which nothing is worth anything."""
        target = terms.worth.target
        return np.inf if target is None else float(self.scale.of(np.array(target)))

    @classmethod
    def of(cls, trials: Sequence[FrozenTrial], space: Space, terms: Terms) -> _Past:
        finished = [one for one in trials if one.state.is_finished()]
        running = [one for one in trials if not one.state.is_finished()]
        scale = Scale(terms.direction, terms.worth.per)
        values = np.array([_value(one) for one in finished], float)
        levels = np.where(np.isnan(values), np.nan, scale.of(values))
        records = [_record(one) for one in finished]
        failures = [None if one is None else one.failure for one in records]
        bad = np.array([one in _OWN_FAULT for one in failures], bool)
        bad |= np.array([any(c > 0 for c in one.constraints.values()) for one in finished], bool)
        places = _places(finished, space)
        features, axes = columns(places, space)
        tried = Tried(
            features,
            axes,
            levels,
            bad,
            np.array([one.state is TrialState.COMPLETE for one in finished], bool),
            np.array([0.0 if one is None else one.cost.money for one in records]),
            np.array([one is Failure.OVERRAN for one in failures], bool),
            columns(_places(running, space), space)[0],
        )
        good = np.flatnonzero(tried.may_win)
        leaders = places[good[np.argsort(-levels[good], kind="stable")[:_LEADERS]]]
        return cls(tried, scale, np.nan_to_num(leaders, nan=0.5))


def _value(trial: FrozenTrial) -> float:
    if trial.state is TrialState.COMPLETE:
        return float(trial.values[0])
    if trial.state is TrialState.PRUNED and trial.intermediate_values:
        return float(trial.intermediate_values[max(trial.intermediate_values)])
    return float("nan")


def _record(trial: FrozenTrial) -> TrialRecord | None:
    begun, result = trial.user_attrs.get(BEGUN), trial.user_attrs.get(RESULT)
    return None if begun is None or result is None else read_record(trial.number, begun, result)


def _places(trials: Sequence[FrozenTrial], space: Space) -> Floats:
    rows = [
        [
            place_of(axis, one.params[name]) if name in one.params else np.nan
            for name, axis in space.axes.items()
        ]
        for one in trials
    ]
    return np.array(rows, float).reshape(len(trials), len(space.axes))
