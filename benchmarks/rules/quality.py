"""How good is the best after 50 trainings, under rules that allow 1-5 % of a space?

The measure is the normalised regret: 0 at the best allowed configuration, 1 at the median one.
Where all configurations are known the best is exact; elsewhere it is the best that 100,000 random
draws or any contestant found. Contestants are paired by seed. A search that found nothing allowed
counts 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice, product
from multiprocessing import Pool

import numpy as np
import optuna
from numpy.typing import NDArray

from benchmarks.rules.methods import METHODS
from benchmarks.rules.problems import problem
from benchmarks.rules.statistics import best_of, holm, mean_ranks, paired
from domain.errors import NoAllowedConfiguration

TRAININGS = 50
OURS = "ours"


@dataclass(frozen=True)
class Comparison:
    """What the contestants reached.

    Attributes:
        spaces: The names of the problems.
        methods: The names of the contestants, ours first.
        shares: By space, the share that its rules allow.
        regrets: By space, methods x seeds.
        trainings: By space and method, the mean number of trainings that it got to.
    """

    spaces: tuple[str, ...]
    methods: tuple[str, ...]
    shares: tuple[float, ...]
    regrets: tuple[NDArray[np.float64], ...]
    trainings: tuple[NDArray[np.float64], ...]

    @property
    def ranks(self) -> NDArray[np.float64]:
        """The mean rank of each method."""
        return mean_ranks(list(self.regrets))

    @property
    def verdicts(self) -> list[tuple[str, float]]:
        """By space, the best of the others, and how likely ours is so much worse by chance."""
        best = [best_of(one[1:]) + 1 for one in self.regrets]
        values = [paired(one[0], one[at]) for one, at in zip(self.regrets, best, strict=True)]
        return [(self.methods[at], p) for at, p in zip(best, holm(values), strict=True)]


def has_peer() -> bool:
    """Tell whether ConfigSpace is installed."""
    return find_spec("ConfigSpace") is not None


def compare(spaces: Sequence[str], methods: Sequence[str], seeds: int, workers: int) -> Comparison:
    """Run every method on every space with every seed."""
    jobs = list(product(spaces, methods, range(seeds)))
    with Pool(workers) as pool:
        found = dict(zip(jobs, pool.imap(_search, jobs, chunksize=1), strict=True))
        references = dict(zip(spaces, pool.map(_reference, spaces), strict=True))
    regrets, trainings = [], []
    for space in spaces:
        runs = [[found[space, method, seed] for seed in range(seeds)] for method in methods]
        losses = np.array([[min(one, default=np.nan) for one in row] for row in runs])
        _, best, middle = references[space]
        best = min(best, float(np.nanmin(losses)))
        regrets.append(np.nan_to_num((losses - best) / (middle - best), nan=1.0))
        trainings.append(np.array([np.mean([len(one) for one in row]) for row in runs]))
    shares = tuple(references[space][0] for space in spaces)
    return Comparison(tuple(spaces), tuple(methods), shares, tuple(regrets), tuple(trainings))


def _reference(space: str) -> tuple[float, float, float]:
    return problem(space).reference


def _search(job: tuple[str, str, int]) -> list[float]:
    """Return the losses of the trainings; fewer than 50 where a contestant got no further."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, method, seed = job
    losses: list[float] = []
    try:
        for loss in islice(METHODS[method](problem(space), seed), TRAININGS):
            losses.append(loss)  # noqa: PERF402 (what came before an error counts)
    except NoAllowedConfiguration as error:
        print(f"  {method} gave up on {space}, seed {seed}: {error.message}")
    return losses
