"""Whether the forecast of the gain of the next 20 trials keeps what it says.

Outcomes are those of the incumbent's true mean, in units of the way from the median configuration
to the best one; a search that is misled by noise has a negative one. Scored by the share of
outcomes within the one-sided 90 % bound, and by the continuous ranked probability score (CRPS;
Gneiting and Raftery 2007, section 4.2), beside the empirical distribution of other families' gains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.stopping.policies import LEAST, Offer, searches
from benchmarks.stopping.traces import LENGTH, RATES, Trace
from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.forecast import (
    ForecastConstants,
    Gains,
    expected_cost,
    gains,
    remaining_gap,
)
from satisfice.domain.decisions.noise import level_of
from satisfice.domain.economics.cost import NOTHING
from satisfice.domain.economics.worth import Per

AHEAD = 20
AFTER = (5, 10, 20, 40, 80, 160)  # trials after which a forecast is made
_PLACES = -np.log1p(-(np.arange(16) + 0.5) / 16)  # equally likely places of an exponential


@dataclass(frozen=True)
class Forecast:
    """What was said after some trials of a search, and what came.

    Attributes:
        family: The task's.
        after: Number of trials.
        seed: The search's.
        came: The gain of the next 20.
        told: Its mean, as forecast: by the shorter reading of the way.
        upper: The one-sided 90 % bound.
        score: The CRPS of the distribution that bounds and intervals are read from.
        read: The way by its longer reading.
    """

    family: str
    after: int
    seed: int
    came: float
    told: float
    upper: float
    score: float
    read: float


def forecasts(trace: Trace, taught: ForecastConstants) -> Iterator[Forecast]:
    """Yield the forecasts of a search at each rate."""
    incumbent = trace.incumbent()
    for rate in RATES:
        price = rate / (LENGTH * trace.table.usual_seconds)
        given = Offer(trace.seen, trace.seconds * price, 1 / trace.table.gap)
        for after, situation in enumerate(searches(given), LEAST):
            if after not in AFTER:
                continue
            level = level_of(situation.history, Per.UNIT)
            assert level is not None
            each = expected_cost(situation.history)
            found = gains(situation, level, each, np.array([AHEAD]), taught)
            came = float(incumbent[after + AHEAD - 1] - incumbent[after - 1])
            yield Forecast(
                trace.table.family,
                after,
                trace.seed,
                came,
                float(found.means(np.inf)[0]),
                float(found.quantile(0.9)[0, 0]),
                _of_mixture(found, came),
                remaining_gap(level, situation.worth, NOTHING)[0],
            )


def _of_mixture(found: Gains, came: float) -> float:
    places = (found.scales[0][:, None] * _PLACES).ravel()
    chance = float(found.chances[0])
    weights = np.concatenate([[1 - chance], np.full(places.size, chance / places.size)])
    return crps(np.concatenate([[0.0], places]), weights, came)


def crps(places: Floats, weights: Floats, came: float) -> float:
    """Return the score of a discrete distribution; less is better, 0 is a sure and true one."""
    order = np.argsort(places)
    places, weights = places[order], weights[order]
    below = np.cumsum(weights) - weights / 2
    spread = 2 * float(np.sum(weights * places * (2 * below - 1)))
    return float(np.sum(weights * np.abs(places - came))) - spread / 2


def empirical(found: list[Forecast], family: str, told_the_way: bool) -> float:
    """Score the gains of the other families after as many trials, as a forecast for this one.

    Args:
        found: All forecasts of one order of searches.
        family: The family that is forecast.
        told_the_way: Whether gains are in units of the true way; else in units of what is read.
    """
    scores = []
    for after in AFTER:
        alike = [one for one in found if one.after == after]
        gained = np.array(
            [
                one.came / (1.0 if told_the_way else one.read)
                for one in alike
                if one.family != family and one.read > 0
            ]
        )
        places = np.quantile(gained, (np.arange(200) + 0.5) / 200)
        weights = np.full(200, 1 / 200)
        scores += [
            crps(places * (1.0 if told_the_way else one.read), weights, one.came)
            for one in alike
            if one.family == family
        ]
    return float(np.mean(scores))
