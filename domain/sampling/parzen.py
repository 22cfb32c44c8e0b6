"""The Parzen estimator: a joint density of configurations over places on their axes.

It is the estimator of Optuna's multivariate TPE (Watanabe 2023, Tree-Structured Parzen Estimator,
arXiv 2304.11127, section 3.3), vectorised for thousands of candidates: rules that allow a hundredth
of a space need them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from satisfice.domain.arrays import Floats, Ints
from satisfice.domain.expressions.types import Value
from satisfice.domain.space.domains import Axis, Choice, Float, Int, same

_LEAST = 1e-300  # the smallest density, so that it has a logarithm
_RECENT = 25  # this many of the last trials count in full, earlier ones less and less


@dataclass(frozen=True)
class _Numbers:
    """A normal kernel around each number, truncated at the ends of the axis."""

    axis: Float | Int
    middle: Floats
    width: Floats
    below: Floats  # the kernel's mass below the axis
    inside: Floats

    def draw(self, kernel: Ints, uniform: Floats) -> Floats:
        mass = self.below[kernel] + uniform * self.inside[kernel]
        low, high = _ends(self.axis)
        return np.clip(self.middle[kernel] + self.width[kernel] * ndtri(mass), low, high)

    def log_density(self, place: Floats) -> Floats:
        if self.axis.step is None:
            far = (place[:, None] - self.middle) / self.width
            return -0.5 * far**2 - np.log(self.width * self.inside)
        value = np.array([self.axis.at(one) for one in np.clip(place, 0, 1).tolist()])
        left, right = (_place(self.axis, value + side * self.axis.step / 2) for side in (-1, 1))
        up, down = ((one[:, None] - self.middle) / self.width for one in (right, left))
        mass = np.maximum(ndtr(up) - ndtr(down), _LEAST)
        return np.log(mass / self.inside)


@dataclass(frozen=True)
class _Choices:
    """A kernel for each observed choice: mostly that choice, a little of all."""

    shares: Floats  # kernels x choices

    def draw(self, kernel: Ints, uniform: Floats) -> Floats:
        count = self.shares.shape[1]
        at = (uniform[:, None] > np.cumsum(self.shares, axis=1)[kernel]).sum(axis=1)
        place: Floats = (np.minimum(at, count - 1) + 0.5) / count
        return place

    def log_density(self, place: Floats) -> Floats:
        count = self.shares.shape[1]
        density: Floats = np.log(self.shares[:, np.minimum(place * count, count - 1).astype(int)].T)
        return density


@dataclass(frozen=True)
class Parzen:
    """A mixture with one kernel per observed configuration, and a wide prior kernel.

    Attributes:
        weights: The weight of each kernel.
        columns: The kernels on each axis.
    """

    weights: Floats
    columns: Mapping[str, _Numbers | _Choices]

    def draw(self, uniform: Floats) -> dict[str, Floats]:
        """Draw places on each axis.

        Args:
            uniform: Random numbers between 0 and 1, shape (candidates, 1 + axes).
        """
        kernel = np.searchsorted(np.cumsum(self.weights), uniform[:, 0])
        kernel = np.minimum(kernel, len(self.weights) - 1)
        pairs = zip(self.columns.items(), uniform.T[1:], strict=True)
        return {name: column.draw(kernel, one) for (name, column), one in pairs}

    def log_density(self, places: Mapping[str, Floats]) -> Floats:
        """Return the log density of each candidate."""
        parts = (column.log_density(places[name]) for name, column in self.columns.items())
        density: Floats = logsumexp(sum(parts, start=np.log(self.weights)[None, :]), axis=1)
        return density


def fit(axes: Mapping[str, Axis], seen: Sequence[Mapping[str, Value]]) -> Parzen:
    """Estimate the density of configurations.

    Args:
        axes: The axes.
        seen: Coordinates on each of them, oldest first.
    """
    weights = np.append(_by_age(len(seen)), 1.0)
    columns = {name: _column(axis, [one[name] for one in seen]) for name, axis in axes.items()}
    return Parzen(weights / weights.sum(), columns)


def _by_age(count: int) -> Floats:
    old = max(count - _RECENT, 0)
    return np.concatenate([np.linspace(1 / max(count, 1), 1.0, old), np.ones(count - old)])


def _column(axis: Axis, seen: list[Value]) -> _Numbers | _Choices:
    kernels = len(seen) + 1
    if isinstance(axis, Choice):
        shares = np.full((kernels, len(axis.choices)), 1 / kernels)
        for row, value in enumerate(seen):
            shares[row] += [same(one, value) for one in axis.choices]
        return _Choices(shares / shares.sum(axis=1, keepdims=True))
    low, high = _ends(axis)
    places = np.array([axis.place(float(one)) for one in seen])
    middle = np.append(places, (low + high) / 2)
    width = np.append(_gaps(places, low, high), high - low)
    below = ndtr((low - middle) / width)
    return _Numbers(axis, middle, width, below, ndtr((high - middle) / width) - below)


def _gaps(places: Floats, low: float, high: float) -> Floats:
    """Return the distance of each place to its further neighbour, clipped."""
    order = np.argsort(places)
    steps = np.diff(np.concatenate([[low], places[order], [high]]))
    gaps = np.maximum(steps[:-1], steps[1:])
    if len(places) > 1:  # an end of the axis is not a neighbour
        gaps[0], gaps[-1] = steps[1], steps[-2]
    widths = np.empty_like(gaps)
    widths[order] = gaps
    least = (high - low) / min(100.0, 2.0 + len(places))
    return np.clip(widths, least, high - low)


def _ends(axis: Float | Int) -> tuple[float, float]:
    """Return the places half a step beyond the bounds."""
    half = (axis.step or 0) / 2
    ends = _place(axis, np.array([axis.low - half, axis.high + half]))
    return float(ends[0]), float(ends[1])


def _place(axis: Float | Int, value: Floats) -> Floats:
    if axis.log:
        place: Floats = np.log(value / axis.low) / np.log(axis.high / axis.low)
        return place
    return (value - axis.low) / (axis.high - axis.low)
