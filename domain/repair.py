"""The nearest allowed configuration: what to propose in place of a forbidden one."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, islice

from domain.space import Choice, Domain, Float, Int, Params, Space, Value

# Distances in the unit interval that are tried on either side of a number: fine near the start,
# coarse far from it.
_OFFSETS = tuple(1.5**-power for power in range(15, -1, -1))
_NEIGHBOURS = 16  # steps to either side at which every whole number is tried: a modulo needs it
_ANOTHER_CHOICE = 1.0  # a different word is as far away as a parameter's whole range


def nearest_allowed(
    params: Params, space: Space, allowed: Callable[[Params], bool], attempts: int
) -> dict[str, Value] | None:
    """Look for an allowed configuration near a forbidden one.

    One parameter is changed, then two together, then three, each time in growing distance: for
    numbers on their unit interval (of logarithms where the domain is logarithmic), and 1 for
    another choice. A parameter that a change brings into being gets its default or the middle of
    its domain. Nothing is left to chance: ties go by the order of the space.

    Args:
        params: The active parameters, each within its domain.
        space: The space that the result lies in.
        allowed: Whether a configuration may be proposed.
        attempts: At most how many configurations are looked at.

    Returns:
        The active parameters of an allowed configuration, never those of `params` themselves, or
        None where none was found.
    """
    every = space.parameters
    base = {one.name: params.get(one.name, usual(one.domain, one.default)) for one in every}
    ladders = [_ladder(one.domain, base[one.name]) for one in every]
    for change in islice(_changes(ladders), attempts):
        changed = {every[at].name: ladders[at][rung].value for at, rung in change}
        candidate = space.active({**base, **changed})
        # A change of a parameter that is not there afterwards repeats a smaller change.
        if changed.keys() <= candidate.keys() and allowed(candidate):
            return candidate
    return None


def allowed_step_by_step(
    params: Params, space: Space, demands: Sequence[Callable[[Params], bool]], attempts: int
) -> dict[str, Value] | None:
    """Look for a configuration that meets one demand, from there for one that meets two, and so on.

    It strays further than `nearest_allowed`, but where each demand wants another parameter changed
    it finds what no change of two or three parameters would.

    Args:
        params: The active parameters, each within its domain.
        space: The space that the result lies in.
        demands: What the result has to meet.
        attempts: At most how many configurations are looked at for each demand.

    Returns:
        The active parameters of a configuration that meets all demands, or None where none was
        found. It may be `params` themselves.
    """
    here: dict[str, Value] | None = dict(params)
    for count in range(1, len(demands) + 1):
        met = partial(_meets, demands[:count])
        if here is not None and not met(here):
            here = nearest_allowed(here, space, met, attempts)
    return here


def _meets(demands: Sequence[Callable[[Params], bool]], params: Params) -> bool:
    return all(demand(params) for demand in demands)


def usual(domain: Domain, default: Value | None = None) -> Value:
    """Return the default, or without one the middle of the domain (of choices: the first)."""
    if default is not None:
        return default
    return domain.choices[0] if isinstance(domain, Choice) else _at(domain, 0.5)


@dataclass(frozen=True, slots=True)
class _Rung:
    """Another value of one parameter, and how far away it is."""

    distance: float
    value: Value


def _ladder(domain: Domain, start: Value) -> list[_Rung]:
    """Return other values of a domain, the nearest first."""
    if isinstance(domain, Choice):
        return [_Rung(_ANOTHER_CHOICE, one) for one in domain.choices if not _same(one, start)]
    number = float(start)
    middle = _unit(domain, number)
    places = (place for offset in _OFFSETS for place in (middle - offset, middle + offset))
    values: list[int | float] = [_at(domain, min(max(place, 0.0), 1.0)) for place in places]
    if isinstance(domain, Int):
        steps = range(-_NEIGHBOURS, _NEIGHBOURS + 1)
        values += [value for step in steps if (value := int(number) + step * domain.step) in domain]
    others = (value for value in dict.fromkeys(values) if value != number)
    rungs = [_Rung(abs(_unit(domain, value) - middle), value) for value in others]
    return sorted(rungs, key=lambda rung: rung.distance)


def _same(value: Value, other: Value) -> bool:
    return value == other and type(value) is type(other)


def _unit(domain: Float | Int, value: float) -> float:
    """Return the place of a value in its domain, between 0 and 1."""
    low, high = float(domain.low), float(domain.high)
    if low == high:
        return 0.5
    if domain.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _at(domain: Float | Int, place: float) -> int | float:
    """Return the value at a place between 0 and 1."""
    low, high = float(domain.low), float(domain.high)
    value = low * (high / low) ** place if domain.log else low + (high - low) * place
    if isinstance(domain, Float):
        return min(max(value, domain.low), domain.high)
    last = (domain.high - domain.low) // domain.step
    step = min(max(round((value - domain.low) / domain.step), 0), last)
    return domain.low + step * domain.step


def _changes(ladders: list[list[_Rung]]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield (parameter, rung) pairs to change together: few parameters first, then near ones."""
    movable = [at for at, ladder in enumerate(ladders) if ladder]
    for count in range(1, len(movable) + 1):
        yield from _changes_of(count, movable, ladders)


def _changes_of(
    count: int, movable: list[int], ladders: list[list[_Rung]]
) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield all changes of `count` parameters, by the sum of their distances."""

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
        # Only this rung and later ones climb on, so that no combination comes up twice.
        for at in range(moved, count):
            if rungs[at] + 1 < len(ladders[places[at]]):
                higher = (*rungs[:at], rungs[at] + 1, *rungs[at + 1 :])
                heapq.heappush(heap, entry(places, higher, at))
