"""What a gain of the metric is worth in money."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from satisfice.domain.economics.cost import Prices


class Direction(StrEnum):
    """Which way the metric gets better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    @property
    def sign(self) -> float:
        """1 where larger is better, -1 where smaller is."""
        return 1.0 if self is Direction.MAXIMIZE else -1.0


class Per(StrEnum):
    """The step of the metric that a worth is stated for."""

    POINT = "point"  # a hundredth: a percentage point of an accuracy between 0 and 1
    UNIT = "unit"  # one unit of the metric
    HALVING = "halving"  # a halving of the error (1 - metric if the metric is maximised)


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity of money, machine time or energy.

    Attributes:
        quantity: How much.
        unit: `s`, `kWh`, or the study's currency.
    """

    quantity: float
    unit: str

    def money(self, prices: Prices) -> float:
        """Convert to the study's currency."""
        if self.unit == "s":
            return self.quantity / 3600 * prices.hour
        if self.unit == "kWh":
            return self.quantity * prices.kwh
        return self.quantity


@dataclass(frozen=True, slots=True)
class Worth:
    """What a gain of the metric is worth.

    Attributes:
        money: What one step is worth, in the study's currency.
        per: The step.
        target: The value beyond which gains are worth nothing; None: no target.
        stated: The worth in the user's own words.
    """

    money: float
    per: Per = Per.POINT
    target: float | None = None
    stated: str = ""

    @property
    def unit(self) -> float:
        """What a unit of the linear scale is worth (`domain.decisions.noise.Scale`)."""
        return self.money * (100.0 if self.per is Per.POINT else 1.0)

    def of(self, before: float, after: float, direction: Direction) -> float:
        """Return the worth of the step from one value of the metric to a better one.

        Args:
            before: The value before.
            after: The value after.
            direction: Which way is better.

        Returns:
            Money; 0 if `after` is not better than `before`.
        """
        sign = direction.sign
        if self.target is not None:
            before, after = (
                sign * min(sign * value, sign * self.target) for value in (before, after)
            )
        gain = sign * (after - before)
        if not gain > 0:
            return 0.0
        if self.per is Per.HALVING:
            return self.money * _halvings(_error(before, direction), _error(after, direction))
        return self.unit * gain


_SMALLEST_ERROR = 1e-12  # an error of 0 would be infinitely many halvings away


def _error(value: float, direction: Direction) -> float:
    return max(1.0 - value if direction is Direction.MAXIMIZE else value, _SMALLEST_ERROR)


def _halvings(before: float, after: float) -> float:
    return math.log2(before) - math.log2(after)
