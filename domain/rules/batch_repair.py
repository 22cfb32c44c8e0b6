"""Repair of a forbidden configuration: the nearest allowed one among thousands of candidates.

If rules allow a ten-thousandth of a space, trying neighbours one by one in the order of their
distance takes too long. Here thousands are checked at once (`domain.rules.vectorized`): first
candidates that differ in the parameters of the broken rules, near and far, then candidates from the
whole space. The nearest allowed one is then moved back towards the start, coordinate by coordinate,
as far as the rules allow. The result is deterministic: the points are a Kronecker sequence
(Niederreiter 1992, Random Number Generation and Quasi-Monte Carlo Methods, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from satisfice.domain.arrays import Floats, Mask
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.rules.vectorized import allowed, configurations
from satisfice.domain.space.domains import same
from satisfice.domain.space.repair import ladder, whole
from satisfice.domain.space.space import Axis, Choice, Params, Space

_AROUND = 2048  # neighbours of the start
_EVERYWHERE = 8192  # points of the whole space
SIEVED = _AROUND + _EVERYWHERE  # configurations that `repair` checks before it gives up
_LOOKS = 24  # candidates that are checked one by one, at most
_RADII = np.geomspace(1e-3, 1.0, 8)
_ANOTHER_CHOICE = 1.0  # the distance of another choice: as far as a parameter's whole range


def repair(
    params: Params,
    space: Space,
    rules: RuleBook,
    wanted: Callable[[Params], bool],
) -> dict[str, Value] | None:
    """Search for an allowed configuration near a forbidden one.

    Args:
        params: The active parameters, each within its domain.
        space: The space.
        rules: The rules that need no prediction.
        wanted: Whether a configuration is acceptable; called for a few that the rules allow.

    Returns:
        The active parameters of an acceptable configuration, or None if none was found.
    """
    start = whole(params, space)
    for places in _neighbourhoods(params, start, space, rules):
        values, there = configurations(space, places)
        moved = np.any([values[name] != value for name, value in params.items()], axis=0)
        left = np.flatnonzero(allowed(rules, values, there) & moved)
        far = _distance(places[left], _places(start, space), space)
        for at in left[np.argsort(far, kind="stable")[:_LOOKS]]:
            found = coordinates(places[at], space)
            if wanted(space.configuration(found)):
                return _moved_back(found, start, space, rules, wanted)
    return None


def first_allowed(
    places: Floats, space: Space, rules: RuleBook, wanted: Callable[[Params], bool]
) -> dict[str, Value] | None:
    """Return the first of many configurations that is allowed.

    Args:
        places: Shape (configurations, axes), each between 0 and 1.
        space: The space.
        rules: The rules that need no prediction.
        wanted: Whether a configuration is acceptable; called for a few that the rules allow.
    """
    values, there = configurations(space, places)
    for at in np.flatnonzero(allowed(rules, values, there))[:_LOOKS]:
        found = space.configuration(coordinates(places[at], space))
        if wanted(found):
            return found
    return None


def _neighbourhoods(
    params: Params, start: Mapping[str, Value], space: Space, rules: RuleBook
) -> Iterator[Floats]:
    broken = rules.judge(params, {}).broken
    about = [name for rule in rules.rules if rule.id in broken for name in rule.names]
    # If none is broken (for example if it was tried before), anything may move.
    movable = np.isin(list(space.axes), space.movers(about if broken else space.names))
    yield _around(_places(start, space), movable, space)
    yield _points(_EVERYWHERE, len(space.axes))


def _around(place: Floats, movable: Mask, space: Space) -> Floats:
    axes = len(place)
    points = _points(_AROUND, 2 * axes)
    at = np.arange(_AROUND)
    # One coordinate, two, half of them, or all, in turn, each at all radii.
    number = max(int(movable.sum()), 1)
    share = np.array([1 / number, 2 / number, 0.5, 1.0])[at % 4]
    radius = _RADII[at // 4 % len(_RADII)]
    moves = (points[:, :axes] < share[:, None]) & movable
    words = np.array([isinstance(axis, Choice) for axis in space.axes.values()])
    step = radius[:, None] * (2 * points[:, axes:] - 1)
    numbers = np.abs(place + step)  # reflect at the ends of the interval
    numbers = np.where(numbers > 1, np.clip(2 - numbers, 0, 1), numbers)
    return np.where(moves, np.where(words, points[:, axes:], numbers), place)


@lru_cache(maxsize=16)
def _points(count: int, dimensions: int) -> Floats:
    """Return evenly spread points of the unit cube, shape (count, dimensions)."""
    roots = np.sqrt(np.array(_primes(dimensions), float))
    points: Floats = np.outer(np.arange(1, count + 1), roots) % 1.0
    points.flags.writeable = False
    return points


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % one for one in found):
            found.append(number)
        number += 1
    return found


def _places(there: Mapping[str, Value], space: Space) -> Floats:
    return np.array([place_of(axis, there[name]) for name, axis in space.axes.items()])


def place_of(axis: Axis, value: Value) -> float:
    """Return the place of a value on its axis; for a choice, the middle of its interval."""
    if not isinstance(axis, Choice):
        return axis.place(float(value))
    at = next(at for at, one in enumerate(axis.choices) if same(one, value))
    return (at + 0.5) / len(axis.choices)


def coordinates(places: Floats, space: Space) -> dict[str, Value]:
    """Return the values at places, one for each axis."""

    def value(axis: Axis, place: float) -> Value:
        if isinstance(axis, Choice):
            return axis.choices[min(int(place * len(axis.choices)), len(axis.choices) - 1)]
        return axis.at(place)

    pairs = zip(space.axes.items(), places, strict=True)
    return {name: value(axis, float(place)) for (name, axis), place in pairs}


def _distance(places: Floats, start: Floats, space: Space) -> Floats:
    far = np.abs(places - start)
    for at, axis in enumerate(space.axes.values()):
        if isinstance(axis, Choice):
            count = len(axis.choices)
            another = (places[:, at] * count).astype(int) != int(start[at] * count)
            far[:, at] = np.where(another, _ANOTHER_CHOICE, 0.0)
    total: Floats = far.sum(axis=1)
    return total


def _moved_back(
    found: dict[str, Value],
    start: Mapping[str, Value],
    space: Space,
    rules: RuleBook,
    wanted: Callable[[Params], bool],
) -> dict[str, Value]:
    """Return the configuration with each coordinate as close to the start as the rules allow."""
    base: dict[str, Any] = dict(found)
    for name in [one for one in base if not same(base[one], start[one])]:
        axis = space.axes[name]
        nearer = [start[name], *(rung.value for rung in ladder(axis, start[name]))]
        limit = abs(place_of(axis, base[name]) - place_of(axis, start[name]))
        for value in nearer:
            if abs(place_of(axis, value) - place_of(axis, start[name])) >= limit:
                break
            if rules.allow(space.configuration({**base, name: value}), {}):
                base[name] = value
                break
    back = space.configuration(base)
    return back if wanted(back) else space.configuration(found)
