"""Priors: where an expert expects good values; their weight fades as trials finish."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.operations import NO_RESULT
from satisfice.domain.expressions.types import Value

STRENGTH = 10.0  # finished trials that weigh as much as the prior


def trust(finished: int) -> float:
    """Return the share of proposals drawn from the prior: all at first, then fewer and fewer.

    Args:
        finished: How many trials have finished.
    """
    return STRENGTH / (STRENGTH + finished)


@dataclass(frozen=True, slots=True)
class Prior:
    """A normal or log-normal prior of a number.

    Attributes:
        around: The median; it may depend on the parameters above.
        spread: The standard deviation: a difference, or a factor above 1.
        log: Whether the spread is a factor.
    """

    around: Expression
    spread: float
    log: bool = False

    def value(self, share: float, low: float, high: float, above: Mapping[str, Any]) -> float:
        """Return a quantile of the distribution truncated to two bounds.

        Args:
            share: Between 0 and 1.
            low: The lower bound.
            high: The upper bound.
            above: The active parameters above.

        Returns:
            A value between the bounds; their middle on the scale if `around` has no result, and
            the nearer bound if it lies far outside.
        """
        if self.log and low <= 0:
            low = min(high, math.ulp(0.0)) if high > 0 else low
        try:
            middle = self._scaled(float(self.around.evaluate(above)))
        except (*NO_RESULT, KeyError):
            middle = math.nan
        first, last = self._scaled(low), self._scaled(high)
        if not math.isfinite(middle):
            return self._unscaled((first + last) / 2, low, high)
        sigma = math.log(self.spread) if self.log else self.spread
        belief = NormalDist(middle, sigma)
        below, until = belief.cdf(first), belief.cdf(last)
        at = below + share * (until - below)
        if not 0 < at < 1:
            return high if middle > last else low
        return self._unscaled(belief.inv_cdf(at), low, high)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else value

    def _unscaled(self, value: float, low: float, high: float) -> float:
        return min(max(math.exp(value) if self.log else value, low), high)


@dataclass(frozen=True, slots=True)
class Weights:
    """The prior weights of choices.

    Attributes:
        weights: Each choice with its weight; other choices have none.
    """

    weights: tuple[tuple[Value, float], ...]

    def value(self, share: float) -> Value:
        """Return a quantile of the weighted choices.

        Args:
            share: From 0 to below 1.
        """
        left = share * sum(weight for _, weight in self.weights)
        for value, weight in self.weights:
            left -= weight
            if left < 0:
                return value
        return self.weights[-1][0]
