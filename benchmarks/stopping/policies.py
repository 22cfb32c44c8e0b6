"""When each rule would have stopped a search: ours, and those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.stopping.tables import Floats
from benchmarks.stopping.traces import LENGTH, Trace
from domain.cost import EnergyMode, Prices
from domain.history import History, TrialRecord, TrialState
from domain.situation import Situation
from domain.stopping import decide
from domain.worth import Direction, Per, Worth

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


def ours(given: Offer) -> int:
    """Ask `domain.stopping.decide` after each trial."""
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
    state = Situation(History((), Direction.MAXIMIZE), Worth(given.worth, Per.UNIT), prices)
    for count in range(LEAST, len(records)):
        history = History(records[:count], Direction.MAXIMIZE)
        if decide(replace(state, history=history)).stop:
            return count
    return len(records)


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


POLICIES: dict[str, Callable[[Offer], int]] = {
    "satisfice": ours,
    "gain of the last 20": lately,
    "patience 20": patience,
    "Ax": ax,
    "5 trials": fixed(5),
    "50 trials": fixed(50),
    "200 trials": fixed(200),
}


def utilities(trace: Trace, rate: float) -> Iterator[tuple[str, float]]:
    """Yield each rule's utility, and the oracle's: the best stop in hindsight."""
    utility = trace.success() - rate * trace.spent()
    yield "oracle", float(np.max(utility[LEAST - 1 :]))
    given = offer(trace, rate)
    for name, policy in POLICIES.items():
        yield name, float(utility[policy(given) - 1])
