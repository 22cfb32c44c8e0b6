"""The search space: parameters, their domains and their conditions.

A space has two views. A *configuration* is what a trial sees: the values of the active parameters,
derived ones included. *Coordinates* are what is searched: one for each parameter except the derived
ones, on an axis that is the same for every trial. For most parameters the coordinate is the value
itself; for an ordinal one it is the rank, and for one whose bounds depend on other parameters its
place between the bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.operations import NO_RESULT
from satisfice.domain.expressions.types import Value
from satisfice.domain.space.domains import (
    Axis,
    Bounded,
    Choice,
    Derived,
    Domain,
    Float,
    Int,
    Ordinal,
    same,
)
from satisfice.domain.space.priors import Prior, Weights

__all__ = [
    "Axis",
    "Bounded",
    "Choice",
    "Coordinates",
    "Derived",
    "Domain",
    "Float",
    "Int",
    "Key",
    "Ordinal",
    "Parameter",
    "Params",
    "Space",
    "key_of",
]

Params: TypeAlias = Mapping[str, Value]
Coordinates: TypeAlias = Mapping[str, Value]
Key: TypeAlias = frozenset[tuple[str, type, Value]]

_NO_VALUE = float("nan")  # between bounds that leave nothing; an implied rule forbids it
_PLACE = Float(0.0, 1.0)


def key_of(params: Params) -> Key:
    """Return a hashable key; two configurations have the same key exactly if they are equal."""
    return frozenset((name, type(value), value) for name, value in params.items())


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the search space.

    Attributes:
        name: The name in `trial.params` and in rules.
        domain: The values it may take.
        when: The condition under which the parameter is active; None: always.
        default: The value without a search.
        prior: Where an expert expects good values; None: no prior.
    """

    name: str
    domain: Domain
    when: Expression | None = None
    default: Value | None = None
    prior: Prior | Weights | None = None

    @property
    def axis(self) -> Axis | None:
        """The axis of its coordinate; None for a derived parameter."""
        if isinstance(self.domain, Derived):
            return None
        if isinstance(self.domain, Bounded):
            return _PLACE
        if isinstance(self.domain, Ordinal):
            return Int(0, len(self.domain.values) - 1)
        return self.domain

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The parameters above it that its condition, bounds or formula use."""
        parts: list[Expression | None] = [self.when]
        if isinstance(self.domain, Bounded):
            parts += [self.domain.low, self.domain.high]
        if isinstance(self.domain, Derived):
            parts.append(self.domain.formula)
        return tuple(dict.fromkeys(name for one in parts if one for name in one.names))

    def is_active(self, above: Params) -> bool:
        """Tell whether the parameter's condition holds.

        Args:
            above: The active parameters above this one. A condition on an inactive parameter does
                not hold, nor does one without a result (a division by zero).
        """
        if self.when is None:
            return True
        try:
            return all(name in above for name in self.when.names) and self.when.holds(above)
        except NO_RESULT:
            return False

    def value(self, coordinate: Value | None, above: Params) -> Value:
        """Return the value at a coordinate; NaN if the parameters above leave no value.

        Args:
            coordinate: On the parameter's axis; None for a derived parameter.
            above: The active parameters above this one.
        """
        domain = self.domain
        if isinstance(domain, Derived):
            return domain.given(above)
        assert coordinate is not None  # noqa: S101 - for the type checker
        if isinstance(domain, Bounded):
            range_ = domain.given(above)
            return _NO_VALUE if range_ is None else range_.at(float(coordinate))
        if isinstance(domain, Ordinal):
            return domain.values[int(coordinate)]
        return coordinate

    def coordinate(self, value: Value, above: Params) -> Value:
        """Return the coordinate of a value; the parameter must not be derived.

        Args:
            value: Within the domain.
            above: The active parameters above this one.
        """
        if isinstance(self.domain, Ordinal):
            return self.domain.rank(value)
        if isinstance(self.domain, Bounded):
            range_ = self.domain.given(above)
            return 0.5 if range_ is None else min(max(range_.place(float(value)), 0.0), 1.0)
        return value

    def expected(self, share: float, above: Params) -> Value | None:
        """Return a quantile of the expert's prior as a coordinate; None without a prior.

        Args:
            share: From 0 to below 1.
            above: The active parameters above this one.
        """
        domain, prior = self.domain, self.prior
        if isinstance(prior, Weights):
            return self.coordinate(prior.value(share), above)
        range_ = domain.given(above) if isinstance(domain, Bounded) else domain
        if prior is None or range_ is None:
            return None
        if isinstance(range_, Ordinal):
            numbers = [float(one) for one in range_.values]
            value = prior.value(share, min(numbers), max(numbers), above)
            return min(range(len(numbers)), key=lambda rank: abs(numbers[rank] - value))
        assert isinstance(range_, Float | Int)  # noqa: S101 - the reader of a study checks it
        value = range_.at(range_.place(prior.value(share, range_.low, range_.high, above)))
        return self.coordinate(value, above)

    def allows(self, value: Value, above: Params) -> bool:
        """Tell whether a value lies within the domain."""
        if isinstance(self.domain, Derived):
            return same(value, self.domain.given(above))
        if isinstance(self.domain, Bounded):
            range_ = self.domain.given(above)
            return range_ is not None and value in range_
        return value in self.domain


@dataclass(frozen=True, slots=True)
class Space:
    """All parameters of a study, in the order of the specification.

    Conditions, bounds and formulas may only use parameters above their own, so one pass evaluates
    all of them.
    """

    parameters: tuple[Parameter, ...]
    axes: Mapping[str, Axis] = field(init=False, repr=False, compare=False, hash=False)
    is_plain: bool = field(init=False, repr=False, compare=False, hash=False)
    _index: dict[str, Parameter] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        axes = {one.name: axis for one in self.parameters if (axis := one.axis) is not None}
        plain = all(one.axis is one.domain for one in self.parameters)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "is_plain", plain)
        object.__setattr__(self, "_index", {one.name: one for one in self.parameters})

    def __getitem__(self, name: str) -> Parameter:
        return self._index[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters, conditional ones included."""
        return tuple(self._index)

    def movers(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the axes that affect some parameters: their values, or whether they are active.

        Args:
            names: Names of parameters; unknown names are ignored.
        """
        todo, found = [name for name in names if name in self._index], set[str]()
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self._index[name].depends_on
        return tuple(name for name in self.axes if name in found)

    def configuration(self, coordinates: Coordinates) -> dict[str, Value]:
        """Return the configuration at some coordinates.

        Args:
            coordinates: One for every axis, whether the parameter is active or not.

        Returns:
            The active parameters, derived ones included. The value is NaN if bounds leave nothing
            or a formula has no result.
        """
        kept: dict[str, Value] = {}
        for one in self.parameters:
            if one.is_active(kept):
                kept[one.name] = one.value(coordinates.get(one.name), kept)
        return kept

    def coordinates(self, params: Params) -> dict[str, Value]:
        """Return the coordinates of the active parameters.

        Args:
            params: The active parameters, each within its domain.
        """
        if self.is_plain:
            return dict(params)
        return {
            name: self._index[name].coordinate(value, params)
            for name, value in params.items()
            if name in self.axes
        }

    def outside(self, params: Params) -> tuple[str, ...]:
        """Return the parameters that are missing, superfluous, or outside of their domain."""
        wrong = [name for name in params if name not in self._index]
        seen: dict[str, Value] = {}
        for one in self.parameters:
            wanted = one.is_active(seen)
            there = one.name in params
            if wanted != there or (wanted and not one.allows(params[one.name], seen)):
                wrong.append(one.name)
            elif wanted:
                seen[one.name] = params[one.name]
        return tuple(wrong)

    def defaults(self) -> dict[str, Value] | None:
        """Return the default configuration, or None if an active parameter has no default."""
        kept: dict[str, Value] = {}
        for one in self.parameters:
            if one.is_active(kept):
                value = one.value(None, kept) if one.axis is None else one.default
                if value is None:
                    return None
                kept[one.name] = value
        return kept
