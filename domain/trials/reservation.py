"""How much an order may take at most, so that parallel orders keep a budget together."""

from __future__ import annotations

import math

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Prices
from satisfice.domain.trials.history import History

# A trial may take this many times what others took before it is ended: heavy tails are common
# in deep learning, but a promise without a limit would leave nothing for other workers.
PATIENCE = 3.0


def reservation(
    left: Budget,
    rate: Cost,
    expected_seconds: float | None,
    free_workers: int,
    longest_seconds: float = 0.0,
) -> Cost | None:
    """Reserve for one more order, or say that nothing more is affordable.

    Args:
        left: What is neither spent nor promised.
        rate: What one second of training costs at most.
        expected_seconds: Forecast length of the trial; None while nothing is known.
        free_workers: Workers without an order, this one included; while nothing is known they share
            what is left evenly.
        longest_seconds: Length of the longest trial that ran to its end: one that is as long must
            not be cut short because many others failed early.

    Returns:
        The most that the order may take; its `seconds` are the order's deadline, and infinite where
        nothing limits them. None if the trial is not expected to fit.
    """
    if left.trials is not None and left.trials < 1:
        return None
    share = 1 if expected_seconds is not None else max(free_workers, 1)
    shared = [
        None if left.money is None or rate.money <= 0 else left.money / rate.money / share,
        None if left.kwh is None or rate.kwh <= 0 else left.kwh / rate.kwh / share,
    ]
    promised = min((one for one in shared if one is not None), default=math.inf)
    clock = math.inf if left.seconds is None else left.seconds
    needed = expected_seconds or 0.0
    if min(promised, clock) <= 0 or min(promised, clock) < needed:
        return None
    if needed and not math.isinf(promised):  # the clock alone runs for all: nothing to share out
        promised = min(promised, PATIENCE * max(needed, longest_seconds))
    seconds = min(promised, clock)
    if math.isinf(seconds):
        return Cost(seconds=math.inf, energy=rate.energy)  # nothing is short: nothing to promise
    return Cost(
        seconds,
        rate.kwh * seconds,
        rate.kgco2e * seconds,
        rate.money * seconds,
        rate.energy,
    )


def dearest_second(history: History, prices: Prices, watts: float) -> Cost:
    """Return what a second of training costs at most: as stated, or dearer if that was seen.

    Args:
        history: The finished trials.
        prices: What resources cost.
        watts: The stated power of a training.
    """
    seen = (one.cost for one in history.trials if one.cost.seconds > 0)
    dearest = max((cost.kwh / cost.seconds for cost in seen), default=0.0)
    return prices.of(1.0, max(watts / 3.6e6, dearest), EnergyMode.ESTIMATED)


def search_share(budget: Budget, kept: float) -> Budget:
    """Take the share that is kept for confirmation off a budget; the number of trials stays."""
    rest = 1.0 - kept
    return Budget(
        trials=budget.trials,
        seconds=None if budget.seconds is None else budget.seconds * rest,
        kwh=None if budget.kwh is None else budget.kwh * rest,
        money=None if budget.money is None else budget.money * rest,
    )


def limit_for(expected: float, spent: Cost) -> Budget | None:
    """Return the limit of a trial that is expected to cost so much; None where nothing is known.

    Args:
        expected: What the trial is expected to cost, in money.
        spent: What all finished trials have cost: it says how long that money lasts.
    """
    if expected <= 0 or spent.money <= 0:
        return None
    return Budget(seconds=PATIENCE * expected * spent.seconds / spent.money)
