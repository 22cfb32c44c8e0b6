"""The values of a search on the scale of their worth, and their noise.

The best of many noisy values is biased upwards (winner's curse). If configurations were trained
with several seeds, the noise is known, and each value is shrunk towards the median accordingly
(empirical Bayes; Efron and Morris 1975, Data Analysis Using Stein's Estimator, section 2). Without
replicates the noise is unknown, values are used as they are, and `Level.replicates` is 0.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from satisfice.domain.arrays import Floats, Indices
from satisfice.domain.economics.worth import Direction, Per
from satisfice.domain.trials.history import History

_SMALLEST_ERROR = 1e-12
_LARGEST = 1e100  # so that differences and squares of values stay finite


@dataclass(frozen=True)
class Scale:
    """The scale on which worth is linear and larger is better.

    Attributes:
        direction: Which way the metric gets better.
        per: The step that the worth is stated for; for halvings, the scale is minus the binary
            logarithm of the error.
    """

    direction: Direction
    per: Per

    def of(self, values: Floats) -> Floats:
        """Convert metric values to the scale."""
        if self.per is not Per.HALVING:
            return np.clip(self.direction.sign * values, -_LARGEST, _LARGEST)
        maximised = self.direction is Direction.MAXIMIZE
        errors = np.clip(1.0 - values if maximised else values, _SMALLEST_ERROR, _LARGEST)
        return np.asarray(-np.log2(errors))

    def metric(self, levels: Floats) -> Floats:
        """Convert values of the scale to the metric."""
        if self.per is not Per.HALVING:
            return self.direction.sign * levels
        errors = np.exp2(-levels)
        return 1.0 - errors if self.direction is Direction.MAXIMIZE else errors


@dataclass(frozen=True)
class Level:
    """The values of a search on the scale of its worth.

    Attributes:
        values: One per configuration, in the order of their first training, shrunk if the noise is
            known; at least one.
        scale: The scale.
        noise: Standard deviation between seeds, on the scale; 0 if it is unknown.
        replicates: Number of configurations trained with several seeds.
    """

    values: Floats
    scale: Scale
    noise: float
    replicates: int


def level_of(history: History, per: Per) -> Level | None:
    """Return the level of a search from its feasible trials; None without a value.

    Trials with the same parameters and different seeds are replicates of one configuration.
    """
    groups: dict[Hashable, dict[int, float]] = {}
    for one in history.feasible:
        if one.value is not None:
            key = frozenset(one.params.items()) if one.params else one.number
            groups.setdefault(key, {})[one.seed] = one.value
    if not groups:
        return None
    scale = Scale(history.direction, per)
    runs = np.array([len(group) for group in groups.values()])
    flat = scale.of(np.array([value for group in groups.values() for value in group.values()]))
    owners = np.repeat(np.arange(len(runs)), runs)
    means = np.bincount(owners, flat) / runs
    freedom = len(flat) - len(runs)
    if not freedom:
        return Level(means, scale, 0.0, 0)
    variance = float(np.sum((flat - means[owners]) ** 2)) / freedom
    shrunk = _shrink(means, runs, variance, freedom)
    return Level(shrunk, scale, float(np.sqrt(variance)), int(np.sum(runs > 1)))


def _shrink(means: Floats, runs: Indices, variance: float, freedom: int) -> Floats:
    """Shrink means towards the median by the share of their variance that is noise.

    The variance is that of the upper half: diverged trainings say nothing about the leaders.
    """
    middle = float(np.median(means))
    upper = means[means >= middle]
    seen = float(np.mean((upper - middle) ** 2))
    # A few replicates cannot prove that everything is noise: some variance always remains.
    true = max(seen - variance * float(np.mean(1 / runs)), seen / (freedom + 1))
    if not true > 0:
        return means
    return middle + (means - middle) * (true / (true + variance / runs))
