"""How forecasts of the gain compare with the realised gain.

A forecast is made from the first n trials of a search and compared with the best of the next h.
Windows of one length do not overlap, since shared trials would count one surprise several times;
windows of different lengths do, and are never pooled.

Realised gains are computed from observed values, so they are biased upwards (winner's curse). A
search that stopped does not show what more trials would have brought: the forecasts just before a
stop cannot be checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from satisfice.domain.decisions.forecast import outlooks
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import StoppingPolicy
from satisfice.domain.economics.cost import Budget
from satisfice.domain.economics.text import money, number
from satisfice.domain.statistics import Share
from satisfice.domain.trials.history import History

CAVEAT = (
    "Realised gains are computed from observed values, so they are biased upwards (winner's "
    "curse). Windows of one length do not overlap; windows of different lengths do. The forecasts "
    "just before a stop are not included, because the trials after it were never run."
)
HORIZONS = (1, 5, 10, 20)
NOMINAL = 0.9  # at least this much is between `Outlook.low` and `high`: many gains are exactly 0
_MOST = 40  # windows of one length per search: all of a long search would take half a minute
_ENOUGH = 10  # windows; with fewer, a shorter horizon says more


@dataclass(frozen=True, slots=True)
class Window:
    """A forecast and the realised gain.

    Attributes:
        after: Number of finished trials that the forecast was made from.
        trials: The horizon: the number of further trials.
        gain: What these were expected to be worth, in money.
        low: Lower end of its central 90 % interval.
        high: Upper end of it.
        realised: What they were worth: the improvement of the best value.
    """

    after: int
    trials: int
    gain: float
    low: float
    high: float
    realised: float

    @property
    def covered(self) -> bool:
        """Whether the realised gain lies in the interval, its ends included."""
        return self.low <= self.realised <= self.high


@dataclass(frozen=True, slots=True)
class Calibration:
    """The checked forecasts of a search and of earlier ones.

    Attributes:
        own: Those of the search itself.
        earlier: Those of earlier searches.
        searches: The number of these earlier searches.
    """

    own: tuple[Window, ...]
    earlier: tuple[Window, ...] = ()
    searches: int = 0

    @property
    def every(self) -> tuple[Window, ...]:
        """All windows, the search's own first."""
        return self.own + self.earlier


@dataclass(frozen=True, slots=True)
class Tally:
    """The windows of one length, summed up.

    Attributes:
        trials: The horizon.
        forecast: The mean forecast, in money.
        realised: The mean realised gain, in money.
        covered: In how many windows the interval contained the realised gain.
    """

    trials: int
    forecast: float
    realised: float
    covered: Share


def compare(situation: Situation) -> Iterator[Window]:
    """Compare the forecasts of a search with the realised gains.

    Args:
        situation: The search at its end: its history, with the worth and the prices to use. Its
            budget and pending trials are ignored.

    Yields:
        Windows by length, then in order; at most 40 of each length, evenly spaced.
    """
    history, least = situation.history, StoppingPolicy().min_trials
    values = accumulate(int(one.has_value and not one.broken) for one in history.trials)
    first = next((after for after, count in enumerate(values, 1) if count >= least), None)
    if first is None:
        return
    for horizon in HORIZONS:
        starts = range(first, len(history.trials) - horizon + 1, horizon)
        for after in starts[:: -(-len(starts) // _MOST) or 1]:
            window = _window(situation, after, horizon)
            if window is not None:
                yield window


def _window(situation: Situation, after: int, horizon: int) -> Window | None:
    history = situation.history
    known = History(history.trials[:after], history.direction)
    then = replace(situation, history=known, left=Budget(), pending=())
    before, best = history.incumbents[after - 1], history.incumbents[after + horizon - 1]
    expected = next((one for one in outlooks(then, horizon) if one.trials == horizon), None)
    if expected is None or before is None or best is None:
        return None
    realised = situation.worth.of(before, best, history.direction)
    return Window(after, horizon, expected.gain, expected.low, expected.high, realised)


def tallies(windows: Iterable[Window]) -> tuple[Tally, ...]:
    """Sum up the windows of each length, shortest first."""
    by_length: dict[int, list[Window]] = {}
    for one in windows:
        by_length.setdefault(one.trials, []).append(one)
    return tuple(
        Tally(
            trials,
            sum(one.gain for one in some) / len(some),
            sum(one.realised for one in some) / len(some),
            Share(sum(one.covered for one in some), len(some)),
        )
        for trials, some in sorted(by_length.items())
    )


def main_tally(windows: Iterable[Window]) -> Tally | None:
    """Return the longest horizon with at least ten windows, else the one with the most windows."""
    every = tallies(windows)
    enough = [one for one in every if one.covered.of >= _ENOUGH]
    return enough[-1] if enough else max(every, key=lambda one: one.covered.of, default=None)


def verdict(windows: Iterable[Window], currency: str) -> str:
    """Say in one sentence how good the forecasts have been.

    Args:
        windows: Of one search, or of several.
        currency: The unit of money.
    """
    one = main_tally(windows)
    if one is None:
        return (
            "too early to tell: no trial has finished since the fifth value, so no forecast can be "
            "checked"
        )
    ahead = "the next trial was" if one.trials == 1 else f"the next {one.trials} trials were"
    forecast, realised = (
        money(each, currency) if each else "nothing" for each in (one.forecast, one.realised)
    )
    times = (
        f", {number(one.realised / one.forecast)} times as much"
        if one.forecast and one.realised
        else ""
    )
    return (
        f"{ahead} forecast to bring {forecast} on average and brought {realised}{times}; "
        f"the 90 % interval contained the realised gain in {one.covered.count} of "
        f"{one.covered.of} cases, {_judged(one.covered)}"
    )


def verdicts(calibration: Calibration, currency: str) -> list[tuple[str, str]]:
    """Say how good the forecasts were, for the search alone and together with earlier ones."""
    told = [("this search", verdict(calibration.own, currency))]
    if calibration.searches:
        count = calibration.searches
        others = "1 earlier search" if count == 1 else f"{count} earlier searches"
        told.append((f"with {others}", verdict(calibration.every, currency)))
    return told


def _judged(covered: Share) -> str:
    if covered.of < _ENOUGH:
        return "too few to judge"
    if covered.value >= NOMINAL:
        return "as it should"
    if covered.interval[1] >= NOMINAL:
        return "fewer than it should, but within chance"
    return "which is too rare"
