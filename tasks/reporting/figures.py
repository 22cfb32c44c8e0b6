"""Figures of a search as inline SVG: values over cost, the decision, audits, importance.

Only a companion imports this module, since matplotlib takes a second.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from satisfice.domain.economics.text import STEPS
from satisfice.domain.summary import SearchSummary
from satisfice.domain.trials.history import TrialState

WIDTH = 6.2  # inches, so that text is still legible on a page that is 400 pixels wide
INK, GREY, GAIN, COST, BAD = "#1f2933", "#9aa5b1", "#1b7f5c", "#c05621", "#b83280"
_NAMES = {INK: "ink", GREY: "grey", GAIN: "good", COST: "cost", BAD: "bad"}  # CSS variables
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, sharp, searchable
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": GREY,
    "grid.color": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "satisfice",  # the same search gives the same bytes
}
_MARKS = (  # colour, mark, label, and which trials
    (GAIN, "o", "complete", lambda one: one.state is TrialState.COMPLETE and not one.broken),
    (BAD, "d", "breaks a soft rule", lambda one: one.state is TrialState.COMPLETE and one.broken),
    (GREY, "x", "pruned at its last value", lambda one: one.state is TrialState.PRUNED),
)


def gain_curve(summary: SearchSummary) -> str:
    """Draw each trial's value and the incumbent over the money spent."""
    history, currency = summary.history, summary.study.prices.currency
    spent = list(accumulate(one.cost.money for one in history.trials))
    with mpl.rc_context(STYLE):
        figure, axes = empty(f"spent ({currency})", summary.study.objective.metric)
        for colour, mark, label, wanted in _MARKS:
            points = [
                (at, one.value)
                for at, one in zip(spent, history.trials, strict=True)
                if wanted(one) and one.value is not None
            ]
            if points:
                axes.scatter(*zip(*points, strict=True), c=colour, marker=mark, s=22, label=label)
        failed = [
            at
            for at, one in zip(spent, history.trials, strict=True)
            if one.state is TrialState.FAILED
        ]
        for at in failed:
            axes.axvline(at, color=BAD, linewidth=0.8, alpha=0.5)
        if failed:
            axes.plot([], [], color=BAD, label="failed")
        best = [math.nan if one is None else one for one in history.incumbents]
        axes.step(spent, best, where="post", color=INK, linewidth=1.6, label="best so far")
        _cut_off_bad_trials(axes, [one for one in best if math.isfinite(one)])
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
        return themed(figure, "Value of each trial and the best so far over the money spent")


def price_line(summary: SearchSummary) -> str:
    """Draw the expected gain of more trials and their expected cost after each trial."""
    shown = [
        (one.after, one.decision.evidence)
        for one in summary.decisions
        if one.place == "search" and "expected_gain" in one.decision.evidence
    ]
    if not shown:
        return ""
    after = [count for count, _ in shown]
    with mpl.rc_context(STYLE):
        figure, axes = empty("finished trials", summary.study.prices.currency)
        for name, colour, label in (
            ("expected_gain", GAIN, "expected gain of more trials"),
            ("expected_cost", COST, "their expected cost"),
        ):
            values = [evidence[name] for _, evidence in shown]
            axes.plot(after, values, color=colour, linewidth=1.6, label=label)
        if summary.decision.stop:
            mark(axes, after[-1], "stop")
        whole_numbers(axes)
        positive = [v for _, e in shown for v in (e["expected_gain"], e["expected_cost"]) if v > 0]
        if positive:
            axes.set_yscale("log")
            axes.set_ylim(bottom=min(positive) / 2)
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
        return themed(figure, "Expected gain and expected cost of more trials")


def audit_strips(summary: SearchSummary) -> str:
    """Draw, for each audited rule, how much better trials outside were than those inside."""
    audits = [one for one in summary.rule_audits if one.differences]
    if not audits:
        return ""
    with mpl.rc_context(STYLE):
        steps = STEPS[summary.study.worth.per]
        figure, axes = empty(f"better outside by ({steps})", "", 0.8 + 0.5 * len(audits))
        matters = audits[0].matters
        axes.axvspan(-matters, matters, color=GREY, alpha=0.3, linewidth=0)
        axes.axvline(0.0, color=GREY, linewidth=0.8)
        for row, one in enumerate(audits):
            if math.isfinite(one.low):
                axes.plot([one.low, one.high], [row, row], color=INK, linewidth=1.6)
                axes.plot(one.mean, row, color=INK, marker="|", markersize=12)
            axes.scatter(one.differences, [row] * len(one.differences), c=GAIN, s=22, zorder=3)
        axes.set_yticks(range(len(audits)), [one.rule for one in audits])
        axes.set_ylim(len(audits) - 0.5, -0.5)
        return themed(figure, "Differences between trials just outside and just inside the rules")


def importance_bars(importance: Mapping[str, float]) -> str:
    """Draw the share of the metric's variance that each parameter explains."""
    if not importance:
        return ""
    names, shares = list(importance)[::-1], list(importance.values())[::-1]
    with mpl.rc_context(STYLE):
        height = 0.5 + 0.32 * len(names)
        figure, axes = empty("share of variance explained", "", height)
        axes.barh(names, shares, color=GAIN, height=0.6)
        axes.set_xlim(0, max(1.0, *shares))
        return themed(figure, "Importance of each parameter")


def empty(x: str, y: str, height: float = 3.2) -> tuple[Figure, Any]:
    """Return a figure with empty, labelled axes."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    return figure, axes


def mark(axes: Any, at: float, word: str) -> None:
    """Mark a position by a vertical line with a label above the axes."""
    axes.axvline(at, color=INK, linestyle=":", linewidth=1)
    axes.annotate(
        word,
        (at, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
    )


def whole_numbers(axes: Any) -> None:
    """Put ticks of the horizontal axis at integers only."""
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))


def themed(figure: Figure, title: str, description: str = "") -> str:
    """Return a figure as `svg` does, in the page's colours."""
    drawn = svg(figure, title, description)
    for colour, name in _NAMES.items():
        drawn = drawn.replace(f": {colour}", f": var(--{name}, {colour})")
    return drawn


def svg(figure: Figure, title: str, description: str = "") -> str:
    """Return a figure as an SVG element.

    Args:
        figure: The figure.
        title: Its title, for screen readers.
        description: What it shows, for screen readers.
    """
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Title": title})
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :].replace("<svg", '<svg role="img"', 1)
    if description:
        described = f"</title>\n <desc>{escape(description)}</desc>"
        drawn = drawn.replace("</title>", described, 1)
    return drawn


def _cut_off_bad_trials(axes: Any, best: list[float]) -> None:
    """Cut off the far tail of bad trials, which would compress all others."""
    if len(best) < 2 or best[0] == best[-1]:
        return
    gain = best[-1] - best[0]
    worst, beyond = best[0] - gain, best[-1] + 0.15 * gain
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, min(worst, beyond)), min(top, max(worst, beyond)))
