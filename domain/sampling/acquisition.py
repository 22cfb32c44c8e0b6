"""Which configuration to train next: the best expected gain for its cost.

Two Gaussian processes learn from the finished trials: one the value, on the scale on which worth is
linear, one the logarithm of the cost. A candidate is then a box that costs something to open and
holds a prize that is known roughly; the order in which to open boxes, and when to open no more, is
that of their fair prices: the sure prize that is just as good as the right to open one (Weitzman
1979, Optimal Search for the Best Alternative; as an acquisition: Xie et al. 2024, Cost-aware
Bayesian Optimization via the Pandora's Box Gittins Index, arXiv 2406.20062, section 3).

What a model of values leaves unexplained is partly a configuration's own, partly noise of seeds
(Cressie 1993, Statistics for Spatial Data, section 2.3.1). The one can be won, the other only seems
to be there; configurations that were trained several times tell how much of each there is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_ndtr, ndtr

from satisfice.domain.arrays import Floats, Ints, Mask
from satisfice.domain.sampling.gaussian_process import Surrogate

_NOISE, _NOISE_OF_COST = 0.01, 0.03  # shares of the whole variance that are expected beforehand
_LATEST, _LEADERS = 140, 60  # trials that are learnt from: the rest would say little more
# What a model of values leaves unexplained is half noise of seeds, as sure as three repeats are; at
# least a tenth is what configurations have of their own.
_NOISY, _REPEATS, _OWN = 0.5, 3.0, 0.1
_LARGEST_VARIANCE = 2.0  # of the logarithm of a cost; a wider one would rule everything out
_NEAREST, _RADII = 0.02, 6  # how far from a leader its neighbours lie, as shares of an axis
_SMALLEST = 1e-280
_CLEAR = 30.0  # standard deviations: from there on nothing is open
_EDGES = np.concatenate([np.linspace(-37.0, -4.0, 1500), np.linspace(-3.98, 8.0, 1500)])


@dataclass(frozen=True)
class Tried:
    """What finished trials teach.

    Attributes:
        columns: Shape (trials, columns): the configurations (`domain.sampling.encoding`).
        axes: Shape (columns,): the axis that each column belongs to, counted from 0.
        levels: Shape (trials,): values on the scale of the worth, of a trial that was given up the
            one that it was going to have; NaN where there is none that a model may learn from.
        doubts: Shape (trials,): standard deviation of a level that is a forecast, else 0.
        bad: Shape (trials,): which trials are known to be no good, whatever their value: they broke
            a soft rule, or failed by their own fault.
        whole: Shape (trials,): which were trained to their end, so that they may win.
        money: Shape (trials,): what each took, or would have taken if it had not ended early.
        pending: Shape (orders in flight, columns).
    """

    columns: Floats
    axes: Ints
    levels: Floats
    doubts: Floats
    bad: Mask
    whole: Mask
    money: Floats
    pending: Floats

    @property
    def may_win(self) -> Mask:
        """Which trials one may choose."""
        return np.isfinite(self.levels) & self.whole & ~self.bad


@dataclass(frozen=True)
class Offers:
    """What candidates are expected to bring and to cost.

    Attributes:
        gains: What each is expected to be worth beyond the best, in money.
        costs: What each would take, trained to its end, in money: whatever brings a gain is.
        prices: The fair price of each, in money relative to the best: above 0 where it pays.
        again: The highest fair price of another look at a configuration that was tried.
    """

    gains: Floats
    costs: Floats
    prices: Floats
    again: float

    @property
    def order(self) -> Ints:
        """The candidates, the best one first."""
        return np.argsort(-self.prices, kind="stable")


def offers(tried: Tried, candidates: Floats, step: float, target: float = np.inf) -> Offers | None:
    """Price candidates by what the finished trials teach.

    Args:
        tried: The finished trials.
        candidates: Shape (candidates, columns).
        step: What one step of the scale is worth, in money.
        target: The level beyond which nothing is worth anything.

    Returns:
        The offers; None where fewer than two values, or values that are all alike, teach nothing.
    """
    tried = replace(tried, levels=np.minimum(tried.levels, target))
    known = _Known.of(tried)
    if known is None:
        return None
    value = known.value
    costs = _costs(tried, known.trials, candidates)
    means, variances = value.awaiting(tried.pending).at(candidates)
    variances = variances + np.where(_unseen(tried, candidates), known.own, 0.0)
    believed, doubts = known.believed(tried, known.groups)
    best = float(np.max(believed))
    end = (target - value.mean) / value.spread
    worth = max(step * value.spread, _SMALLEST)  # where nothing is worth anything, the cheapest
    moves = _moves(variances, known.noise)
    gains = np.maximum(_above(best, means, moves) - _above(end, means, moves), 0.0)
    prices = _fair(means, moves, costs / worth, end)
    taken = np.array([np.mean(tried.money[group]) for group in known.groups])
    again = np.max(_fair(believed, _moves(doubts, known.noise), taken / worth, end))
    return Offers(worth * gains, costs, worth * (prices - best), float(worth * (again - best)))


def _moves(variances: Floats, noise: float) -> Floats:
    """Return how far one noisy look can move what is believed, as a standard deviation."""
    return np.asarray(variances / np.sqrt(variances + noise))


def _fair(means: Floats, moves: Floats, costs: Floats, end: float) -> Floats:
    """Return fair prices of boxes whose prizes end at a target.

    Such a box is as good as an open-ended one that costs more.
    """
    return means - moves * _inverse_gain((costs + _above(end, means, moves)) / moves)


def _above(level: float, means: Floats, moves: Floats) -> Floats:
    """Return by how much normal variables are expected to exceed a level."""
    return moves * _gain((means - level) / moves)


@dataclass(frozen=True)
class Leaders:
    """Configurations that may be the best one, the one that is believed to be the best first.

    Attributes:
        rows: The first trial of each.
        levels: The mean of each over all seeds, as far as it is known, on the scale of the worth.
        gains: What one more training of each is expected to be worth, in money: the best of them
            may be another one than it seems. 0 where nothing can be said.
        costs: What a training of each has taken, in money.
    """

    rows: Ints
    levels: Floats
    gains: Floats
    costs: Floats


def leaders(tried: Tried, most: int, step: float, target: float = np.inf) -> Leaders:
    """Price training leaders again.

    A look at one is worth what it is expected to raise the best mean by (knowledge gradient, each
    leader by itself; Frazier et al. 2008, A Knowledge-Gradient Policy for Sequential Information
    Collection, section 3).

    Args:
        tried: The finished trials; repeated trainings of a configuration stand in it one by one.
        most: How many configurations are looked at, those with the best mean values.
        step: What one step of the scale is worth, in money.
        target: The level beyond which nothing is worth anything.
    """
    tried = replace(tried, levels=np.minimum(tried.levels, target))
    groups = _alike(tried, np.flatnonzero(tried.may_win))
    groups = sorted(groups, key=lambda group: -float(np.mean(tried.levels[group])))[:most]
    rows = np.array([group[0] for group in groups], int)
    levels = np.array([np.mean(tried.levels[group]) for group in groups])
    costs = np.array([np.mean(tried.money[group]) for group in groups])
    known = _Known.of(tried)
    if known is None or len(rows) < 2:
        return Leaders(rows, levels, np.zeros(len(rows)), costs)
    value = known.value
    means, variances = known.believed(tried, groups)
    moves = _moves(variances, known.noise)
    second, first = np.sort(means)[-2:]
    rival = np.where(np.arange(len(rows)) == np.argmax(means), second, first)
    gains = step * value.spread * moves * _gain(-np.abs(means - rival) / moves)
    order = np.argsort(-means, kind="stable")
    levels = value.mean + value.spread * means
    return Leaders(rows[order], levels[order], gains[order], costs[order])


@dataclass(frozen=True)
class _Known:
    """What the trials teach of values.

    Attributes:
        trials: The trials that are learnt from.
        groups: Those of them that may win, by configuration.
        value: The level of a configuration, as far as those near it tell.
        noise: Variance from seed to seed, on the scale of `value`.
        own: Variance of what a configuration has of its own; with the noise it is what `value`
            takes for noise.
    """

    trials: Ints
    groups: list[list[int]]
    value: Surrogate
    noise: float
    own: float

    @classmethod
    def of(cls, tried: Tried) -> _Known | None:
        some = _informative(tried)
        levels, bad = tried.levels[some], tried.bad[some]
        good = tried.may_win[some]
        if np.count_nonzero(good) < 2 or not np.ptp(levels[good]) > _SMALLEST:
            return None
        lowest = _lowest(levels[np.isfinite(levels) & ~bad], float(np.max(levels[good])))
        levels, variances = _at_least(lowest, levels, tried.doubts[some])
        levels, variances = np.where(bad, lowest, levels), np.where(bad, 0.0, variances)
        told = np.isfinite(levels)
        columns = tried.columns[some[told]]
        value = Surrogate.of(columns, tried.axes, levels[told], _NOISE, variances[told])
        groups = _alike(tried, some[good])
        noise = _seed_noise(tried.levels / value.spread, groups, value.noise)
        return cls(some, groups, value, noise, max(value.noise - noise, _OWN * value.noise))

    def believed(self, tried: Tried, groups: list[list[int]]) -> tuple[Floats, Floats]:
        """Return mean and variance of what configurations are over all seeds, on the scale.

        What was seen of one counts beyond what its neighbours say, by its share of its own.

        Args:
            tried: The finished trials.
            groups: The trials of each configuration.
        """
        means, variances = self.value.at(tried.columns[[group[0] for group in groups]])
        seen = np.array([np.mean(tried.levels[group]) for group in groups])
        left = (seen - self.value.mean) / self.value.spread - means
        share = self.own / (self.own + self.noise / np.array([len(group) for group in groups]))
        return means + share * left, self.own * (1 - share) + variances * (1 - share) ** 2


def _unseen(tried: Tried, candidates: Floats) -> Mask:
    """Tell which candidates have not been tried, and do not run."""
    seen = {row.tobytes() for row in np.concatenate([tried.columns, tried.pending])}
    return np.array([row.tobytes() not in seen for row in candidates])


def _alike(tried: Tried, rows: Ints) -> list[list[int]]:
    """Put the trials of a configuration together."""
    groups: dict[bytes, list[int]] = {}
    for row in rows.tolist():
        groups.setdefault(tried.columns[row].tobytes(), []).append(row)
    return list(groups.values())


def _seed_noise(levels: Floats, groups: list[list[int]], unexplained: float) -> float:
    """Return the variance from seed to seed, shrunk towards a share of what is unexplained."""
    squares = sum(float(np.sum((levels[group] - np.mean(levels[group])) ** 2)) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    return (squares + _REPEATS * _NOISY * unexplained) / (freedom + _REPEATS)


def _informative(tried: Tried) -> Ints:
    """Choose the trials to learn from: all while they are few, then the latest and the best."""
    count = len(tried.levels)
    if count <= _LATEST + _LEADERS:
        return np.arange(count)
    older = np.where(tried.may_win, tried.levels, -np.inf)[:-_LATEST]
    leaders = np.argsort(-older, kind="stable")[:_LEADERS]
    return np.concatenate([np.sort(leaders), np.arange(count - _LATEST, count)])


def _lowest(levels: Floats, best: float) -> float:
    """Return the level below which bad is bad: how bad says nothing about where the best lies.

    What was given up belongs to the middle: those that were not are the good half of all.
    """
    middle = float(np.median(levels))
    return middle - (best - middle) if middle < best else float(np.min(levels))


def _at_least(lowest: float, levels: Floats, doubts: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the larger of `lowest` and each of some normal variables."""
    means, variances = np.maximum(levels, lowest), np.zeros(len(levels))
    some = doubts > 0
    doubt = doubts[some]
    above = np.clip((levels[some] - lowest) / doubt, -_CLEAR, _CLEAR)
    gains = _gain(above)
    squares = (above**2 + 1) * ndtr(above) + above * np.exp(-(above**2) / 2) / np.sqrt(2 * np.pi)
    means[some] = np.maximum(lowest + doubt * gains, means[some])
    variances[some] = doubt**2 * np.maximum(squares - gains**2, 0.0)
    return means, variances


def _costs(tried: Tried, some: Ints, candidates: Floats) -> Floats:
    """Forecast what candidates take, in money: means of log-normal distributions."""
    taken = tried.money[some]
    paid = taken > 0
    if not np.any(paid):
        return np.zeros(len(candidates))
    cost = Surrogate.of(tried.columns[some[paid]], tried.axes, np.log(taken[paid]), _NOISE_OF_COST)
    means, variances = cost.at(candidates)
    spread = np.minimum((variances + cost.noise) * cost.spread**2, _LARGEST_VARIANCE)
    return np.asarray(np.exp(cost.mean + cost.spread * means + spread / 2))


def _gain(ahead: Floats) -> Floats:
    """Return by how much a standard normal variable plus `ahead` is expected to exceed 0."""
    ahead = np.maximum(ahead, _EDGES[0])  # nothing comes from so far behind
    return np.asarray(ahead * ndtr(ahead) + np.exp(-(ahead**2) / 2) / np.sqrt(2 * np.pi))


def _inverse_gain(gain: Floats) -> Floats:
    """Return how far ahead a standard normal variable must be for an expected gain."""
    logs = np.log(np.maximum(gain, _SMALLEST))
    near = np.interp(logs, _LOG_GAINS, _EDGES)
    return np.where(gain > _EDGES[-1], gain, near)


def _log_gain(ahead: Floats) -> Floats:
    """Return the logarithm of `_gain`; far behind, where it cancels out, by Mills' ratio."""
    ratio = np.exp(log_ndtr(ahead) + ahead**2 / 2) * np.sqrt(2 * np.pi)
    away = np.minimum(ahead, -1.0) ** 2
    left = np.where(ahead < -30.0, 1 / away - 3 / away**2, 1 + ahead * ratio)
    return np.asarray(np.log(left) - ahead**2 / 2 - np.log(2 * np.pi) / 2)


_LOG_GAINS = _log_gain(_EDGES)


def nearby(leaders: Floats, words: Mask, uniform: Floats) -> Floats:
    """Return places around leaders: one axis moved, two, or all, far or near.

    Args:
        leaders: Shape (leaders, axes): places between 0 and 1.
        words: Shape (axes,): which are choices. No word is near another: one that moves is drawn
            anew.
        uniform: Shape (points, 2 + 2 x axes): numbers between 0 and 1 that settle everything.
    """
    axes = leaders.shape[1]
    chosen = leaders[(uniform[:, 0] * len(leaders)).astype(int)]
    share = np.array([1 / axes, 2 / axes, 1.0])[np.arange(len(uniform)) % 3]
    radius = np.geomspace(_NEAREST, 1.0, _RADII)[(uniform[:, 1] * _RADII).astype(int)]
    order = np.argsort(uniform[:, 2 : 2 + axes], axis=1).argsort(axis=1)
    moved = order < np.maximum(np.rint(share * axes), 1)[:, None]
    anew = uniform[:, 2 + axes :]
    far = np.abs(chosen + radius[:, None] * (2 * anew - 1))
    far = np.where(words, anew, np.where(far > 1, np.clip(2 - far, 0, 1), far))
    return np.asarray(np.where(moved, far, chosen))
