"""Configurations as columns of numbers between which distances mean something.

A number is its place on its axis, between 0 and 1. A word is as far from any other as an axis is
long, and so is a parameter that is not there from any value that it might have.
"""

from __future__ import annotations

import numpy as np

from satisfice.domain.arrays import Floats, Ints, Mask
from satisfice.domain.rules.vectorized import numbers
from satisfice.domain.space.domains import Axis, Choice
from satisfice.domain.space.space import Space

_WORD = np.sqrt(0.5)  # two columns differ where two words do
_MIDDLE = 0.5  # where what is not there is put


def columns(places: Floats, space: Space) -> tuple[Floats, Ints]:
    """Return the columns of configurations, and the axis that each belongs to.

    Args:
        places: Shape (configurations, axes): places between 0 and 1, for a choice the share of the
            choices that stand before it; NaN where the axis is not there.
        space: The space.
    """
    found: list[Floats] = []
    owners: list[int] = []
    for at, (name, axis) in enumerate(space.axes.items()):
        place = places[:, at]
        there = ~np.isnan(place)
        made = _of(axis, np.where(there, place, _MIDDLE), there)
        if space[name].when is not None:
            made.append(there.astype(float))
        found += made
        owners += [at] * len(made)
    return np.column_stack(found), np.array(owners)


def _of(axis: Axis, place: Floats, there: Mask) -> list[Floats]:
    if isinstance(axis, Choice):
        count = len(axis.choices)
        at = np.minimum((place * count).astype(int), count - 1)
        return [_WORD * ((at == one) & there) for one in range(count)]
    if axis.step is None or axis.low == axis.high:
        return [place]
    value = numbers(axis, place)  # alike are places that mean the same step
    if axis.log:
        return [np.log(value / axis.low) / np.log(axis.high / axis.low)]
    return [(value - axis.low) / (axis.high - axis.low)]
