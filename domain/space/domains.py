"""Domains: the values of a parameter, and the place of each number between 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.operations import NO_RESULT
from satisfice.domain.expressions.types import NUMBER, Kind, Value, of_values

_WHOLE_STEP = 1e-8  # rounding error of a number of steps
_NO_VALUE = math.nan  # of a formula without a result; an implied rule forbids it


@dataclass(frozen=True, slots=True)
class Float:
    """A real number between two bounds, both included.

    Attributes:
        low: The lower bound.
        high: The upper bound.
        log: Whether ratios matter rather than differences.
        step: The distance of neighbouring values, counted from `low`; None: any number.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not (math.isfinite(value) and self.low <= value <= self.high):
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < _WHOLE_STEP

    def place(self, value: float) -> float:
        """Return the place of a value, 0 for the lower bound and 1 for the upper one."""
        return _place(self.low, self.high, self.log, value)

    def at(self, place: float) -> float:
        """Return the value at a place, moved to the nearest step where there are steps."""
        value = _between(self.low, self.high, self.log, place)
        if self.step is None:
            return min(max(value, self.low), self.high)
        # Decimal arithmetic: three steps of 0.1 are 0.3.
        low, high, step = (Decimal(repr(one)) for one in (self.low, self.high, self.step))
        steps = min(max(round((value - self.low) / self.step), 0), int((high - low) / step))
        return float(low + steps * step)


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number between two bounds, both included.

    Attributes:
        low: The lower bound.
        high: The upper bound.
        log: Whether ratios matter rather than differences.
        step: The distance of neighbouring values, counted from `low`.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def place(self, value: float) -> float:
        """Return the place of a value, 0 for the lower bound and 1 for the upper one."""
        return _place(self.low, self.high, self.log, value)

    def at(self, place: float) -> int:
        """Return the value whose step is nearest to a place."""
        value = _between(self.low, self.high, self.log, place)
        last = (self.high - self.low) // self.step
        return self.low + min(max(round((value - self.low) / self.step), 0), last) * self.step


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few unordered values."""

    choices: tuple[Value, ...]

    def __contains__(self, value: object) -> bool:
        return _index(self.choices, value) is not None


@dataclass(frozen=True, slots=True)
class Ordinal:
    """One of a few ordered values: neighbours are more similar than others."""

    values: tuple[Value, ...]

    def __contains__(self, value: object) -> bool:
        return _index(self.values, value) is not None

    def rank(self, value: Value) -> int:
        """Return the rank of a value, from 0.

        Raises:
            ValueError: It is not one of the values.
        """
        found = _index(self.values, value)
        if found is None:
            raise ValueError(f"{value!r} is not one of {self.values}")
        return found


@dataclass(frozen=True, slots=True)
class Bounded:
    """A number between two bounds that depend on the parameters above it.

    Attributes:
        low: The lower bound.
        high: The upper bound.
        log: Whether ratios matter rather than differences.
        whole: Whether it is a whole number; bounds are rounded inwards.
    """

    low: Expression
    high: Expression
    log: bool = False
    whole: bool = False

    def given(self, above: Mapping[str, Any]) -> Float | Int | None:
        """Return the range between the bounds, or None if it is empty.

        Args:
            above: The active parameters above this one.
        """
        try:
            low, high = float(self.low.evaluate(above)), float(self.high.evaluate(above))
        except (*NO_RESULT, KeyError):
            return None
        if not (math.isfinite(low) and math.isfinite(high)):
            return None
        if self.whole:
            low, high = math.ceil(low), math.floor(high)
        if low > high or (self.log and low <= 0):
            return None
        return Int(int(low), int(high), self.log) if self.whole else Float(low, high, self.log)


@dataclass(frozen=True, slots=True)
class Derived:
    """A value computed from the parameters above it; it is not searched."""

    formula: Expression

    def given(self, above: Mapping[str, Any]) -> Value:
        """Return the value; NaN if the formula has no result.

        Args:
            above: The active parameters above this one.
        """
        try:
            value: Value = self.formula.evaluate(above)
        except (*NO_RESULT, KeyError):
            return _NO_VALUE
        if isinstance(value, float) and not math.isfinite(value):
            return _NO_VALUE
        return value


Axis: TypeAlias = Float | Int | Choice
Domain: TypeAlias = Float | Int | Choice | Ordinal | Bounded | Derived


def kind_of(domain: Domain) -> Kind:
    """Return the kind of a parameter that is not derived."""
    if isinstance(domain, Ordinal):
        return of_values(domain.values)
    return of_values(domain.choices) if isinstance(domain, Choice) else NUMBER


def same(value: object, other: object) -> bool:
    """Tell whether two values are equal and of one type: in Python, `True` equals 1."""
    return value == other and type(value) is type(other)


def _index(values: tuple[Value, ...], value: object) -> int | None:
    return next((at for at, one in enumerate(values) if same(one, value)), None)


def _place(low: float, high: float, log: bool, value: float) -> float:
    if low == high:
        return 0.5
    if log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _between(low: float, high: float, log: bool, place: float) -> float:
    return low * (high / low) ** place if log else low + (high - low) * place
