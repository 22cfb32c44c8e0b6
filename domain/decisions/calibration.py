"""How forecasts of the gain compare with what then happened.

A forecast is made from the first n trials of a search and held against the best of the next h.
Windows of one length do not overlap, since shared trials would count one surprise several times;
windows of different lengths do, and are never put together.

What came is read from observed values. The best of several is partly luck of its seed, so that it
overstates what was truly gained. And a search that stopped says nothing of what more trials would
have brought: the forecasts just before a stop are not among those that are compared.
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
    "What came is read from observed values: luck of their seeds makes it look larger than what "
    "was truly gained. Windows of one length do not overlap, those of different lengths do. What "
    "more trials would have brought after a stop is not known, and not in it."
)
HORIZONS = (1, 5, 10, 20)
NOMINAL = 0.9  # what `Outlook.low` and `Outlook.high` enclose, at least: many gains are exactly 0
_MOST = 40  # windows of one length in one search: all of a long one would take half a minute
_ENOUGH = 10  # windows; with fewer, a shorter look ahead tells more


@dataclass(frozen=True, slots=True)
class Window:
    """A forecast beside what came of it.

    Attributes:
        after: Number of finished trials that the forecast was made from.
        trials: How many more it looked ahead.
        gain: What these were expected to be worth, in money.
        low: Lower end of its central 90 % interval.
        high: Upper end of it.
        came: What they were worth: the step from the best before to the best of them.
    """

    after: int
    trials: int
    gain: float
    low: float
    high: float
    came: float

    @property
    def held(self) -> bool:
        """Whether what came lies in the interval, its ends included."""
        return self.low <= self.came <= self.high


@dataclass(frozen=True, slots=True)
class Calibration:
    """The forecasts of a search, and of those before it.

    Attributes:
        own: Of the search itself.
        earlier: Of earlier searches.
        searches: How many earlier searches these are from.
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
    """What the windows of one length say together.

    Attributes:
        trials: How many trials ahead.
        forecast: The mean of what was expected, in money.
        came: The mean of what came.
        held: In how many the interval held.
    """

    trials: int
    forecast: float
    came: float
    held: Share


def compare(situation: Situation) -> Iterator[Window]:
    """Hold the forecasts of a search against what came of them.

    Args:
        situation: The search at its end: its history, with the worth and the prices that count.
            Its budget and what is pending are not looked at.

    Yields:
        Windows by length, then in their order; at most 40 of a length, spread evenly.
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
    came = situation.worth.of(before, best, history.direction)
    return Window(after, horizon, expected.gain, expected.low, expected.high, came)


def tallies(windows: Iterable[Window]) -> tuple[Tally, ...]:
    """Sum windows up by their length, the shortest first."""
    by_length: dict[int, list[Window]] = {}
    for one in windows:
        by_length.setdefault(one.trials, []).append(one)
    return tuple(
        Tally(
            trials,
            sum(one.gain for one in some) / len(some),
            sum(one.came for one in some) / len(some),
            Share(sum(one.held for one in some), len(some)),
        )
        for trials, some in sorted(by_length.items())
    )


def telling(windows: Iterable[Window]) -> Tally | None:
    """Return the longest look ahead with at least ten windows, else the one with most of them."""
    every = tallies(windows)
    enough = [one for one in every if one.held.of >= _ENOUGH]
    return enough[-1] if enough else max(every, key=lambda one: one.held.of, default=None)


def verdict(windows: Iterable[Window], currency: str) -> str:
    """Say in a sentence how good forecasts have been.

    Args:
        windows: Of one search, or of several.
        currency: The unit of money.
    """
    one = telling(windows)
    if one is None:
        return (
            "too early to tell: no trial came after the fifth value, so that no forecast can be "
            "held against anything"
        )
    ahead = "the next trial was" if one.trials == 1 else f"the next {one.trials} trials were"
    forecast, came = (
        money(each, currency) if each else "nothing" for each in (one.forecast, one.came)
    )
    times = (
        f", {number(one.came / one.forecast)} times as much" if one.forecast and one.came else ""
    )
    return (
        f"{ahead} forecast to bring {forecast} on average and brought {came}{times}; "
        f"the 90 % interval held in {one.held.count} of {one.held.of}, {_judged(one.held)}"
    )


def verdicts(calibration: Calibration, currency: str) -> list[tuple[str, str]]:
    """Say how good forecasts have been: of the search itself, and together with earlier ones."""
    told = [("this search", verdict(calibration.own, currency))]
    if calibration.searches:
        count = calibration.searches
        others = "1 earlier search" if count == 1 else f"{count} earlier searches"
        told.append((f"with {others}", verdict(calibration.every, currency)))
    return told


def _judged(held: Share) -> str:
    if held.of < _ENOUGH:
        return "which is too few to judge by"
    if held.value >= NOMINAL:
        return "as it should"
    if held.interval[1] >= NOMINAL:
        return "fewer than it should, but no fewer than chance allows"
    return "which is too seldom"
