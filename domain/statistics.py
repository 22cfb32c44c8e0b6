"""Statistics: shares, means and differences, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a sample.

    Attributes:
        count: How many have a property.
        of: The size of the sample.
        whole: Whether the sample is the whole population, so that the share is exact.
    """

    count: int
    of: int
    whole: bool = False

    @property
    def value(self) -> float:
        """The share itself, between 0 and 1; NaN for an empty sample."""
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share in the population.

        Source: E. B. Wilson 1927, Probable inference, the law of succession, and statistical
        inference, JASA 22; recommended by Brown, Cai and DasGupta 2001, Interval estimation for a
        binomial proportion, Statistical Science 16(2), also for shares near 0 and 1.
        """
        if self.whole:
            return self.value, self.value
        if not self.of:
            return 0.0, 1.0
        shrunk = 1 + _Z**2 / self.of
        middle = (self.value + _Z**2 / (2 * self.of)) / shrunk
        spread = self.value * (1 - self.value) / self.of + (_Z / (2 * self.of)) ** 2
        half = _Z * math.sqrt(spread) / shrunk
        low = 0.0 if not self.count else middle - half
        return low, 1.0 if self.count == self.of else middle + half


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of some values with a two-sided t-interval.

    Args:
        values: Independent values, one a seed.
        confidence: The confidence level.

    Returns:
        Mean, lower end, upper end; infinite ends for a single value, NaN for none.
    """
    if not values:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, -math.inf, math.inf
    from scipy.special import stdtrit  # reading a study does not need it

    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return mean, mean - reach, mean + reach


def welch(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the two-sided p-value of the difference of two means, by Welch's t-test.

    Without any spread in both samples it is 0 for means that differ, and 1 for equal ones.

    Args:
        some: At least two independent values.
        others: At least two others.

    Source: B. L. Welch 1947, The generalization of "Student's" problem when several different
    population variances are involved, Biometrika 34.
    """
    if len(set(some)) == len(set(others)) == 1:
        return float(some[0] == others[0])
    from scipy.stats import ttest_ind  # slow to import

    return float(ttest_ind(some, others, equal_var=False).pvalue)
