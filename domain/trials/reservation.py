"""Reservations: the most that an order may cost, so that parallel orders stay within the budget."""

from __future__ import annotations

import math

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Prices
from satisfice.domain.trials.history import History

# A trial may cost this many times the expected cost before it is ended: heavy tails are common in
# deep learning, but a reservation without a limit would leave nothing for other workers.
PATIENCE = 3.0


def reservation(
    left: Budget,
    rate: Cost,
    expected_seconds: float | None,
    free_workers: int,
    longest_seconds: float = 0.0,
) -> Cost | None:
    """Return the reservation of one more order; None if it is not affordable.

    Args:
        left: The budget that is neither spent nor reserved.
        rate: The highest cost of a second of training.
        expected_seconds: Expected duration of the trial; None while it is unknown.
        free_workers: Workers without an order, this one included; while durations are unknown they
            share the rest evenly.
        longest_seconds: Duration of the longest complete trial: an equally long one must not be cut
            short because many others failed early.

    Returns:
        The most that the order may cost; its `seconds` are the order's deadline, infinite without a
        limit. None if the trial is not expected to fit.
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
    if needed and not math.isinf(promised):  # wall time is not shared
        promised = min(promised, PATIENCE * max(needed, longest_seconds))
    seconds = min(promised, clock)
    if math.isinf(seconds):
        return Cost(seconds=math.inf, energy=rate.energy)  # no limit: nothing to reserve
    return Cost(
        seconds,
        rate.kwh * seconds,
        rate.kgco2e * seconds,
        rate.money * seconds,
        rate.energy,
    )


def dearest_second(history: History, prices: Prices, watts: float) -> Cost:
    """Return the highest cost of a second of training: as stated, or as observed if higher.

    Args:
        history: The finished trials.
        prices: What resources cost.
        watts: The stated power of a training.
    """
    seen = (one.cost for one in history.trials if one.cost.seconds > 0)
    dearest = max((cost.kwh / cost.seconds for cost in seen), default=0.0)
    return prices.of(1.0, max(watts / 3.6e6, dearest), EnergyMode.ESTIMATED)


def search_share(budget: Budget, kept: float) -> Budget:
    """Return a budget less the share kept for confirmation; the number of trials stays."""
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
