"""Repair: the nearest allowed configuration in place of a forbidden one."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, islice

from satisfice.domain.expressions.types import Value
from satisfice.domain.space.domains import same
from satisfice.domain.space.space import Axis, Bounded, Choice, Int, Parameter, Params, Space

# Distances in the unit interval to try on either side of a number: fine near the start, coarse far
# from it.
_OFFSETS = tuple(1.5**-power for power in range(15, -1, -1))
_NEIGHBOURS = (
    16  # steps to either side at which every whole number is tried, for rules with a modulo
)
_ANOTHER_CHOICE = 1.0  # the distance of another choice: as far as a parameter's whole range


def nearest_allowed(
    params: Params, space: Space, allowed: Callable[[Params], bool], attempts: int
) -> dict[str, Value] | None:
    """Search for an allowed configuration near a forbidden one.

    One coordinate is changed, then two together, then three, in order of increasing distance: for
    numbers on the unit interval (of logarithms in a logarithmic domain), and 1 for another choice.
    A parameter that becomes active gets its default or the middle of its domain. The result is
    deterministic: ties are broken by the order of the space.

    Args:
        params: The active parameters, each within its domain.
        space: The space.
        allowed: Whether a configuration is allowed.
        attempts: The largest number of configurations to check.

    Returns:
        The active parameters of an allowed configuration other than `params`, or None if none was
        found.
    """
    base = whole(params, space)
    names = list(space.axes)
    ladders = [ladder(axis, base[name]) for name, axis in space.axes.items()]
    for change in islice(_changes(ladders), attempts):
        changed = {names[at]: ladders[at][rung].value for at, rung in change}
        candidate = space.configuration({**base, **changed})
        # A change of a parameter that is then inactive repeats a smaller change.
        if changed.keys() <= candidate.keys() and candidate != params and allowed(candidate):
            return candidate
    return None


def allowed_step_by_step(
    params: Params, space: Space, demands: Sequence[Callable[[Params], bool]], attempts: int
) -> dict[str, Value] | None:
    """Search for a configuration that meets one demand, then for one that meets two, and so on.

    It moves further than `nearest_allowed`, but if each demand needs another parameter changed, it
    finds configurations that changes of two or three parameters do not reach.

    Args:
        params: The active parameters, each within its domain.
        space: The space.
        demands: The conditions that the result must meet.
        attempts: The largest number of configurations to check for each demand.

    Returns:
        The active parameters of a configuration that meets all demands, possibly `params`, or None
        if none was found.
    """
    here: dict[str, Value] | None = dict(params)
    for count in range(1, len(demands) + 1):
        met = partial(_meets, demands[:count])
        if here is not None and not met(here):
            here = nearest_allowed(here, space, met, attempts)
    return here


def _meets(demands: Sequence[Callable[[Params], bool]], params: Params) -> bool:
    return all(demand(params) for demand in demands)


def whole(params: Params, space: Space) -> dict[str, Value]:
    """Return a coordinate for every axis: for an inactive parameter the usual one."""
    known = space.coordinates(params)
    return {name: known[name] if name in known else usual(space[name]) for name in space.axes}


def usual(parameter: Parameter) -> Value:
    """Return the coordinate of the default, or the middle of the axis (the first choice)."""
    axis, default = parameter.axis, parameter.default
    if default is not None and not isinstance(parameter.domain, Bounded):
        return parameter.coordinate(default, {})
    assert axis is not None  # noqa: S101 - a derived parameter has no coordinate
    return axis.choices[0] if isinstance(axis, Choice) else axis.at(0.5)


@dataclass(frozen=True, slots=True)
class Rung:
    """Another value of a parameter, and its distance."""

    distance: float
    value: Value


def ladder(axis: Axis, start: Value) -> list[Rung]:
    """Return other values of an axis, nearest first."""
    if isinstance(axis, Choice):
        return [Rung(_ANOTHER_CHOICE, one) for one in axis.choices if not same(one, start)]
    number = float(start)
    middle = axis.place(number)
    places = (place for offset in _OFFSETS for place in (middle - offset, middle + offset))
    values: list[int | float] = [axis.at(min(max(place, 0.0), 1.0)) for place in places]
    if isinstance(axis, Int):
        steps = range(-_NEIGHBOURS, _NEIGHBOURS + 1)
        values += [value for step in steps if (value := int(number) + step * axis.step) in axis]
    others = (value for value in dict.fromkeys(values) if value != number)
    rungs = [Rung(abs(axis.place(value) - middle), value) for value in others]
    return sorted(rungs, key=lambda rung: rung.distance)


def _changes(ladders: list[list[Rung]]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield (parameter, rung) pairs to change together: by number of changes, then distance."""
    movable = [at for at, ladder in enumerate(ladders) if ladder]
    for count in range(1, len(movable) + 1):
        yield from _changes_of(count, movable, ladders)


def _changes_of(
    count: int, movable: list[int], ladders: list[list[Rung]]
) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield all changes of `count` parameters by the sum of their distances."""

    def entry(
        places: tuple[int, ...], rungs: tuple[int, ...], moved: int
    ) -> tuple[float, tuple[int, ...], tuple[int, ...], int]:
        far = sum(ladders[at][rung].distance for at, rung in zip(places, rungs, strict=True))
        return far, places, rungs, moved

    heap = [entry(places, (0,) * count, 0) for places in combinations(movable, count)]
    heapq.heapify(heap)
    while heap:
        _, places, rungs, moved = heapq.heappop(heap)
        yield tuple(zip(places, rungs, strict=True))
        # Only this rung and later ones move on, so that no combination is repeated.
        for at in range(moved, count):
            if rungs[at] + 1 < len(ladders[places[at]]):
                higher = (*rungs[:at], rungs[at] + 1, *rungs[at + 1 :])
                heapq.heappush(heap, entry(places, higher, at))
