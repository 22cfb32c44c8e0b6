"""Fit what measured searches teach about searches: `python -m benchmarks.stopping.fit`.

Prints the two constants of `domain.decisions.forecast.ForecastConstants`: fitted on all families
(what the product has) and on all but one (what the benchmark judges that family with), and writes
them to `taught.json`. The pace is the smallest at which the one-sided 90 % bound of the next 20
trials' gain holds often enough in each family. Given it, the allowance maximises the mean of
utility / oracle over both orders, four rates and the families; it is the mean of the best ones of a
grid, as single points win by luck.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.stopping.calibration import forecasts
from benchmarks.stopping.policies import LEAST, Offer, searches, utility
from benchmarks.stopping.tables import FAMILIES
from benchmarks.stopping.traces import ORDERS, RATES, Trace, traces
from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.forecast import (
    USUAL,
    ForecastConstants,
    allowance,
    expected_cost,
    law,
    remaining_gap,
    trust,
)
from satisfice.domain.decisions.noise import level_of
from satisfice.domain.economics.cost import NOTHING
from satisfice.domain.economics.worth import Per

KEPT = Path(__file__).with_name("taught.json")
PACES = (1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8)  # a faster one scores worse in two families
ALLOWANCES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
HOLDS = 0.9  # how often the bound has to hold in each family that is fitted on
BEST = 3


def taught(family: str = "") -> ForecastConstants:
    """Return what was fitted without a family; on all of them, where it was not fitted on."""
    known = json.loads(KEPT.read_text())
    return ForecastConstants(**known.get(family, known["all"]))


def readings(trace: Trace) -> tuple[Floats, Floats, Floats]:
    """Return what decides, after each trial from the least number of them on.

    Returns:
        The way by its shorter reading, the expected cost of a trial, and the variance of its
        logarithm.
    """
    rows = []
    for one in searches(Offer(trace.seen, trace.seconds, 1.0)):
        level = level_of(one.history, Per.UNIT)
        assert level is not None
        rows.append(
            (
                remaining_gap(level, one.worth, NOTHING)[1],
                expected_cost(one.history).money,
                np.log(allowance(one.history, ForecastConstants(allowance=1.0))),
            )
        )
    read, cost, variance = np.array(rows).T
    return read, cost, variance


def stop(found: tuple[Floats, Floats, Floats], price: float, one: ForecastConstants) -> int:
    """Return when `domain.decisions.stopping.decide` stops: where the next trial does not pay.

    The law falls ever more slowly, so that no number of trials pays where one does not.
    """
    read, cost, variance = found
    count = np.arange(LEAST, LEAST + len(read), dtype=float)
    believed = trust(count)
    expected = np.log(price * cost)
    posterior = believed * np.log(np.maximum(read, 1e-280)) + (1 - believed) * (
        expected - np.log(USUAL)
    )
    gain = np.log(one.pace * law(count, 1.0)) + posterior
    ends = np.flatnonzero(gain <= expected + one.allowance * variance)
    return int(count[ends[0] if len(ends) else -1])


def scores(found: list[Trace], points: list[ForecastConstants]) -> Floats:
    """Return utility and, last, the oracle's, summed over traces: shape (rates, points + 1)."""
    total = np.zeros((len(RATES), len(points) + 1))
    for trace in found:
        read = readings(trace)
        for at, rate in enumerate(RATES):
            reached = utility(trace, rate)
            price = rate * trace.table.gap / (200 * trace.table.usual_seconds)
            ends = [stop(read, price, one) for one in points]
            total[at] += [*reached[np.array(ends) - 1], np.max(reached[LEAST - 1 :])]
    return total


def held(found: list[Trace]) -> Floats:
    """Return for each pace how often the bound holds, which is in proportion to it."""
    told = [one for trace in found for one in forecasts(trace, ForecastConstants(pace=1.0))]
    came, upper = (np.array([getattr(one, name) for one in told]) for name in ("came", "upper"))
    return np.array([np.mean(came <= pace * upper) for pace in PACES])


def slowest(holds: Mapping[str, Floats], without: str) -> float:
    """Return the smallest pace at which the bound holds in every family but one."""
    worst = np.min([each for family, each in holds.items() if family != without], axis=0)
    return PACES[int(np.argmax(worst >= HOLDS))] if worst[-1] >= HOLDS else PACES[-1]


def choose(
    pace: float, ratios: Mapping[str, Floats], points: list[ForecastConstants], without: str
) -> ForecastConstants:
    """Return the middle of the best points of a pace, every family but one counting alike."""
    mean = np.mean([each for family, each in ratios.items() if family != without], axis=0)
    mine = [at for at in np.argsort(-mean) if points[at].pace == pace]
    best = float(np.mean([points[at].allowance for at in mine[:BEST]]))
    return ForecastConstants(pace, round(best, 2))


def main() -> None:
    """Fit, print and write."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--seeds", type=int, default=20)
    read.add_argument("--kept", type=Path, default=Path(".satisfice/traces"))
    given = read.parse_args()
    seeds = range(given.seeds)
    searched = {
        family: [
            list(traces([f"{family}/{name}" for name in names], order, seeds, given.kept))
            for order in ORDERS
        ]
        for family, names in FAMILIES.items()
    }
    holds = {
        family: np.mean([held(one) for one in each], axis=0) for family, each in searched.items()
    }
    for family, shares in holds.items():
        told = " ".join(f"{pace:g}: {share:.3f}" for pace, share in zip(PACES, shares, strict=True))
        print(f"{family}: the bound holds, by pace, {told}", flush=True)
    paces = {name: slowest(holds, name) for name in ("", *FAMILIES)}
    points = [
        ForecastConstants(pace, one) for pace in sorted(set(paces.values())) for one in ALLOWANCES
    ]
    ratios = {}
    for family, each in searched.items():
        sums = [scores(one, points) for one in each]
        ratios[family] = np.mean([one[:, :-1] / one[:, -1:] for one in sums], axis=(0, 1))
    found = {
        name or "all": asdict(choose(pace, ratios, points, name)) for name, pace in paces.items()
    }
    for name, one in found.items():
        print(f"{name:>12} {one}")
    KEPT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
