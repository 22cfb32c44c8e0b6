"""What one decision costs: `python benchmarks/decision_cost.py`.

A history of n trials with five parameters each; the history is new to every call, as it is after
each result. Prints median and spread (quartiles) of the processor's milliseconds, what a decision
takes in memory at its peak, and what all of them leave behind.
"""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace

import numpy as np

from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.economics.cost import EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.trials.history import History, TrialRecord, TrialState

SIZES = (10, 200, 1_000, 10_000)
REPEATS = 30


def situation(n: int) -> Situation:
    """A random search of n trials with heavy-tailed costs; no two configurations are the same."""
    random = np.random.default_rng(0)
    prices = Prices("EUR", hour=0.60)
    trials = tuple(
        TrialRecord(
            number,
            {"lr": float(rate), "width": number, "depth": 3, "optimizer": "sgd", "dropout": 0.5},
            TrialState.COMPLETE,
            float(value),
            cost=prices.of(float(seconds), 0.0, EnergyMode.UNKNOWN),
            seed=number,
        )
        for number, (rate, value, seconds) in enumerate(
            zip(random.random(n), random.beta(8, 2, n), random.lognormal(1, 1, n), strict=True)
        )
    )
    return Situation(History(trials, Direction.MAXIMIZE), Worth(0.1), prices)


def milliseconds(n: int) -> np.ndarray:
    """Time decisions on a history of n trials."""
    state = situation(n)
    taken = []
    for _ in range(REPEATS):
        fresh = replace(state, history=replace(state.history))  # nothing cached from the last call
        begun = time.process_time()
        decide(fresh)
        taken.append(1e3 * (time.process_time() - begun))
    return np.array(taken)


def kilobytes(n: int) -> tuple[float, float]:
    """Return the peak of one decision, and what stays after all of them."""
    state = situation(n)
    decide(replace(state, history=replace(state.history)))  # what is made once, for all
    tracemalloc.start()
    for _ in range(REPEATS):
        decide(replace(state, history=replace(state.history)))
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1024, left / 1024


def main() -> None:
    """Print the table."""
    print(f"{REPEATS} calls; milliseconds of the processor, kilobytes")
    print(f"{'trials':>8} {'median':>8} {'quartiles':>16} {'largest':>8} {'peak':>9} {'left':>7}")
    for n in SIZES:
        taken = milliseconds(n)
        low, middle, high = np.percentile(taken, (25, 50, 75))
        peak, left = kilobytes(n)
        print(
            f"{n:8,} {middle:8.2f} {low:8.2f}-{high:<7.2f} {taken.max():8.2f}"
            f" {peak:9,.0f} {left:7.1f}"
        )


if __name__ == "__main__":
    main()
