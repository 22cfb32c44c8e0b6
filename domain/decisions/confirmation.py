"""Whether the best of many noisy results is as good as it looked: fresh seeds, unseen data.

The best of many observations is too good to be true (the winner's curse): the leaders are trained
again. The winner is chosen by its fresh *validation* values and judged by its test values: choosing
by the test split would only move the curse there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from satisfice.domain.economics.worth import Direction
from satisfice.domain.space.space import Params
from satisfice.domain.summary import Confirmed
from satisfice.domain.trials.history import TrialRecord


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of some values and a two-sided t-interval for it.

    Args:
        values: Independent values, one a seed.
        confidence: The share of such intervals that hold the true mean.

    Returns:
        Mean, lower end, upper end; infinite ends for a single value, NaN for none.
    """
    if not values:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, -math.inf, math.inf
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return mean, mean - reach, mean + reach


def confirmed(
    name: str,
    params: Params,
    observed: float | None,
    trials: Sequence[TrialRecord],
    metric: str,
) -> Confirmed:
    """Sum up the repeated trainings of one configuration.

    Args:
        name: `default`, or the trial that proposed the configuration.
        params: The configuration.
        observed: The value for which it was chosen; None for the default.
        trials: Its confirmations; those without a value are left out.
        metric: The objective's metric; the test value stands in the metrics as `test_<metric>`.
    """
    worked = [one for one in trials if one.has_value]
    validation = tuple(one.value for one in worked if one.value is not None)
    test = tuple(one.metrics[f"test_{metric}"] for one in worked if f"test_{metric}" in one.metrics)
    mean, low, high = interval(test or validation)
    numbers = tuple(one.number for one in worked)
    margins = tuple(one.margins for one in worked)
    return Confirmed(name, params, observed, validation, test, numbers, mean, low, high, margins)


def in_order(candidates: Sequence[Confirmed], direction: Direction) -> tuple[Confirmed, ...]:
    """Return the candidates with a value, best mean on the validation split first, default last.

    A candidate of which every training breaks a soft rule comes after those that may win.
    """
    tried = [one for one in candidates if one.validation]

    def rank(one: Confirmed) -> tuple[bool, bool, float]:
        value = -direction.sign * float(np.mean(one.validation))
        return one.name == "default", not one.feasible, value

    return tuple(sorted(tried, key=rank))
