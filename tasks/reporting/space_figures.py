"""Figures of a space as inline SVG: the metric over the parameters, for sweeps and searches.

Better is darker or wider, never another hue, and each cell shows its value, so that the figures can
be read without colour vision and on paper. Only a companion imports this module, since matplotlib
takes a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from satisfice.domain.expressions.types import Value
from satisfice.domain.space.domains import same
from satisfice.domain.space.space import Choice, Derived, Ordinal, Params, Space
from satisfice.domain.summary import SearchSummary
from satisfice.tasks.reporting.figures import INK, STYLE, svg

_MOST_MAPS = 3
_MOST_CELLS = 8  # along an axis; more values are binned
_BINS = 6
_MOST_AXES = 10
_MOST_LINES = 300
_MOST_TICKS = 6
_ABSENT = -0.14  # the position on an axis of an inactive parameter


@dataclass(frozen=True, slots=True)
class Sample:
    """A configuration and its value; if it breaks a soft rule it is never the best."""

    params: Params
    value: float
    feasible: bool = True


def samples(summary: SearchSummary) -> list[Sample]:
    """Return the trials with a value, and the values that a sweep took from earlier trials."""
    known = summary.sweep.known if summary.sweep is not None else ()
    trials = summary.history.complete
    return [
        *(Sample(one.params, one.value, one.feasible) for one in known),
        *(Sample(one.params, one.value, not one.broken) for one in trials if one.value is not None),
    ]


def heat_maps(summary: SearchSummary) -> list[str]:
    """Draw the median of the metric over pairs of swept parameters.

    If there are many pairs, those whose medians differ most.
    """
    if summary.sweep is None:
        return []
    found, space = samples(summary), summary.study.space
    axes = [_Axis.of(name, space, found) for name in summary.sweep.request.names]
    pairs = combinations([one for one in axes if len(one.cells) > 1], 2)
    maps = [_Map(x, y, found) for x, y in pairs]
    maps = sorted((one for one in maps if one.medians), key=lambda one: -one.spread)[:_MOST_MAPS]
    return [_draw_map(one, summary) for one in maps]


def parallel_coordinates(summary: SearchSummary, ranking: Sequence[str] = ()) -> str:
    """Draw each trial as a line across one axis per parameter and one for the metric.

    Args:
        summary: The search.
        ranking: Parameters by importance; if there are too many to draw, the first are drawn.
    """
    found, space = samples(summary), summary.study.space
    axes = [_Axis.of(name, space, found) for name in space.names]
    axes = [one for one in axes if one.varies]
    if len(axes) > _MOST_AXES:
        ranked = {name: at for at, name in enumerate(ranking)}
        kept = sorted(axes, key=lambda one: ranked.get(one.name, len(ranked)))[:_MOST_AXES]
        axes = [one for one in axes if one in kept]
    if len(found) < 2 or not axes:
        return ""
    return _draw_lines(axes, found, summary)


@dataclass(frozen=True)
class _Axis:
    """The axis of one parameter.

    Attributes:
        name: The parameter.
        values: Its distinct values in the samples, in order.
        log: Whether the scale is logarithmic.
        numeric: Whether the values are numbers on a scale, not categories.
        sometimes: Whether the parameter is inactive in some samples.
    """

    name: str
    values: tuple[Value, ...]
    log: bool
    numeric: bool
    sometimes: bool

    @classmethod
    def of(cls, name: str, space: Space, found: Iterable[Sample]) -> _Axis:
        domain = space[name].domain
        present = [one.params.get(name) for one in found]
        there = {(type(one), one): one for one in present if one is not None}.values()
        sometimes = None in present
        if isinstance(domain, Choice | Ordinal):
            order = domain.choices if isinstance(domain, Choice) else domain.values
            ordered = tuple(one for one in order if any(same(one, each) for each in there))
            return cls(name, ordered, log=False, numeric=False, sometimes=sometimes)
        if any(isinstance(one, bool | str) for one in there):  # a formula may return these
            return cls(name, tuple(sorted(there, key=str)), False, False, sometimes)
        numbers = tuple(sorted(there, key=float))
        log = (not isinstance(domain, Derived) and domain.log) or _is_geometric(numbers)
        return cls(name, numbers, log, numeric=True, sometimes=sometimes)

    @property
    def varies(self) -> bool:
        return len(self.values) + self.sometimes > 1

    def place(self, value: Value | None) -> float:
        """Return the position of a value, from 0 to 1; below 0 for an inactive parameter."""
        if value is None:
            return _ABSENT
        if len(self.values) == 1:
            return 0.5
        if not self.numeric:
            return self._index(value) / (len(self.values) - 1)
        low, high = float(self.values[0]), float(self.values[-1])
        if self.log:
            return math.log(float(value) / low) / math.log(high / low)
        return (float(value) - low) / (high - low)

    @cached_property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels: of all values, or of some evenly spaced ones."""
        if len(self.values) <= _MOST_TICKS or not self.numeric:
            return [(self.place(one), _label(one)) for one in self.values]
        steps = _MOST_TICKS - 1
        between = [self._at(at / steps) for at in range(_MOST_TICKS)]
        values = [round(one) for one in between] if self._is_whole else between
        return [(self.place(one), _label(one)) for one in values]

    @cached_property
    def cells(self) -> list[str]:
        """The labels of the rows or columns of a heat map."""
        if not self._is_binned:
            return [_label(one) for one in self.values]
        if self._is_whole:
            members = [[one for one in self.values if self.cell(one) == at] for at in range(_BINS)]
            ends = [tuple(dict.fromkeys((one[0], one[-1]))) if one else () for one in members]
        else:
            ends = list(pairwise(self._at(at / _BINS) for at in range(_BINS + 1)))
        return [" to\n".join(map(_label, one)) for one in ends]

    def cell(self, value: Value) -> int:
        """Return the row or column of a value."""
        if self._is_binned:
            return min(int(self.place(value) * _BINS), _BINS - 1)
        return self._index(value)

    def _index(self, value: Value) -> int:
        return next(at for at, one in enumerate(self.values) if same(one, value))

    @property
    def _is_binned(self) -> bool:
        return self.numeric and len(self.values) > _MOST_CELLS

    @property
    def _is_whole(self) -> bool:
        return all(isinstance(one, int) for one in self.values)

    def _at(self, place: float) -> float:
        low, high = float(self.values[0]), float(self.values[-1])
        return low * (high / low) ** place if self.log else low + (high - low) * place


class _Map:
    """The medians of the metric over two parameters.

    Attributes:
        x: The parameter of the columns.
        y: The parameter of the rows.
        medians: By column and row, the median over all other parameters.
        feasible: The cells with a configuration that breaks no soft rule.
    """

    def __init__(self, x: _Axis, y: _Axis, found: Iterable[Sample]) -> None:
        self.x, self.y = x, y
        grouped: dict[tuple[int, int], list[float]] = {}
        self.feasible: set[tuple[int, int]] = set()
        for one in found:
            if x.name in one.params and y.name in one.params:
                at = x.cell(one.params[x.name]), y.cell(one.params[y.name])
                grouped.setdefault(at, []).append(one.value)
                self.feasible |= {at} if one.feasible else set()
        self.medians = {at: median(values) for at, values in grouped.items()}
        self.over = max((len(values) for values in grouped.values()), default=0)

    @property
    def spread(self) -> float:
        return max(self.medians.values()) - min(self.medians.values())


def _draw_map(drawn: _Map, summary: SearchSummary) -> str:
    x, y, sign = drawn.x, drawn.y, summary.study.objective.direction.sign
    metric = summary.study.objective.metric
    low, spread = min(drawn.medians.values()), drawn.spread
    good = (at for at in drawn.medians if at in drawn.feasible)
    best = max(good, key=lambda at: sign * drawn.medians[at], default=None)
    shades = mpl.colormaps["Greens"]
    with mpl.rc_context(STYLE):
        height = 1.1 + 0.5 * len(y.cells)
        figure = Figure(figsize=(7.2, height), layout="constrained")
        axes = figure.add_subplot()
        for (column, row), value in drawn.medians.items():
            share = (value - low) / spread if spread else 0.5
            shade = 0.05 + 0.65 * (share if sign > 0 else 1 - share)
            box: dict[str, Any] = {"facecolor": shades(shade), "edgecolor": "white", "linewidth": 2}
            if (column, row) == best:
                box |= {"edgecolor": INK, "zorder": 2}
            axes.add_patch(mpl.patches.Rectangle((column - 0.5, row - 0.5), 1, 1, **box))
            colour = "white" if shade > 0.55 else INK
            text = f"{value:.4g}"
            axes.text(column, row, text, ha="center", va="center", color=colour, zorder=3)
        axes.set_xlim(-0.55, len(x.cells) - 0.45)
        axes.set_ylim(-0.55, len(y.cells) - 0.45)
        axes.set_xticks(range(len(x.cells)), x.cells)
        axes.set_yticks(range(len(y.cells)), y.cells)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(x.name)
        axes.set_ylabel(y.name)
        what = f"median {metric}" if drawn.over > 1 else metric
        return svg(figure, f"{what} over {x.name} and {y.name}")


def _draw_lines(axes: Sequence[_Axis], found: Sequence[Sample], summary: SearchSummary) -> str:
    objective = summary.study.objective
    sign = objective.direction.sign
    best_first = sorted(found, key=lambda one: (not one.feasible, -sign * one.value))
    worst_first = best_first[:: math.ceil(len(found) / _MOST_LINES)][::-1]
    values = tuple(dict.fromkeys(sorted(one.value for one in found)))
    outcome = _Axis(objective.metric, values, log=False, numeric=True, sometimes=False)
    shades = mpl.colormaps["Greens"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        drawn = figure.add_subplot()
        for rank, one in enumerate(worst_first, 1):
            share = rank / len(worst_first)
            places = [axis.place(one.params.get(axis.name)) for axis in axes]
            line: dict[str, Any] = {"color": shades(0.2 + 0.6 * share), "linewidth": 0.5 + share}
            if rank == len(worst_first) and one.feasible:
                line = {"color": INK, "linewidth": 2.6, "marker": "o", "markersize": 5}
            drawn.plot([*places, outcome.place(one.value)], zorder=rank, **line)
        for at, axis in enumerate([*axes, outcome]):
            _draw_axis(drawn, at, axis, len(found))
        drawn.set_xlim(-0.25, len(axes) + 0.55)
        lowest = _ABSENT if any(one.sometimes for one in axes) else 0.0
        drawn.set_ylim(lowest - 0.05, 1.05)
        drawn.set_xticks(range(len(axes) + 1), [*(one.name for one in axes), outcome.name])
        drawn.tick_params(length=0)
        drawn.set_yticks([])
        drawn.spines[:].set_visible(False)
        return svg(figure, "Each trial as a line across its parameters and its value")


def _draw_axis(drawn: Any, at: int, axis: _Axis, above: int) -> None:
    drawn.plot([at, at], [0, 1], color=INK, linewidth=0.8, zorder=above + 1)
    ticks = [*axis.ticks, *([(_ABSENT, "inactive")] if axis.sometimes else [])]
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
    for place, text in ticks:
        drawn.text(
            at + 0.04, place, text, va="center", fontsize=8, zorder=above + 2, color=INK, bbox=box
        )


def _label(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_geometric(numbers: Sequence[Value]) -> bool:
    """Tell whether the numbers are roughly a geometric sequence, as in a logarithmic sweep."""
    if len(numbers) < 3 or not float(numbers[0]) > 0:
        return False
    steps = [math.log(float(high) / float(low)) for low, high in pairwise(numbers)]
    return max(steps) < 1.2 * min(steps)
