"""Mending a forbidden configuration by what its broken rules are about.

Where rules leave a ten-thousandth of a space, trying neighbours in the order of their distance
takes thousands of looks. Here only the coordinates that a broken rule depends on are moved, one at
a time, to where the fewest rules are broken and, among those, by the least; then each is moved back
as near to its start as the rules allow. It is the greedy walk of WalkSAT (Selman, Kautz and Cohen
1994, Noise Strategies for Improving Local Search) without its noise, so that the same start always
gives the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from domain.repair import ladder, whole
from domain.space import Params, Space, Value

_ROUNDS = 12  # a walk that has not arrived by then goes in circles

_Base: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that a configuration has to meet.

    Attributes:
        names: The parameters that it is about.
        violation: By how much a configuration breaks it; 0 where it is met.
    """

    names: tuple[str, ...]
    violation: Callable[[Params], float]


def mend(params: Params, space: Space, demands: Sequence[Demand]) -> dict[str, Value] | None:
    """Look for a configuration that meets all demands, from one that does not.

    Args:
        params: The active parameters, each within its domain.
        space: The space that the result lies in.
        demands: What the result has to meet.

    Returns:
        The active parameters of such a configuration, or None where the walk led to none. They are
        `params` themselves where these meet all demands.
    """
    start = whole(params, space)
    base, here = dict(start), space.configuration(start)
    # Rules are about different things: each is measured by how badly it is broken at the start.
    scales = [one.violation(here) or 1.0 for one in demands]
    score = _score(here, demands, scales)
    for _ in range(_ROUNDS):
        if not score[0]:
            return _moved_back(base, start, space, demands)
        broken = [name for one in demands if one.violation(here) for name in one.names]
        best: tuple[tuple[int, float], str, Value] | None = None
        for name in space.movers(broken):
            for rung in ladder(space.axes[name], base[name]):
                there = space.configuration({**base, name: rung.value})
                reached = _score(there, demands, scales)
                if reached < (score if best is None else best[0]):
                    best = reached, name, rung.value
                    if not reached[0]:
                        break  # what comes later on this axis is only further away
        if best is None:
            return None
        score, name, base[name] = best
        here = space.configuration(base)
    return None


def _score(params: Params, demands: Sequence[Demand], scales: Sequence[float]) -> tuple[int, float]:
    """Return how many demands are broken, and how badly all in all."""
    count, total = 0, 0.0
    for one, scale in zip(demands, scales, strict=True):
        violation = one.violation(params)
        if violation:
            count += 1
            total += violation / scale
    return count, total


def _moved_back(
    base: _Base, start: _Base, space: Space, demands: Sequence[Demand]
) -> dict[str, Value]:
    here = space.configuration(base)
    for name in [one for one in base if base[one] != start[one]]:
        nearer = [start[name], *(rung.value for rung in ladder(space.axes[name], start[name]))]
        for value in nearer[: nearer.index(base[name])] if base[name] in nearer else nearer:
            there = space.configuration({**base, name: value})
            if not any(one.violation(there) for one in demands):
                base, here = {**base, name: value}, there
                break
    return here
