"""When each rule would have stopped a search: ours, and those of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.stopping.traces import LENGTH, Trace
from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.forecast import ForecastConstants
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.cost import EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import History, TrialRecord, TrialState

LEAST = 5  # trials that every rule waits for


@dataclass(frozen=True)
class Offer:
    """What a rule may look at: values and costs as a user has them, and what a unit is worth.

    The scales of metric, money and worth differ from search to search by factors drawn at random,
    so that no rule can tell the rate, or how far the best configuration is away, from their sizes.

    Attributes:
        values: Shape (trials,): the metric of each trial, more is better.
        money: What each trial took.
        worth: What one unit of the metric is worth, in money.
    """

    values: Floats
    money: Floats
    worth: float


def offer(trace: Trace, rate: float) -> Offer:
    """Return a search in a user's units, at an exchange rate.

    Args:
        trace: The search.
        rate: Lambda of the protocol: what 200 usual trainings cost, where the way from the median
            configuration to the best one is worth 1.
    """
    random = np.random.default_rng([trace.seed, *trace.task.encode(), int(1000 * rate)])
    metric, money = np.exp(random.uniform(-7, 7, 2))
    price = rate * money / (LENGTH * trace.table.usual_seconds)
    gap = trace.table.gap * metric
    return Offer(trace.seen * metric, trace.seconds * price, money / gap)


def searches(given: Offer) -> Iterator[Situation]:
    """Yield what our decision looks at after each trial, from the least number of them on."""
    prices = Prices("EUR", hour=3600.0)  # a second is one unit of money
    records = tuple(
        TrialRecord(
            number,
            {"trial": number},
            TrialState.COMPLETE,
            float(value),
            cost=prices.of(float(money), 0.0, EnergyMode.UNKNOWN),
            seed=number,
        )
        for number, (value, money) in enumerate(zip(given.values, given.money, strict=True))
    )
    worth = Worth(given.worth, Per.UNIT)
    for count in range(LEAST, len(records) + 1):
        yield Situation(History(records[:count], Direction.MAXIMIZE), worth, prices)


def ours(taught: ForecastConstants) -> Callable[[Offer], int]:
    """Ask `domain.decisions.stopping.decide` after each trial, with what it was taught."""
    policy = StoppingPolicy(LEAST, constants=taught)

    def stop(given: Offer) -> int:
        for count, situation in enumerate(searches(given), LEAST):
            if decide(situation, policy).stop:
                return count
        return len(given.values)

    return stop


def fixed(count: int) -> Callable[[Offer], int]:
    """Stop after so many trials, whatever they bring."""
    return lambda given: min(count, len(given.values))


def patience(given: Offer) -> int:
    """Stop after 20 trials without a better one."""
    last = 0
    for count in range(1, len(given.values) + 1):
        if given.values[count - 1] > np.max(given.values[:last], initial=-np.inf):
            last = count
        if count >= max(LEAST, last + 20):
            return count
    return len(given.values)


def ax(given: Offer) -> int:
    """Stop where the best moved by less than 10 % of the interquartile range in 5 trials."""
    for count in range(LEAST, len(given.values)):
        seen = given.values[:count]
        spread = np.subtract(*np.percentile(seen, [75, 25]))
        if np.max(seen) - np.max(seen[:-5], initial=np.min(seen)) < 0.1 * spread:
            return count
    return len(given.values)


def lately(given: Offer) -> int:
    """Stop where the last 20 trials have brought less than they cost."""
    for count in range(LEAST, len(given.values)):
        before = max(count - 20, 1)
        gain = np.max(given.values[:count]) - np.max(given.values[:before])
        if gain * given.worth < np.sum(given.money[before:count]):
            return count
    return len(given.values)


def one_step(given: Offer) -> int:
    """Stop where the next trial's expected improvement does not pay for it.

    The tail over the best ceil(sqrt n) values is exponential; a trial costs what the mean one did.
    """
    for count in range(LEAST, len(given.values)):
        best = np.sort(given.values[:count])[::-1]
        above = min(max(math.ceil(math.sqrt(count)), 3), count - 1)
        excesses = best[:above] - best[above]
        scale = max(float(np.mean(excesses)), 1e-280)
        improvement = above / count * scale * math.exp(-excesses[0] / scale)
        if improvement * given.worth < np.mean(given.money[:count]):
            return count
    return len(given.values)


RULES: dict[str, Callable[[Offer], int]] = {
    "one-step improvement": one_step,
    "gain of the last 20": lately,
    "patience 20": patience,
    "Ax": ax,
    "5 trials": fixed(5),
    "50 trials": fixed(50),
    "200 trials": fixed(200),
}


def utility(trace: Trace, rate: float) -> Floats:
    """Return what stopping after each trial is worth."""
    return np.asarray(trace.success() - rate * trace.spent())


def utilities(
    trace: Trace, rate: float, policies: Mapping[str, Callable[[Offer], int]]
) -> Iterator[tuple[str, float]]:
    """Yield each rule's utility, and the oracle's: the best stop in hindsight."""
    reached = utility(trace, rate)
    yield "oracle", float(np.max(reached[LEAST - 1 :]))
    given = offer(trace, rate)
    for name, policy in policies.items():
        yield name, float(reached[policy(given) - 1])
