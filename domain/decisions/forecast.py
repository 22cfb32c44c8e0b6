"""The expected gain of more trials, and their expected cost.

The gain. Searches follow the same power law once the gap between the median configuration and the
best possible one is known: after n values about 1 - 1.2 n^-0.6 of the gap is closed, whatever is
searched, and whether or not the sampler learns. So the gap is estimated from the best value and the
median of the first values (before a sampler learns). On a logarithmic scale the estimate is then
shrunk towards the price of a trial divided by a usual ratio: nobody starts a search whose single
trial costs as much as all that it could bring. The gain of k further values is 0 unless one of them
is a new best, which for exchangeable values has probability k / (n + k) (Arnold, Balakrishnan and
Nagaraja 1998, Records, section 2.5); given a new best, the gain is exponential with an uncertain
scale, because the gap is uncertain.

Under the same law the best share q of all values lies within the last 1.2 q^0.6 of the gap, so the
spacing of the best values gives a second estimate of it. If they are crowded, for example where a
metric has a ceiling, the second estimate is smaller. The mean uses the smaller of the two, so a
search continues only while both estimates say that it pays. Upper interval ends use the first.

The cost: the larger of the recent mean and a log-normal mean, since guided samplers drift into
expensive configurations and costs have heavy tails, times an allowance for a tail that has not been
observed yet. Running trials count with the time they have run (`durations`).

The constants are in `ForecastConstants`; docs/decisions/0014 and 0020 describe the alternatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from scipy.special import ndtri

from satisfice.domain.arrays import Floats, Ints
from satisfice.domain.decisions.durations import LogNormal, durations
from satisfice.domain.decisions.noise import Level, level_of
from satisfice.domain.decisions.situation import Pending, Situation
from satisfice.domain.economics.cost import NOTHING, Budget, Cost, Ledger, total
from satisfice.domain.economics.worth import Worth
from satisfice.domain.trials.history import History, TrialRecord

Count = TypeVar("Count", float, Floats)

_DECAY = 0.6  # the share of the gap left after n values falls as n to the power of minus this
_LEFT = 1.2  # that share extrapolated to one value
_EARLY = 10  # values taken as drawn before the sampler learns; later, a third of all
_BEST = 0.25  # the share of all values that count as the best ones; at least three
USUAL = 0.005  # the prior ratio of the price of a trial to the worth of the gap
_UNSURE = 3.0  # variance of the logarithm of the estimated gap, times the number of values
_QUANTILES = ndtri(
    (np.arange(8) + 0.5) / 8
)  # equally likely quantiles of the logarithm of the gap, in standard deviations
_SMALLEST = 1e-280  # the smallest divisor


@dataclass(frozen=True, slots=True)
class ForecastConstants:
    """Constants fitted on benchmark searches: `python -m benchmarks.stopping.fit`.

    Attributes:
        pace: The gain of further values as a multiple of the power law's for random ones.
        allowance: The logarithm of the expected cost grows by this times the variance of the
            logarithms of costs.
    """

    pace: float = 1.8
    allowance: float = 0.23


@dataclass(frozen=True, slots=True)
class Outlook:
    """The expected gain and cost of a number of further trials.

    Attributes:
        trials: The number of further trials, beyond those that are running.
        gain: Their expected gain, in money.
        cost: Their expected cost.
        low: Lower end of a central 90 % interval of the gain; often exactly 0.
        high: Upper end of it.
        upper: The 90 % quantile of the gain.
    """

    trials: int
    gain: float
    cost: Cost
    low: float
    high: float
    upper: float

    @property
    def surplus(self) -> float:
        """The gain less the cost, in money."""
        return self.gain - self.cost.money


@dataclass(frozen=True)
class Gains:
    """The distribution of the gain: 0, or exponential with an uncertain scale.

    Attributes:
        chances: Shape (horizons,): the probability of a new best.
        scales: Shape (horizons, quantiles of the gap): the mean gain of a new best, in money.
        doubt: The smaller estimate of the gap divided by the first one; at most 1.
    """

    chances: Floats
    scales: Floats
    doubt: float

    @classmethod
    def of(cls, pace: float, before: float, ahead: Floats, doubt: float) -> Gains:
        """Return the gains of `ahead` values after `before` others, with the power law's mean."""
        chances = ahead / (before + ahead)
        means = pace * law(before, ahead)
        spread = np.exp(_QUANTILES * math.sqrt(1 - trust(before)))
        return cls(chances, (means / chances)[:, None] * spread / np.mean(spread), doubt)

    def means(self, cap: float) -> Floats:
        """Return the expected gains under the smaller gap, each gain capped."""
        scales = self.doubt * self.scales
        within = -np.expm1(-cap / np.maximum(scales, _SMALLEST))
        return np.asarray(self.chances * np.mean(scales * within, axis=1))

    def quantile(self, *shares: float) -> Floats:
        """Return quantiles of the gains under the first estimate of the gap, by bisection.

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
    """Forecast the gain and cost of h more trials, for an increasing grid of h.

    Pending trials finish whatever is decided, so neither their gain nor their cost counts. Failed
    and pruned trials, and those that break a soft rule, cost without adding a value: the share of
    further trials with a value is taken to be the same as so far.

    Args:
        situation: The state of the search, with at least two feasible values.
        horizon: The largest h.
        level: The result of `level_of`, if it is known already.
        constants: The constants of the forecast.

    Returns:
        Outlooks by increasing `trials`; none with fewer than two values or without the budget for
        one trial.
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
    """Forecast the gain of some numbers of further trials, ignoring any target.

    Args:
        situation: The state of the search.
        level: Its level; at least two values.
        each: The expected cost of a trial.
        ahead: The numbers of further trials, beyond the pending ones.
        constants: The constants of the forecast.
    """
    n = len(level.values)
    valued = (n + 0.5) / (len(situation.history.trials) + 0.5)
    gap, smaller = remaining_gap(level, situation.worth, each)
    before, after = n + len(situation.pending) * valued, np.asarray(ahead * valued, float)
    return Gains.of(constants.pace * gap, before, after, smaller / gap if gap > 0 else 1.0)


def remaining_gap(level: Level, worth: Worth, each: Cost) -> tuple[float, float]:
    """Estimate the worth of the gap between the median configuration and the best possible one.

    Args:
        level: At least two values, in order.
        worth: What a step is worth.
        each: The expected cost of a trial.

    Returns:
        Medians of log-normal posteriors, in money: from the distance of the best value to the first
        ones, and the smaller one of that and the estimate from the spacing of the best values. 0 if
        half of the first values equal the best.
    """
    n = len(level.values)
    early = level.values[: max(_EARLY, -(-n // 3))]
    seen = float(np.max(level.values) - np.median(early))
    come = worth.unit * seen / (1 - _LEFT * n**-_DECAY)
    if not come > _SMALLEST:
        return 0.0, 0.0
    believed = trust(n) if each.money > 0 else 1.0
    usual = each.money / USUAL if each.money > 0 else 1.0
    gap, smaller = (
        math.exp(believed * math.log(one) + (1 - believed) * math.log(usual))
        for one in (come, max(min(come, worth.unit * _tail_gap(level.values)), _SMALLEST))
    )
    return gap, smaller


def _tail_gap(values: Floats) -> float:
    """Estimate the gap, on the scale, from the mean excess of the best values over the next one.

    Ties come from the metric's resolution: the excess is at least half a step.
    """
    count = min(max(math.ceil(_BEST * len(values)), 3), len(values) - 1)
    ranked = np.sort(values)[::-1]
    excess = np.mean(ranked[:count]) - ranked[count]
    step = ranked[0] - ranked[ranked < ranked[0]][0]
    tail = _LEFT * (count / len(values)) ** _DECAY * _DECAY / (1 + _DECAY)
    return float(max(excess, step / 2) / tail)


def trust(count: Count) -> Count:
    """Return the weight of an estimate of the gap from so many values; the rest is its variance.

    The prior's variance is 1, the estimate's is `_UNSURE` / count.
    """
    return count / (count + _UNSURE)


def law(before: Count, ahead: Floats | float) -> Floats:
    """Return the share of the gap that `ahead` values close after `before` others."""
    return np.asarray(_LEFT * (before**-_DECAY - (before + ahead) ** -_DECAY))


def _most_worth(level: Level, worth: Worth) -> float:
    """Return the worth of reaching the target from the incumbent; infinite without a target."""
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
    distribution with a shrunk variance. A running trial counts with its expected final cost, since
    short trials finish first.

    Args:
        history: All trials, failed and pruned ones included; the cost is 0 without any.
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
        *(_recent_mean(trials[-last:], ends, spent) for last in (10, 20)),
        spent * (heaviness / len(trials)),
    )
    return max(means, key=_price)


def expected_left(ledger: Ledger, history: History) -> Budget:
    """Return what is left of a budget once the orders in flight have cost what is expected of them.

    A reservation is the most that an order may cost; a decision needs what it will cost.
    """
    expected = expected_cost(history)
    in_flight = tuple((number, expected) for number, _ in ledger.reserved)
    return replace(ledger, reserved=in_flight).left()


def _recent_mean(trials: Sequence[TrialRecord], ends: Floats, spent: Cost) -> Cost:
    """Return the mean cost of finished and running trials; the latter can only raise it."""
    mean = total(one.cost for one in trials) * (1 / len(trials))
    more = float(np.sum(np.maximum(ends - mean.seconds, 0.0))) / (len(trials) + len(ends))
    return mean + spent * (more / spent.seconds) if more else mean


def _price(cost: Cost) -> tuple[float, float]:
    return cost.money, cost.seconds


def allowance(
    history: History, constants: ForecastConstants, pending: Sequence[Pending] = ()
) -> float:
    """Return the factor for expensive trials that have not been observed yet."""
    found = _durations(history, pending)
    return math.exp(constants.allowance * found.variance) if found else 1.0


def _durations(history: History, pending: Sequence[Pending]) -> LogNormal | None:
    """Fit the durations of trials; None if no trial has a positive duration or cost.

    Seconds are used if there are any, so that a higher hourly price raises every forecast.
    """
    ended = _taken(history.trials)
    return durations(ended, _running(history, pending)) if ended.size else None


def _running(history: History, pending: Sequence[Pending]) -> Floats:
    """Return how long the running trials have run, if costs are known in seconds."""
    known = pending if history.spent.seconds else ()
    return np.array([one.elapsed for one in known if one.elapsed > 0])


def _taken(trials: Sequence[TrialRecord]) -> Floats:
    taken = np.array([one.cost.seconds for one in trials])
    if not taken.any():
        taken = np.array([one.cost.money for one in trials])
    return taken[taken > 0]


def affordable(situation: Situation) -> float:
    """Return how many more trials the remaining budget covers; infinite without a limit."""
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
