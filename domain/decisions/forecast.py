"""What more trials are expected to bring, and what they are expected to cost.

The gain. Searches rise alike once the way from the median configuration to the best one is known:
after n values about 1 - 1.2 n^-0.6 of it is done, whatever is searched, and whether or not the
sampler learns. So the way is read from the best value and the median of the first ones (before a
sampler learns). On a logarithmic scale it is then shrunk towards the price of a trial over a usual
ratio: nobody starts a search whose single trial costs as much as all that it could bring. What k
further values bring is 0 unless one of them is a new best, which happens to exchangeable ones with
probability k / (n + k) (Arnold, Balakrishnan and Nagaraja 1998, Records, section 2.5); what it then
brings is exponential, on top of what is not known of the way.

Under the same law the best share q of all values lies within 1.2 q^0.6 of the way from its end, so
that how close together the best values lie says it once more. Where they crowd, as where a metric
ends at a ceiling, that reading is the shorter one, and the mean is its: a search goes on while both
readings say that it pays. The upper ends of intervals are those of the first one.

The cost: the larger of what recent trials took and of a log-normal mean, since guided samplers
drift into dear configurations and costs have heavy tails, and an allowance for a tail that no trial
has shown yet. Trials in flight take part by how long they have run (`durations`).

The constants are in `ForecastConstants`; docs/decisions/0014 and 0020 have what was tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.special import ndtri

from satisfice.domain.arrays import Floats, Ints
from satisfice.domain.decisions.durations import LogNormal, durations
from satisfice.domain.decisions.noise import Level, level_of
from satisfice.domain.decisions.situation import Pending, Situation
from satisfice.domain.economics.cost import NOTHING, Budget, Cost, total
from satisfice.domain.economics.worth import Worth
from satisfice.domain.trials.history import History, TrialRecord

Count = TypeVar("Count", float, Floats)

_DECAY = 0.6  # what is left of the way after n values falls as n to the power of minus this
_LEFT = 1.2  # the share that would be left after one
_EARLY = 10  # values that count as drawn before the sampler learns; later, a third of all
_BEST = 0.25  # the share of the values that are the best ones; at least three
USUAL = 0.005  # the price of a trial, where the way is worth 1 and nothing is known of it
_UNSURE = 3.0  # variance of the logarithm of the way as it is read, times the number of values
_QUANTILES = ndtri(
    (np.arange(8) + 0.5) / 8
)  # equally likely places of the way, in standard deviations
_SMALLEST = 1e-280  # nothing is divided by less


@dataclass(frozen=True, slots=True)
class ForecastConstants:
    """What measured searches teach about searches: `python -m benchmarks.stopping.fit`.

    Attributes:
        pace: What further values bring, as a multiple of what the law says of random ones.
        allowance: The logarithm of the expected cost grows by this times the variance of the
            logarithms of costs.
    """

    pace: float = 1.8
    allowance: float = 0.23


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a number of further trials is expected to bring and to cost.

    Attributes:
        trials: The number of further trials, beyond those that run already.
        gain: What they are expected to be worth, in money.
        cost: What they are expected to take.
        low: Lower end of a central 90 % interval of the worth; it is often exactly 0.
        high: Upper end of it.
        upper: What they are worth less than with a probability of 90 %.
    """

    trials: int
    gain: float
    cost: Cost
    low: float
    high: float
    upper: float

    @property
    def surplus(self) -> float:
        """What would be left of the gain once its cost is paid, in money."""
        return self.gain - self.cost.money


@dataclass(frozen=True)
class Gains:
    """The distribution of what further values are worth: 0, or exponential on an uncertain scale.

    Attributes:
        chances: Shape (horizons,): the probability of a new best.
        scales: Shape (horizons, remaining_gap): the mean of what it then brings, in money.
        doubt: How much shorter the way is by its shorter reading, as a factor; at most 1.
    """

    chances: Floats
    scales: Floats
    doubt: float

    @classmethod
    def of(cls, pace: float, before: float, ahead: Floats, doubt: float) -> Gains:
        """Say what `ahead` values bring after `before` others; the mean is the power law's."""
        chances = ahead / (before + ahead)
        means = pace * law(before, ahead)
        spread = np.exp(_QUANTILES * math.sqrt(1 - trust(before)))
        return cls(chances, (means / chances)[:, None] * spread / np.mean(spread), doubt)

    def means(self, cap: float) -> Floats:
        """Integrate what is gained by the shorter reading, up to a cap."""
        scales = self.doubt * self.scales
        within = -np.expm1(-cap / np.maximum(scales, _SMALLEST))
        return np.asarray(self.chances * np.mean(scales * within, axis=1))

    def quantile(self, *shares: float) -> Floats:
        """Return what is not exceeded with these probabilities by the longer reading, by bisection.

        Returns:
            Shape (shares, horizons), to one part in a million of the largest scale.
        """
        outside = 1.0 - np.array(shares)[:, None]
        above = outside / self.chances  # the probability of more, given a new best
        steps = self.scales / np.maximum(self.scales[:, -1:], _SMALLEST)
        low, high = np.zeros(above.shape), np.maximum(-np.log(outside), 1.0) + 0 * above
        for _ in range(24):
            middle = (low + high) / 2
            more = np.mean(np.exp(-middle[..., None] / np.maximum(steps, _SMALLEST)), axis=-1)
            low, high = np.where(more > above, middle, low), np.where(more > above, high, middle)
        return np.where(above < 1.0, high * self.scales[:, -1], 0.0)


def outlooks(
    situation: Situation,
    horizon: int,
    level: Level | None = None,
    constants: ForecastConstants = ForecastConstants(),
) -> tuple[Outlook, ...]:
    """Forecast gain and cost of h more trials, for a growing grid of h.

    Pending trials finish whatever is decided, so their gain is taken off and their cost is not
    asked for. Failed and pruned trials, and those that break a soft rule, cost and bring no value:
    of further ones as large a share will bring one as did.

    Args:
        situation: The state of the search, with at least two feasible values; fewer say nothing
            about the way of the next one.
        horizon: The largest h.
        level: What `level_of` says of the history, where it has been read already.
        constants: What is known of searches in general.

    Returns:
        Outlooks by growing `trials`; none where two values or the budget for one trial are missing.
    """
    level = level or level_of(situation.history, situation.worth.per)
    most = int(min(horizon, affordable(situation)))
    if level is None or len(level.values) < 2 or most < 1:
        return ()
    each = expected_cost(situation.history, situation.pending)
    loaded = each * allowance(situation.history, constants, situation.pending)
    grid = np.array(_grid(most))
    found = gains(situation, level, each, grid, constants)
    cap = _most_worth(level, situation.worth)
    means = found.means(cap)
    low, upper, high = np.minimum(found.quantile(0.05, 0.90, 0.95), cap)
    low = found.doubt * low
    columns = zip(grid, means, low, high, upper, strict=True)
    return tuple(
        Outlook(int(h), float(gain), loaded * float(h), *map(float, interval))
        for h, gain, *interval in columns
    )


def gains(
    situation: Situation, level: Level, each: Cost, ahead: Ints, constants: ForecastConstants
) -> Gains:
    """Forecast what some numbers of further trials are worth, were there no target.

    Args:
        situation: The state of the search.
        level: What `level_of` says of it; at least two values.
        each: The expected cost of a trial.
        ahead: The numbers of further trials, beyond the pending ones.
        constants: What is known of searches in general.
    """
    n = len(level.values)
    valued = (n + 0.5) / (len(situation.history.trials) + 0.5)
    way, shorter = remaining_gap(level, situation.worth, each)
    before, after = n + len(situation.pending) * valued, np.asarray(ahead * valued, float)
    return Gains.of(constants.pace * way, before, after, shorter / way if way > 0 else 1.0)


def remaining_gap(level: Level, worth: Worth, each: Cost) -> tuple[float, float]:
    """Read from a search what the way from the median configuration to the best one is worth.

    Args:
        level: At least two values, in the order in which they came.
        worth: What a step is worth.
        each: The expected cost of a trial.

    Returns:
        Money, the medians of two log-normal posteriors: by how far the best value has come from the
        first ones, and the shorter one of that and of what the crowding of the best values says. 0
        where half of the first ones are as good as the best.
    """
    n = len(level.values)
    early = level.values[: max(_EARLY, -(-n // 3))]
    seen = float(np.max(level.values) - np.median(early))
    come = worth.unit * seen / (1 - _LEFT * n**-_DECAY)
    if not come > _SMALLEST:
        return 0.0, 0.0
    believed = trust(n) if each.money > 0 else 1.0
    usual = each.money / USUAL if each.money > 0 else 1.0
    way, shorter = (
        math.exp(believed * math.log(read) + (1 - believed) * math.log(usual))
        for read in (come, max(min(come, worth.unit * _tail_gap(level.values)), _SMALLEST))
    )
    return way, shorter


def _tail_gap(values: Floats) -> float:
    """Read the way, on the scale, from the mean excess of the best values over the next one.

    Ties are what the metric's steps make of differences: half a step is left between them.
    """
    count = min(max(math.ceil(_BEST * len(values)), 3), len(values) - 1)
    ranked = np.sort(values)[::-1]
    excess = np.mean(ranked[:count]) - ranked[count]
    step = ranked[0] - ranked[ranked < ranked[0]][0]
    tail = _LEFT * (count / len(values)) ** _DECAY * _DECAY / (1 + _DECAY)
    return float(max(excess, step / 2) / tail)


def trust(count: Count) -> Count:
    """Return how far the way is believed as so many values show it; the rest is its variance.

    The prior's variance is 1, that of a reading `_UNSURE` / count.
    """
    return count / (count + _UNSURE)


def law(before: Count, ahead: Floats | float) -> Floats:
    """Return which part of the way `ahead` values bring after `before` others."""
    return np.asarray(_LEFT * (before**-_DECAY - (before + ahead) ** -_DECAY))


def _most_worth(level: Level, worth: Worth) -> float:
    """Return what the step from the incumbent to the target is worth; infinite without one."""
    if worth.target is None:
        return math.inf
    target = float(level.scale.of(np.array([worth.target]))[0])
    return worth.unit * max(target - float(np.max(level.values)), 0.0)


def _grid(most: int) -> list[int]:
    grid, following = [1], 2
    while following < most:
        grid.append(following)
        following += grid[-2]
    return grid if most == 1 else [*grid, most]


def expected_cost(history: History, pending: Sequence[Pending] = ()) -> Cost:
    """Forecast the cost of one more trial.

    The largest of three means: of the last 10 trials, of the last 20, and of a log-normal
    distribution with a shrunk variance. What still runs counts as what it is then expected to take
    in the end, since short trials end first.

    Args:
        history: Every trial counts, failed and pruned ones included; without one, it is nothing.
        pending: The trials in flight.
    """
    trials, spent = history.trials, history.spent
    if not trials:
        return NOTHING
    found = _durations(history, pending)
    if found is None:
        return spent * (1 / len(trials))
    usual = float(np.mean(_taken(trials)))
    heaviness = math.exp(min(found.log_mean - math.log(usual), 6.0))
    ends = found.beyond(_running(history, pending))
    means = (
        *(_beside(trials[-last:], ends, spent) for last in (10, 20)),
        spent * (heaviness / len(trials)),
    )
    return max(means, key=_dearness)


def _beside(trials: Sequence[TrialRecord], ends: Floats, spent: Cost) -> Cost:
    """Return the mean cost of trials and of what runs; the latter never makes it smaller."""
    mean = total(one.cost for one in trials) * (1 / len(trials))
    more = float(np.sum(np.maximum(ends - mean.seconds, 0.0))) / (len(trials) + len(ends))
    return mean + spent * (more / spent.seconds) if more else mean


def _dearness(cost: Cost) -> tuple[float, float]:
    return cost.money, cost.seconds


def allowance(
    history: History, constants: ForecastConstants, pending: Sequence[Pending] = ()
) -> float:
    """Return the factor by which dear trials that none has shown yet raise the expected cost."""
    found = _durations(history, pending)
    return math.exp(constants.allowance * found.variance) if found else 1.0


def _durations(history: History, pending: Sequence[Pending]) -> LogNormal | None:
    """Fit what trials take; None where none of them took anything.

    It is fitted to seconds where there are any, so that a dearer hour makes every forecast dearer.
    """
    ended = _taken(history.trials)
    return durations(ended, _running(history, pending)) if ended.size else None


def _running(history: History, pending: Sequence[Pending]) -> Floats:
    """Return how long trials in flight have run, where seconds say what a trial costs."""
    known = pending if history.spent.seconds else ()
    return np.array([one.elapsed for one in known if one.elapsed > 0])


def _taken(trials: Sequence[TrialRecord]) -> Floats:
    taken = np.array([one.cost.seconds for one in trials])
    if not taken.any():
        taken = np.array([one.cost.money for one in trials])
    return taken[taken > 0]


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
