"""The search space: parameters, their domains, and when each of them is there at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from domain.expressions import NO_RESULT, Expression

Value: TypeAlias = bool | int | float | str
Params: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Float:
    """A real number between two bounds, both included.

    Attributes:
        low: The lower bound.
        high: The upper bound.
        log: Whether ratios matter rather than differences.
    """

    low: float
    high: float
    log: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return math.isfinite(value) and self.low <= value <= self.high


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


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few named values, without an order."""

    choices: tuple[Value, ...]

    def __contains__(self, value: object) -> bool:
        return any(value == choice and type(value) is type(choice) for choice in self.choices)


Domain: TypeAlias = Float | Int | Choice


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named coordinate of the search space.

    Attributes:
        name: The name that `trial.params` and the rules use.
        domain: The values it may take.
        when: The condition under which the parameter is there; None: always.
        default: The value that somebody would choose without a search.
    """

    name: str
    domain: Domain
    when: Expression | None = None
    default: Value | None = None

    def is_there(self, above: Params) -> bool:
        """Tell whether the parameter's condition holds.

        Args:
            above: The active parameters that stand above this one. A condition on one that is
                absent does not hold, nor does one without a result (a division by zero, say).
        """
        if self.when is None:
            return True
        try:
            return all(name in above for name in self.when.names) and self.when.holds(above)
        except NO_RESULT:
            return False


@dataclass(frozen=True, slots=True)
class Space:
    """All parameters of a study, in the order in which they were written.

    A condition may only name parameters that stand above its own, so one pass decides all of them.
    """

    parameters: tuple[Parameter, ...]
    _index: dict[str, Parameter] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {one.name: one for one in self.parameters})

    def __getitem__(self, name: str) -> Parameter:
        return self._index[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters, conditional ones included."""
        return tuple(self._index)

    def active(self, params: Params) -> dict[str, Value]:
        """Drop the parameters whose condition does not hold.

        Args:
            params: A value for every parameter, whether its condition holds or not.

        Returns:
            Only what a trial with these values would see.
        """
        kept: dict[str, Value] = {}
        for one in self.parameters:
            if one.is_there(kept):
                kept[one.name] = params[one.name]
        return kept

    def outside(self, params: Params) -> tuple[str, ...]:
        """Name the parameters that are missing, superfluous, or outside their domain."""
        wrong = [name for name in params if name not in self._index]
        seen: dict[str, Value] = {}
        for one in self.parameters:
            wanted = one.is_there(seen)
            if wanted != (one.name in params) or (wanted and params[one.name] not in one.domain):
                wrong.append(one.name)
            elif wanted:
                seen[one.name] = params[one.name]
        return tuple(wrong)

    def defaults(self) -> dict[str, Value] | None:
        """Return the default configuration, or None if an active parameter has no default."""
        kept: dict[str, Value] = {}
        for one in self.parameters:
            if one.is_there(kept):
                if one.default is None:
                    return None
                kept[one.name] = one.default
        return kept
