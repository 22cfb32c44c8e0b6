"""Figures of forecasts as inline SVG: the expected gain of more trials, and its calibration.

Only a companion imports this module, since matplotlib takes a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from satisfice.domain.decisions.calibration import NOMINAL, Calibration, Window, main_tally, tallies
from satisfice.domain.decisions.forecast import outlooks
from satisfice.domain.decisions.hindsight import best_stop, gained, utilities
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import StoppingPolicy
from satisfice.domain.economics.text import counted, money
from satisfice.domain.summary import SearchSummary
from satisfice.tasks.reporting.figures import (
    BAD,
    COST,
    GAIN,
    GREY,
    INK,
    STYLE,
    WIDTH,
    empty,
    mark,
    themed,
    whole_numbers,
)

_SMALLEST = 1e-12  # an axis of length zero cannot be drawn
_AHEAD = (20, 100)  # the forecast covers as many trials as there were, within these bounds


def fan(summary: SearchSummary) -> str:
    """Draw the worth of the incumbent, and at the end the forecast gain and cost of more trials.

    The forecast uses what is known at the end, with an unlimited budget.
    """
    study, history = summary.study, summary.history
    count, reached = len(history.trials), gained(history, study.worth)
    horizon = min(max(count, _AHEAD[0]), _AHEAD[1])
    end = Situation(history, study.worth, study.prices, space=study.space)
    ahead = () if summary.sweep is not None else outlooks(end, horizon)
    if not ahead:
        return ""
    currency, last, now = study.prices.currency, ahead[-1], reached[-1]
    points = [(one.trials, one.gain, one.low, one.high, one.cost.money) for one in ahead]
    more, gain, low, high, cost = np.array([(0.0,) * 5, *points]).T
    later = count + more
    with mpl.rc_context(STYLE):
        figure, axes = empty("trials", f"gained ({currency})", 3.8)
        band = {"color": GAIN, "alpha": 0.18, "linewidth": 0}
        axes.fill_between(later, now + low, now + high, label="90 % interval of the gain", **band)
        wide = {"linewidth": 1.6}
        so_far = {"where": "post", "color": INK, "label": "gained so far"}
        axes.step(range(1, count + 1), reached, **so_far, **wide)
        axes.plot(later, now + gain, color=GAIN, label="expected gain of more trials", **wide)
        axes.plot(later, now + cost, "--", color=COST, label="their expected cost", **wide)
        whole_numbers(axes)
        mark(axes, count, "stop" if summary.decision.stop else "end")
        room = float(max(high.max(), cost.max()))
        if room > 0:  # cut off what is far below the end: the decision is made at the top
            axes.set_ylim(max(-0.05 * room, now - 3 * room), now + 1.08 * room)
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
        description = (
            f"{money(now, currency)} gained in {counted(count, 'trial')}. "
            f"{counted(last.trials, 'more trial')} would bring {money(last.gain, currency)}, "
            f"90 % interval {money(last.low, currency)} to {money(last.high, currency)}, "
            f"and cost {money(last.cost.money, currency)}."
        )
        return themed(figure, "Gain so far, and forecast gain and cost of more trials", description)


def utility(summary: SearchSummary) -> str:
    """Draw the gain less the cost so far, with the end and the best stop in hindsight."""
    study, history = summary.study, summary.history
    least = StoppingPolicy().min_trials
    best = best_stop(history, study.worth, least)
    if summary.sweep is not None or best is None:
        return ""
    net, currency = utilities(history, study.worth), study.prices.currency
    end, word = len(net), "the stop" if summary.decision.stop else "the end"
    at_end = f"{word}: {money(net[-1], currency)} after {counted(end, 'trial')}"
    more = money(net[best - 1] - net[-1], currency)
    earlier = f"the best stop in hindsight: {more} more, after {counted(best, 'trial')}"
    marks = [(end, "o", INK, at_end), (best, "*", GAIN, earlier)]
    if best == end:
        marks = [(end, "*", GAIN, f"{at_end}, the best stop in hindsight")]
    with mpl.rc_context(STYLE):
        figure, axes = empty("trials", f"gain less cost ({currency})", 2.8)
        axes.plot(range(1, end + 1), net, color=INK, linewidth=1.4)
        axes.axhline(0.0, color=GREY, linewidth=0.8)
        for at, shape, colour, label in marks:
            size = 13 if shape == "*" else 8
            axes.plot([at], [net[at - 1]], shape, color=colour, markersize=size, label=label)
        axes.margins(y=0.12)
        whole_numbers(axes)
        figure.legend(loc="outside upper left", frameon=False)
        return themed(figure, "Gain less cost", "; ".join(one[-1] for one in marks))


def calibration_plot(calibration: Calibration | None, currency: str) -> str:
    """Draw forecast gains against realised gains, and how often the intervals held."""
    every = calibration.every if calibration is not None else ()
    shown = main_tally(every)
    if calibration is None or shown is None or not any(one.gain or one.realised for one in every):
        return ""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
        _draw_windows(left, calibration, shown.trials, currency)
        _draw_shares(right, every)
        figure.legend(loc="outside upper left", ncols=2, frameon=False, handletextpad=0.3)
        description = "; ".join(
            f"{counted(one.trials, 'trial')} ahead: {money(one.forecast, currency)} forecast, "
            f"{money(one.realised, currency)} realised, "
            f"held in {one.covered.count} of {one.covered.of}"
            for one in tallies(every)
        )
        return themed(figure, "Forecast gains against realised gains", description)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How forecasts are drawn, by search and by whether the interval held."""

    label: str
    colour: str
    mark: str
    filled: bool
    windows: Sequence[Window]


def _draw_windows(axes: Any, calibration: Calibration, trials: int, currency: str) -> None:
    own = [one for one in calibration.own if one.trials == trials]
    earlier = [one for one in calibration.earlier if one.trials == trials]
    kinds = (
        _Kind("interval held", GAIN, "o", True, [one for one in own if one.covered]),
        _Kind("did not hold", BAD, "D", True, [one for one in own if not one.covered]),
        _Kind("held, earlier searches", GAIN, "o", False, [one for one in earlier if one.covered]),
        _Kind(
            "did not hold, earlier searches",
            BAD,
            "D",
            False,
            [one for one in earlier if not one.covered],
        ),
    )
    every = own + earlier
    right = max(*(one.gain for one in every), _SMALLEST) * 1.1
    top = max(*(max(one.gain, one.realised) for one in every), _SMALLEST) * 1.1
    axes.vlines(
        [one.gain for one in every],
        [one.low for one in every],
        [min(one.high, top) for one in every],
        color=GREY,
        linewidth=0.8,
        alpha=0.6,
    )
    axes.plot([0, right], [0, right], color=INK, linewidth=0.8, linestyle=":")
    for kind in kinds:
        if kind.windows:
            axes.scatter(
                [one.gain for one in kind.windows],
                [one.realised for one in kind.windows],
                facecolors=kind.colour if kind.filled else "none",
                edgecolors=kind.colour,
                marker=kind.mark,
                s=22,
                zorder=3,
                clip_on=False,
                label=kind.label,
            )
    stretched = {"functions": (_root, np.square)}  # gains of very different size, some of them zero
    axes.set_xscale("function", **stretched)
    axes.set_yscale("function", **stretched)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(mpl.ticker.MaxNLocator(3))
    axes.set_xlim(0, right)
    axes.set_ylim(0, top)
    axes.grid(alpha=0.25)
    ahead = "next trial" if trials == 1 else f"next {trials} trials"
    axes.set_xlabel(f"forecast gain of the {ahead} ({currency})")
    axes.set_ylabel(f"realised gain ({currency})")


def _draw_shares(axes: Any, windows: Iterable[Window]) -> None:
    every = tallies(windows)
    for at, one in enumerate(every):
        low, high = one.covered.interval
        axes.plot([at, at], [100 * low, 100 * high], color=INK, linewidth=1.6)
        axes.plot([at], [100 * one.covered.value], "o", color=INK, markersize=6)
    axes.axhline(100 * NOMINAL, color=GAIN, linewidth=1.2, linestyle="--")
    axes.set_xticks(range(len(every)), [str(one.trials) for one in every])
    axes.set_xlim(-0.6, len(every) - 0.4)
    axes.set_ylim(0, 103)
    axes.grid(alpha=0.25, axis="y")
    axes.set_xlabel("trials ahead")
    axes.set_ylabel("90 % interval held (%)")


def _root(values: Any) -> Any:
    return np.sqrt(np.maximum(values, 0.0))
