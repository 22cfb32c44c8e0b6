"""The utility of a search after each trial, in hindsight.

It is computed from observed values. The best of many is biased upwards (winner's curse), so gains
look larger than they are, and later stops look better than they were.
"""

from __future__ import annotations

from itertools import accumulate

from satisfice.domain.economics.worth import Worth
from satisfice.domain.trials.history import History


def gained(history: History, worth: Worth) -> tuple[float, ...]:
    """Return the worth of the best value over the first one, after each trial, in money."""
    first = next((one for one in history.incumbents if one is not None), None)
    return tuple(
        0.0 if first is None or best is None else worth.of(first, best, history.direction)
        for best in history.incumbents
    )


def utilities(history: History, worth: Worth) -> tuple[float, ...]:
    """Return the gain less the cost after each trial, in money."""
    spent = accumulate(one.cost.money for one in history.trials)
    return tuple(gain - cost for gain, cost in zip(gained(history, worth), spent, strict=True))


def best_stop(history: History, worth: Worth, least: int) -> int | None:
    """Return the number of trials after which the utility was highest, the first among equals.

    Args:
        history: The whole search; what more trials would have found is unknown.
        worth: What a gain is worth.
        least: Feasible values before which no search stops.

    Returns:
        None if the search has fewer feasible values than `least`.
    """
    values = accumulate(int(one.has_value and not one.broken) for one in history.trials)
    left = zip(values, utilities(history, worth), strict=True)
    after = {at: utility for at, (count, utility) in enumerate(left, 1) if count >= least}
    return max(after, key=lambda at: after[at], default=None)
