"""Encoding of configurations as columns, for distance-based models.

A number is its place on its axis, between 0 and 1. Different choices are as far apart as the length
of an axis, and so are an inactive parameter and any of its values.
"""

from __future__ import annotations

import numpy as np

from satisfice.domain.arrays import Floats, Ints, Mask
from satisfice.domain.rules.vectorized import numbers
from satisfice.domain.space.domains import Axis, Choice
from satisfice.domain.space.space import Space

_WORD = np.sqrt(0.5)  # two columns differ between two choices
_MIDDLE = 0.5  # the place of an inactive parameter


def columns(places: Floats, space: Space) -> tuple[Floats, Ints]:
    """Return the columns of configurations, and the axis that each belongs to.

    Args:
        places: Shape (configurations, axes): places between 0 and 1, for a choice the share of the
            choices before it; NaN if the parameter is inactive.
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
    value = numbers(axis, place)  # places of the same step are equal
    if axis.log:
        return [np.log(value / axis.low) / np.log(axis.high / axis.low)]
    return [(value - axis.low) / (axis.high - axis.low)]
