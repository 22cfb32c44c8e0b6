"""An Optuna sampler that weighs the expected gain of a configuration against its cost.

`domain.sampling.acquisition` prices thousands of candidates that the rules allow; the best one is
proposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.arrays import Floats, Mask
from satisfice.domain.decisions.noise import Scale
from satisfice.domain.decisions.pruning import expected_ends
from satisfice.domain.decisions.situation import NextTrialEstimate
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.rules.batch_repair import coordinates, place_of
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.rules.vectorized import allowed, configurations
from satisfice.domain.sampling import acquisition
from satisfice.domain.sampling.acquisition import Offers, Tried, nearby
from satisfice.domain.sampling.encoding import columns
from satisfice.domain.space.space import Choice, Params, Space
from satisfice.domain.trials.history import Failure, Purpose, TrialRecord
from satisfice.tasks.sampling.draws import TrialTranslator
from satisfice.tasks.sampling.rule_tpe import RuleSampler
from satisfice.tasks.storage.trial_records import BEGUN, RESULT, read_record

_STARTUP = 3  # values before the model is used
_SCATTERED, _NEARBY = 1024, 512  # candidates of a batch
_BATCHES = 16
_ENOUGH = 256  # allowed candidates to choose from
_LEADERS = 6
_CONSIDERED = 12  # leaders that may be confirmed
_LOOKS = 64  # candidates that are checked one by one
_CUT = 2.0  # a trial that overran is assumed to cost this many times what it took
# Lost and stopped trials say nothing about their configuration.
_OWN_FAULT = (Failure.CRASHED, Failure.KILLED, Failure.OUT_OF_MEMORY, Failure.NOT_A_NUMBER)


@dataclass(frozen=True)
class Terms:
    """What prices proposals.

    Attributes:
        worth: The worth of a gain.
        direction: Whether the metric is maximised or minimised.
    """

    worth: Worth
    direction: Direction


class PricedSampler(RuleSampler):
    """Proposes the allowed candidate with the best expected gain for its cost.

    Args:
        seed: The seed.
        space: The space.
        rules: The rules that need no prediction.
        accepts: Tells whether a configuration may be proposed, rules on predictions included.
        terms: The worth of a gain. Costs are those of the finished trials in the store.
    """

    def __init__(
        self,
        seed: int,
        space: Space,
        rules: RuleBook,
        accepts: Callable[[Params], bool],
        terms: Terms,
    ) -> None:
        super().__init__(seed, space, rules, accepts)
        self._random = np.random.default_rng(seed)
        self._terms = terms
        self._words = np.array([isinstance(axis, Choice) for axis in space.axes.values()])

    def candidates(
        self,
        study: optuna.Study,  # noqa: ARG002
        trials: list[FrozenTrial],
    ) -> Iterator[tuple[Floats, NextTrialEstimate | None]]:
        """Yield allowed points, the highest price index first.

        If repeating a tried configuration has a higher index, the estimated gain is zero: leaders
        are trained again after the search.
        """
        past = _Past.of(trials, self._space, self._terms)
        batches = list(self._batches(past))
        places, features, left = (np.concatenate(one) for one in zip(*batches, strict=True))
        asked, first = left.copy(), len(batches[0][0])
        asked[:first] |= self.without_rules is None  # without rules, the first batch is enough
        places, features, left = places[asked], features[asked], left[asked]
        known = self._offers(past, features)
        order = np.arange(len(places)) if known is None else known.order
        if self.without_rules is None:
            best = places[order[order < first][0]]
            self.without_rules = self._space.configuration(coordinates(best, self._space))
        order = order[left[order]][:_LOOKS]
        if known is None:
            yield from ((places[at], None) for at in order)
            return
        least = _STARTUP + len(self._axes)
        gains = np.where(known.prices > known.again, known.gains, 0.0)
        for at in order:
            yield places[at], NextTrialEstimate(float(gains[at]), float(known.costs[at]), least)

    def _batches(self, past: _Past) -> Iterator[tuple[Floats, Floats, Mask]]:
        """Yield points, their features, and which are allowed, until there are enough."""
        found = 0
        for _ in range(_BATCHES):
            places = self._batch(past)
            values, there = configurations(self._space, places)
            here = np.column_stack([there[name] for name in self._space.axes])
            features, _ = columns(np.where(here, places, np.nan), self._space)
            left = allowed(self._rules, values, there)
            yield places, features, left
            found += int(np.count_nonzero(left))
            if found >= _ENOUGH:
                return

    def _batch(self, past: _Past) -> Floats:
        axes = len(self._space.axes)
        places = self._random.random((_SCATTERED, axes))
        if len(past.leaders):
            uniform = self._random.random((_NEARBY, 2 + 2 * axes))
            places = np.concatenate([places, nearby(past.leaders, self._words, uniform)])
        return places

    def _offers(self, past: _Past, features: Floats) -> Offers | None:
        told = np.count_nonzero(np.isfinite(past.tried.levels))
        if told < _STARTUP or not len(features):
            return None
        target = past.target(self._terms)
        return acquisition.offers(past.tried, features, self._terms.worth.unit, target)


@dataclass(frozen=True)
class Leader:
    """A configuration that may be the best.

    Attributes:
        number: The first trial of it.
        offer: The expected gain and cost of training it again.
    """

    number: int
    offer: NextTrialEstimate


def leaders(trials: Sequence[FrozenTrial], space: Space, terms: Terms) -> tuple[Leader, ...]:
    """Return the leaders of a search, the most likely best first.

    Args:
        trials: The finished trials, repetitions included, in coordinates.
        space: The space.
        terms: The worth of a gain.
    """
    past = _Past.of(trials, space, terms)
    known = acquisition.leaders(past.tried, _CONSIDERED, terms.worth.unit, past.target(terms))
    return tuple(
        Leader(trials[row].number, NextTrialEstimate(float(gain), float(cost)))
        for row, gain, cost in zip(known.rows, known.gains, known.costs, strict=True)
    )


def leaders_of(study: optuna.Study, space: Space, terms: Terms) -> tuple[Leader, ...]:
    """Return the leaders of a study in the store, confirmations included; see `leaders`."""
    translated = TrialTranslator(space)
    trials = [
        translated.of(one)
        for one in study.get_trials(deepcopy=False)
        if one.state.is_finished() and (record := _record(one)) is not None
        if record.purpose.competes or record.purpose is Purpose.CONFIRMATION
    ]
    return leaders(trials, space, terms)


@dataclass(frozen=True)
class _Past:
    """The trials as arrays for the acquisition, and the points of the leaders."""

    tried: Tried
    scale: Scale
    leaders: Floats

    def target(self, terms: Terms) -> float:
        """Return the level beyond which a gain is worth nothing."""
        target = terms.worth.target
        return np.inf if target is None else float(self.scale.of(np.array(target)))

    @classmethod
    def of(cls, trials: Sequence[FrozenTrial], space: Space, terms: Terms) -> _Past:
        finished = [one for one in trials if one.state.is_finished()]
        running = [one for one in trials if not one.state.is_finished()]
        scale = Scale(terms.direction, terms.worth.per)
        records = [_record(one) for one in finished]
        levels, doubts = _levels(finished, records, scale)
        failures = [None if one is None else one.failure for one in records]
        bad = np.array([one in _OWN_FAULT for one in failures], bool)
        bad |= np.array([any(c > 0 for c in one.constraints.values()) for one in finished], bool)
        money = np.array([0.0 if one is None else one.cost.money for one in records])
        money /= np.array([1.0 if one is None else one.progress for one in records])
        money[[one is Failure.OVERRAN for one in failures]] *= _CUT
        places = _places(finished, space)
        features, axes = columns(places, space)
        tried = Tried(
            features,
            axes,
            levels,
            doubts,
            bad,
            np.array([one.state is TrialState.COMPLETE for one in finished], bool),
            money,
            columns(_places(running, space), space)[0],
        )
        good = np.flatnonzero(tried.may_win)
        leaders = places[good[np.argsort(-levels[good], kind="stable")[:_LEADERS]]]
        return cls(tried, scale, np.nan_to_num(leaders, nan=0.5))


def _levels(
    trials: Sequence[FrozenTrial], records: Sequence[TrialRecord | None], scale: Scale
) -> tuple[Floats, Floats]:
    """Return levels, and the standard deviations of those that are forecasts for pruned trials."""
    values = np.array([_value(one) for one in trials], float)
    levels = np.where(np.isnan(values), np.nan, scale.of(values))
    doubts = np.zeros(len(trials))
    known = [(at, one) for at, one in enumerate(records) if one is not None and one.curve]
    finished = [one.curve for at, one in known if trials[at].state is TrialState.COMPLETE]
    given_up = [(at, one.progress) for at, one in known if trials[at].state is TrialState.PRUNED]
    if given_up:
        rows, progress = (np.array(one) for one in zip(*given_up, strict=True))
        levels[rows], doubts[rows] = expected_ends(values[rows], progress, finished, scale)
    return levels, doubts


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
