"""What more trials are expected to bring, and what they are expected to cost.

The gain: the best values seen are taken as excesses over a threshold, which have an exponential
tail whatever the distribution is below it (peaks over threshold; Coles 2001, An Introduction to
Statistical Modeling of Extreme Values, section 4). The scale of the tail has a gamma posterior, so
that few values make a wide forecast rather than a sure one. The worth is integrated over the best
of h draws numerically, as it need not be linear.

The cost: the larger of what recent trials took and of a log-normal mean, since guided samplers
drift into dear configurations and costs have heavy tails.

Every value counts the same, however old it is. Weights that favour recent ones were tried on 15
measured tables, in the orders of a random and of a TPE sampler, and stopped no better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from domain.cost import NOTHING, Budget, Cost, total
from domain.history import History, TrialRecord
from domain.replicates import Level, level_of
from domain.situation import Situation
from domain.worth import Worth

Floats: TypeAlias = npt.NDArray[np.float64]

_SCALES = (np.arange(8) + 0.5) / 8  # equally likely quantiles of the tail's scale
_STEPS = np.concatenate([[0.0], np.geomspace(0.02, 30.0, 60)])  # excesses, in units of the scale
_MIDDLES = np.append((_STEPS[1:] + _STEPS[:-1]) / 2, _STEPS[-1])
_SMALLEST = 1e-280  # a spread below it cannot be divided by
_PRIOR = 1.0  # the posterior's shape is the number of excesses and this


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a number of further trials is expected to bring and to cost.

    Attributes:
        trials: The number of further trials, beyond those that run already.
        gain: What they are expected to be worth, in money.
        cost: What they are expected to take.
        low: Lower end of a central 90 % interval of the worth; it is often exactly 0.
        high: Upper end of it.
    """

    trials: int
    gain: float
    cost: Cost
    low: float
    high: float

    @property
    def surplus(self) -> float:
        """What would be left of the gain once its cost is paid, in money."""
        return self.gain - self.cost.money


def outlooks(situation: Situation, horizon: int, level: Level | None = None) -> tuple[Outlook, ...]:
    """Forecast gain and cost of h more trials, for a growing grid of h.

    Pending trials finish whatever is decided, so their gain is taken off and their cost is not
    asked for. Failed and pruned trials count as trials that cost and bring no value, and so do
    those that break a soft rule: the gain is that of a feasible trial times the share that is
    (Gardner et al. 2014, "Bayesian Optimization with Inequality Constraints", section 3).

    Args:
        situation: The state of the search, with at least two feasible values; fewer say nothing
            about the spread of the next one.
        horizon: The largest h.
        level: What `level_of` says of the history, where it has been read already.

    Returns:
        Outlooks by growing `trials`; none where two values or the budget for one trial are missing.
    """
    level = level or level_of(situation.history, situation.worth.per)
    most = int(min(horizon, affordable(situation)))
    if level is None or len(level.values) < 2 or most < 1:
        return ()
    tail = _Tail.of(level, len(situation.history.trials), situation.worth)
    each = expected_cost(situation.history)
    return tuple(tail.outlook(h, len(situation.pending), each * h) for h in _grid(most))


def _grid(most: int) -> list[int]:
    grid, following = [1], 2
    while following < most:
        grid.append(following)
        following += grid[-2]
    return grid if most == 1 else [*grid, most]


def expected_cost(history: History) -> Cost:
    """Forecast the cost of one more trial.

    The largest of three means: of the last 10 trials, of the last 20, and of a log-normal
    distribution with a shrunk variance.

    Args:
        history: Every trial counts, failed and pruned ones included; without one, it is nothing.
    """
    trials = history.trials
    if not trials:
        return NOTHING
    means = (
        _mean(trials[-10:]),
        _mean(trials[-20:]),
        history.spent * (_heaviness(trials) / len(trials)),
    )
    return max(means, key=lambda cost: (cost.money, cost.seconds))


def _mean(trials: Sequence[TrialRecord]) -> Cost:
    return total(one.cost for one in trials) * (1 / len(trials))


def _heaviness(trials: Sequence[TrialRecord]) -> float:
    """Return how far the log-normal mean lies above the plain one.

    It is taken from seconds where there are any, so that a dearer hour makes every forecast dearer.
    """
    taken = np.array([one.cost.seconds for one in trials])
    if not taken.any():
        taken = np.array([one.cost.money for one in trials])
    some = taken[taken > 0]
    if not some.size:
        return 1.0
    n, logs = len(some), np.log(some)
    variance = (n * float(np.var(logs)) + 3.5) / (n + 5)
    log_mean = float(np.mean(logs)) + min(variance, 6.0) / 2
    return math.exp(min(log_mean - math.log(float(np.mean(some))), 6.0))


def affordable(situation: Situation) -> float:
    """Return how many more trials the budget left pays for; infinite where nothing limits it."""
    each = expected_cost(situation.history)
    left: Budget = situation.left
    side_by_side = max(situation.workers, 1)
    limits = (
        (left.trials, 1.0),
        (left.seconds, each.seconds / side_by_side),
        (left.kwh, each.kwh),
        (left.money, each.money),
    )
    most = math.inf
    for limit, one in limits:
        if limit is not None and one > 0:
            most = min(most, float(np.floor(limit / one)))
    return most


@dataclass(frozen=True)
class _Tail:
    """The distribution of what one more trial brings beyond the incumbent.

    Attributes:
        chances: The chance that it beats the incumbent, for each scale.
        worths: What an excess is worth, for each scale (rows) and each step.
    """

    chances: Floats
    worths: Floats

    @classmethod
    def of(cls, level: Level, trials: int, worth: Worth) -> _Tail:
        """Fit the tail to the best values.

        Args:
            level: The values, at least two.
            trials: How many trials were paid for them; some failed, were pruned, broke a soft rule,
                or were repeats.
            worth: What an excess is worth.
        """
        values = np.sort(level.values)[::-1]
        n = len(values)
        k = min(max(math.ceil(math.sqrt(n)), 3), n - 1)
        # A coarse metric has ties: the threshold lies below all that equal the last of the best.
        k += int(np.count_nonzero(values[k:-1] == values[k - 1]))
        excesses = values[:k] - values[k]
        total, best = float(np.sum(excesses)), float(excesses[0])
        if not total > _SMALLEST:
            return cls(np.zeros(1), np.zeros((1, len(_MIDDLES))))
        scales = total / gammaincinv(k + _PRIOR, 1 - _SCALES)
        valued = (n + 0.5) / (trials + 0.5)
        chances = valued * k / n * np.exp(-best / scales)
        return cls(chances, level.worths(values[0] + scales[:, None] * _MIDDLES, worth))

    def outlook(self, trials: int, pending: int, cost: Cost) -> Outlook:
        """Integrate the worth over the best of some trials, beyond that of the pending ones."""
        below = 1.0 - self.chances[:, None] * np.exp(-_STEPS)
        with_them, without = _masses(below ** (pending + trials)), _masses(below**pending)
        gain = float(np.sum((with_them - without) * self.worths))
        alone = _masses(below**trials)
        order = np.argsort(self.worths, axis=None, kind="stable")
        reached = 1.0 - float(np.sum(alone)) + np.cumsum(alone.ravel()[order])
        ends = np.searchsorted(reached, (0.05, 0.95))
        low, high = (
            0.0 if share <= 1.0 - float(np.sum(alone)) else float(self.worths.ravel()[order[at]])
            for share, at in zip((0.05, 0.95), np.minimum(ends, order.size - 1), strict=True)
        )
        return Outlook(trials, max(gain, 0.0), cost, low, high)


def _masses(below: Floats) -> Floats:
    """Return the probability of each step above the incumbent; rows are equally likely scales."""
    return np.diff(below, axis=1, append=1.0) / len(below)
