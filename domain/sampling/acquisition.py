"""The acquisition function: the configuration with the best expected gain for its cost.

Two Gaussian processes are fitted to the finished trials: one to the value, on the scale on which
worth is linear, and one to the logarithm of the cost. A candidate is then a box that costs
something to open and contains an uncertain prize. Boxes are opened in the order of their fair
prices, until none pays: the fair price is the certain prize that is as good as the right to open
the box (Weitzman 1979, Optimal Search for the Best Alternative; as an acquisition: Xie et al. 2024,
Cost-aware Bayesian Optimization via the Pandora's Box Gittins Index, arXiv 2406.20062, section 3).

The variance that a model of values leaves unexplained is partly specific to the configuration, and
partly noise of seeds (Cressie 1993, Statistics for Spatial Data, section 2.3.1). Only the first
part is a real gain; configurations that were trained several times show how large each part is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_ndtr, ndtr

from satisfice.domain.arrays import Floats, Ints, Mask
from satisfice.domain.sampling.gaussian_process import Surrogate

_NOISE, _NOISE_OF_COST = 0.01, 0.03  # prior shares of the whole variance
_LATEST, _LEADERS = 140, 60  # trials to fit to: the rest would add little
# Prior: half of the unexplained variance is noise of seeds, with the weight of three repeats; at
# least a tenth is specific to the configuration.
_NOISY, _REPEATS, _OWN = 0.5, 3.0, 0.1
_LARGEST_VARIANCE = 2.0  # of the logarithm of a cost; a larger one would exclude everything
_NEAREST, _RADII = 0.02, 6  # the distances of a leader's neighbours, as shares of an axis
_SMALLEST = 1e-280
_CLEAR = 30.0  # standard deviations: beyond them the outcome is certain
_EDGES = np.concatenate([np.linspace(-37.0, -4.0, 1500), np.linspace(-3.98, 8.0, 1500)])


@dataclass(frozen=True)
class Tried:
    """The finished trials as arrays.

    Attributes:
        columns: Shape (trials, columns): the configurations (`domain.sampling.encoding`).
        axes: Shape (columns,): the axis that each column belongs to, counted from 0.
        levels: Shape (trials,): values on the scale of the worth, for a pruned trial its expected
            final value; NaN without a usable value.
        doubts: Shape (trials,): standard deviation of a level that is a forecast, otherwise 0.
        bad: Shape (trials,): which trials are bad whatever their value: they broke a soft rule, or
            failed because of their configuration.
        whole: Shape (trials,): which are complete, so that they can win.
        money: Shape (trials,): the cost of each, extrapolated if it ended early.
        pending: Shape (running trials, columns).
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
        """Which trials can win."""
        return np.isfinite(self.levels) & self.whole & ~self.bad


@dataclass(frozen=True)
class Offers:
    """The expected gains and costs of candidates.

    Attributes:
        gains: The expected gain of each over the best, in money.
        costs: The expected cost of a complete training of each, in money.
        prices: The fair price of each, in money relative to the best: above 0 if it pays.
        again: The highest fair price of repeating a known configuration.
    """

    gains: Floats
    costs: Floats
    prices: Floats
    again: float

    @property
    def order(self) -> Ints:
        """The candidates, best first."""
        return np.argsort(-self.prices, kind="stable")


def offers(tried: Tried, candidates: Floats, step: float, target: float = np.inf) -> Offers | None:
    """Price candidates, given the finished trials.

    Args:
        tried: The finished trials.
        candidates: Shape (candidates, columns).
        step: What one step of the scale is worth, in money.
        target: The level beyond which gains are worth nothing.

    Returns:
        The offers; None with fewer than two values, or if all values are equal.
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
    worth = max(step * value.spread, _SMALLEST)  # if nothing has any worth, the cheapest first
    moves = _moves(variances, known.noise)
    gains = np.maximum(_above(best, means, moves) - _above(end, means, moves), 0.0)
    prices = _fair(means, moves, costs / worth, end)
    taken = np.array([np.mean(tried.money[group]) for group in known.groups])
    again = np.max(_fair(believed, _moves(doubts, known.noise), taken / worth, end))
    return Offers(worth * gains, costs, worth * (prices - best), float(worth * (again - best)))


def _moves(variances: Floats, noise: float) -> Floats:
    """Return the standard deviation of the change of the mean by one noisy observation."""
    return np.asarray(variances / np.sqrt(variances + noise))


def _fair(means: Floats, moves: Floats, costs: Floats, end: float) -> Floats:
    """Return fair prices of boxes whose prizes are capped by a target.

    Such a box is equivalent to an uncapped one that costs more.
    """
    return means - moves * _inverse_gain((costs + _above(end, means, moves)) / moves)


def _above(level: float, means: Floats, moves: Floats) -> Floats:
    """Return the expected excess of normal variables over a level."""
    return moves * _gain((means - level) / moves)


@dataclass(frozen=True)
class Leaders:
    """Configurations that may be the best one, by their posterior means, best first.

    Attributes:
        rows: The first trial of each.
        levels: The posterior mean of each over all seeds, on the scale of the worth.
        gains: The expected gain of one more training of each, in money: another one may turn out to
            be the best. 0 if that is unknown.
        costs: The mean cost of a training of each, in money.
    """

    rows: Ints
    levels: Floats
    gains: Floats
    costs: Floats


def leaders(tried: Tried, most: int, step: float, target: float = np.inf) -> Leaders:
    """Price training leaders again.

    One more training is worth the expected increase of the best mean (knowledge gradient, each
    leader separately; Frazier et al. 2008, A Knowledge-Gradient Policy for Sequential Information
    Collection, section 3).

    Args:
        tried: The finished trials; each repeated training is a row.
        most: How many configurations to price, those with the best mean values.
        step: What one step of the scale is worth, in money.
        target: The level beyond which gains are worth nothing.
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
    """The model of values.

    Attributes:
        trials: The trials it was fitted to.
        groups: Those of them that can win, by configuration.
        value: The level of a configuration, as far as its neighbours explain it.
        noise: Variance between seeds, on the scale of `value`.
        own: Variance specific to a configuration; with `noise` it is the noise of `value`.
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
        """Return posterior means and variances of configurations over all seeds, on the scale.

        The deviation of a configuration from its neighbours counts by the share that is its own.

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
    """Tell which candidates are neither tried nor running."""
    seen = {row.tobytes() for row in np.concatenate([tried.columns, tried.pending])}
    return np.array([row.tobytes() not in seen for row in candidates])


def _alike(tried: Tried, rows: Ints) -> list[list[int]]:
    """Group trials by configuration."""
    groups: dict[bytes, list[int]] = {}
    for row in rows.tolist():
        groups.setdefault(tried.columns[row].tobytes(), []).append(row)
    return list(groups.values())


def _seed_noise(levels: Floats, groups: list[list[int]], unexplained: float) -> float:
    """Return the variance between seeds, shrunk towards a share of the unexplained variance."""
    squares = sum(float(np.sum((levels[group] - np.mean(levels[group])) ** 2)) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    return (squares + _REPEATS * _NOISY * unexplained) / (freedom + _REPEATS)


def _informative(tried: Tried) -> Ints:
    """Choose the trials to fit to: all if they are few, otherwise the latest and the best."""
    count = len(tried.levels)
    if count <= _LATEST + _LEADERS:
        return np.arange(count)
    older = np.where(tried.may_win, tried.levels, -np.inf)[:-_LATEST]
    leaders = np.argsort(-older, kind="stable")[:_LEADERS]
    return np.concatenate([np.sort(leaders), np.arange(count - _LATEST, count)])


def _lowest(levels: Floats, best: float) -> float:
    """Return the level at which bad values are clipped: how bad they are says nothing useful.

    Pruned trials count for the median, since complete trials are the better half.
    """
    middle = float(np.median(levels))
    return middle - (best - middle) if middle < best else float(np.min(levels))


def _at_least(lowest: float, levels: Floats, doubts: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the maximum of `lowest` and each of some normal variables."""
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
    """Return the expected costs of candidates, in money: means of log-normal distributions."""
    taken = tried.money[some]
    paid = taken > 0
    if not np.any(paid):
        return np.zeros(len(candidates))
    cost = Surrogate.of(tried.columns[some[paid]], tried.axes, np.log(taken[paid]), _NOISE_OF_COST)
    means, variances = cost.at(candidates)
    spread = np.minimum((variances + cost.noise) * cost.spread**2, _LARGEST_VARIANCE)
    return np.asarray(np.exp(cost.mean + cost.spread * means + spread / 2))


def _gain(ahead: Floats) -> Floats:
    """Return the expected positive part of a standard normal variable plus `ahead`."""
    ahead = np.maximum(ahead, _EDGES[0])  # the gain is 0 this far behind
    return np.asarray(ahead * ndtr(ahead) + np.exp(-(ahead**2) / 2) / np.sqrt(2 * np.pi))


def _inverse_gain(gain: Floats) -> Floats:
    """Return the inverse of `_gain`."""
    logs = np.log(np.maximum(gain, _SMALLEST))
    near = np.interp(logs, _LOG_GAINS, _EDGES)
    return np.where(gain > _EDGES[-1], gain, near)


def _log_gain(ahead: Floats) -> Floats:
    """Return the logarithm of `_gain`; by Mills' ratio where the difference cancels out."""
    ratio = np.exp(log_ndtr(ahead) + ahead**2 / 2) * np.sqrt(2 * np.pi)
    away = np.minimum(ahead, -1.0) ** 2
    left = np.where(ahead < -30.0, 1 / away - 3 / away**2, 1 + ahead * ratio)
    return np.asarray(np.log(left) - ahead**2 / 2 - np.log(2 * np.pi) / 2)


_LOG_GAINS = _log_gain(_EDGES)


def nearby(leaders: Floats, words: Mask, uniform: Floats) -> Floats:
    """Return places around leaders, with one axis, two, or all moved, by different distances.

    Args:
        leaders: Shape (leaders, axes): places between 0 and 1.
        words: Shape (axes,): which are choices. Choices have no distance: a moved one is redrawn.
        uniform: Shape (points, 2 + 2 x axes): random numbers between 0 and 1.
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
