"""Enumeration of finite spaces, and the part of a space that some parameters depend on."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from satisfice.domain.expressions.types import Value
from satisfice.domain.space.repair import whole
from satisfice.domain.space.space import Axis, Choice, Int, Params, Space

_ROUNDING = 1e-8  # of a step


def count(space: Space) -> float:
    """Return an upper bound on the number of configurations; infinite with a real number."""
    each = (_values(axis) for axis in space.axes.values())
    return math.prod(math.inf if values is None else len(values) for values in each)


def every_configuration(space: Space) -> Iterator[dict[str, Value]]:
    """Yield each configuration of a finite space once, in the order of the values.

    Raises:
        ValueError: A parameter is a real number.
    """
    yield from _onwards(space, 0, {})


def _onwards(space: Space, at: int, above: Params) -> Iterator[dict[str, Value]]:
    if at == len(space.parameters):
        yield dict(above)
        return
    one = space.parameters[at]
    if not one.is_active(above):
        yield from _onwards(space, at + 1, above)
        return
    coordinates: Sequence[Value | None] | None = (None,) if one.axis is None else _values(one.axis)
    if coordinates is None:
        raise ValueError(f"{one.name} is a real number: its values cannot be listed")
    for there in coordinates:
        yield from _onwards(space, at + 1, {**above, one.name: one.value(there, above)})


def part_about(space: Space, names: Collection[str]) -> Space:
    """Return the part of a space with some parameters and all that they depend on."""
    wanted = set(names)
    for one in reversed(space.parameters):  # a parameter depends on those above it
        if one.name in wanted:
            wanted.update(one.depends_on)
    return Space(tuple(one for one in space.parameters if one.name in wanted))


def within(part: Space, params: Params) -> dict[str, Value]:
    """Return the part of a configuration that belongs to a part of its space."""
    return {name: params[name] for name in part.names if name in params}


def completed(space: Space, params: Params, like: Params) -> dict[str, Value]:
    """Return a configuration of the whole space with these values in a part of it.

    Args:
        space: The whole space.
        params: A configuration of a part, including all that its parameters depend on.
        like: A configuration that gives the values of the other parameters if possible.
    """
    part = part_about(space, params).coordinates(params)
    return space.configuration({**whole(like, space), **part})


def _values(axis: Axis) -> Sequence[Value] | None:
    if isinstance(axis, Choice):
        return axis.choices
    if isinstance(axis, Int):
        return range(axis.low, axis.high + 1, axis.step)
    if axis.low == axis.high:
        return (axis.low,)
    if axis.step is None:
        return None
    width = axis.high - axis.low
    return [
        axis.at(at * axis.step / width)
        for at in range(math.floor(width / axis.step + _ROUNDING) + 1)
    ]
