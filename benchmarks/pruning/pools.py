"""The curves that were kept: what every search of this benchmark draws its trials from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.noise import Scale
from satisfice.domain.economics.worth import Direction, Per

FOLDER = Path(__file__).parent / "curves"
SCALES: Mapping[str, Scale] = {
    "digits": Scale(Direction.MAXIMIZE, Per.UNIT),  # accuracy
    "photographs": Scale(Direction.MINIMIZE, Per.HALVING),  # mean squared error
    "text": Scale(Direction.MINIMIZE, Per.UNIT),  # bits per character
}


@dataclass(frozen=True)
class Pool:
    """All trainings of one problem, each to its last epoch.

    Attributes:
        name: The problem.
        values: Shape (trainings, epochs): the metric on the validation split after each epoch.
        seconds: The same shape: what the training had taken until then.
        test: The metric on the test split at the end, one for each training.
    """

    name: str
    values: Floats
    seconds: Floats
    test: Floats

    @property
    def scale(self) -> Scale:
        """Which way is better, and what the worth is linear in."""
        return SCALES[self.name]

    @property
    def epochs(self) -> int:
        """How many epochs each training has."""
        return self.values.shape[1]

    @cached_property
    def levels(self) -> Floats:
        """What each training is truly worth: its test metric, more is better."""
        return np.nan_to_num(self.scale.of(self.test), nan=-np.inf)

    @cached_property
    def gap(self) -> float:
        """From the median training to the best one: the unit of success."""
        return float(np.max(self.levels) - np.median(self.levels))

    @cached_property
    def usual_seconds(self) -> float:
        """What a training takes on average."""
        return float(np.mean(self.seconds[:, -1]))

    def success(self, row: int) -> float:
        """Return where a training truly lies: 0 median (or below), 1 the best there is."""
        return max(float(self.levels[row] - np.median(self.levels)) / self.gap, 0.0)


@cache
def pool(name: str) -> Pool:
    """Read the trainings of a problem."""
    with np.load(FOLDER / f"{name}.npz") as found:
        columns = (np.float64(found[key]) for key in ("values", "seconds", "test"))
        return Pool(name, *columns)
