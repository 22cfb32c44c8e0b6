"""Spaces that can be gone through from end to end, and the part of a space that rules are about."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from domain.repair import usual
from domain.space import Choice, Domain, Float, Params, Space, Value


def count(space: Space) -> float:
    """Return at most how many configurations a space has; infinity where a number is real."""
    each = (_values(one.domain) for one in space.parameters)
    return math.prod(math.inf if values is None else len(values) for values in each)


def every_configuration(space: Space) -> Iterator[dict[str, Value]]:
    """Yield each configuration of a finite space once, in the order of its parameters' values.

    Raises:
        ValueError: The space has a parameter that is a real number.
    """
    yield from _onwards(space, 0, {})


def _onwards(space: Space, at: int, above: Params) -> Iterator[dict[str, Value]]:
    if at == len(space.parameters):
        yield dict(above)
        return
    parameter = space.parameters[at]
    if not parameter.is_there(above):
        yield from _onwards(space, at + 1, above)
        return
    values = _values(parameter.domain)
    if values is None:
        raise ValueError(f"{parameter.name} is a real number: its values cannot be listed")
    for value in values:
        yield from _onwards(space, at + 1, {**above, parameter.name: value})


def part_about(space: Space, names: Collection[str]) -> Space:
    """Return the part of a space that some parameters belong to, with all that they depend on."""
    wanted = set(names)
    for one in reversed(space.parameters):  # a parameter depends on what stands above it
        if one.name in wanted and one.when is not None:
            wanted.update(one.when.names)
    return Space(tuple(one for one in space.parameters if one.name in wanted))


def within(part: Space, params: Params) -> dict[str, Value]:
    """Return what a configuration of the whole space has of a part."""
    return {name: params[name] for name in part.names if name in params}


def completed(space: Space, params: Params, like: Params) -> dict[str, Value]:
    """Return a configuration of the whole space that has these values in a part of it.

    Args:
        space: The whole space.
        params: A configuration of a part that has all that its parameters depend on.
        like: A configuration whose values the other parameters take where they can.
    """
    rest = {one.name: usual(one.domain, one.default) for one in space.parameters}
    return space.active({**rest, **like, **params})


def _values(domain: Domain) -> Sequence[Value] | None:
    if isinstance(domain, Float):
        return None if domain.low < domain.high else (domain.low,)
    if isinstance(domain, Choice):
        return domain.choices
    return range(domain.low, domain.high + 1, domain.step)
