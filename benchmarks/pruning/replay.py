"""Replays searches on kept curves, and scores what each pruner made of them.

A search is 50 trials, drawn from a pool without replacement; every pruner sees the same ones in
the same order. It pays for the epochs that it trained, by the clock of the recorded training. Its
incumbent is the trial with the best last report among those that were trained to their end
(docs/decisions/0003), and is scored by its test metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.pruning.pools import Pool, pool
from benchmarks.pruning.pruners import OURS, PRUNERS, USUAL, search_of

TRIALS = 50
RATES = (0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Result:
    """What became of a search.

    Attributes:
        success: Where the incumbent truly lies: 0 median, 1 the best there is.
        spent: What was spent; 1 is 200 usual trainings.
        epochs: The share of all epochs that was trained.
    """

    success: float
    spent: float
    epochs: float

    def utility(self, rate: float) -> float:
        """Return what the search was worth, at an exchange rate."""
        return self.success - rate * self.spent


def order(trainings: Pool, seed: int) -> np.ndarray:
    """Return which trainings a search draws, in its order."""
    return np.random.default_rng([seed, 50]).permutation(len(trainings.test))[:TRIALS]


def scored(trainings: Pool, rows: np.ndarray, trained: Sequence[int]) -> Result:
    """Score a search by how many epochs of each of its trials were trained."""
    epochs = np.array(trained)
    spent = trainings.seconds[rows, epochs - 1].sum() / (USUAL * trainings.usual_seconds)
    last = trainings.scale.of(trainings.values[rows, -1])
    ended = (epochs == trainings.epochs) & np.isfinite(last)
    success = 0.0
    if ended.any():
        success = trainings.success(rows[np.argmax(np.where(ended, last, -np.inf))])
    return Result(success, float(spent), float(epochs.mean()) / trainings.epochs)


def replay(name: str, pruner: str, rates: Iterable[float], seed: int) -> dict[float, Result]:
    """Replay one search with one pruner.

    Returns:
        By rate; a pruner that knows no price is asked once, and does the same at all.
    """
    trainings = pool(name)
    rows = order(trainings, seed)
    found = {}
    trained: list[int] = []
    for rate in rates:
        if pruner == OURS or not trained:
            trained = PRUNERS[pruner](search_of(trainings, rows, rate, seed))
        found[rate] = scored(trainings, rows, trained)
    return found
