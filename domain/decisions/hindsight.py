"""What a search was worth at each of its moments, looked at when it is over.

All of it is read from observed values. The best of many is partly luck of its seed, so what was
gained looks larger than it is, and later moments look better than they were.
"""

from __future__ import annotations

from itertools import accumulate

from satisfice.domain.economics.worth import Worth
from satisfice.domain.trials.history import History


def gained(history: History, worth: Worth) -> tuple[float, ...]:
    """Return what the best after each trial is worth beyond the first value, in money."""
    first = next((one for one in history.incumbents if one is not None), None)
    return tuple(
        0.0 if first is None or best is None else worth.of(first, best, history.direction)
        for best in history.incumbents
    )


def utilities(history: History, worth: Worth) -> tuple[float, ...]:
    """Return what was gained less what was spent after each trial, in money."""
    spent = accumulate(one.cost.money for one in history.trials)
    return tuple(gain - cost for gain, cost in zip(gained(history, worth), spent, strict=True))


def best_stop(history: History, worth: Worth, least: int) -> int | None:
    """Return after how many trials a stop would have left most, the earliest among equals.

    Args:
        history: The whole search; what it would have found later is not known.
        worth: What a gain is worth.
        least: Feasible values before which no search stops; None where it did not come so far.
    """
    values = accumulate(int(one.has_value and not one.broken) for one in history.trials)
    left = zip(values, utilities(history, worth), strict=True)
    after = {at: utility for at, (count, utility) in enumerate(left, 1) if count >= least}
    return max(after, key=lambda at: after[at], default=None)
