"""Searches on the tables: which configurations were tried, in which order, and what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna

from benchmarks.stopping.tables import Table, table
from satisfice.domain.arrays import Floats, Ints

LENGTH = 200  # trials
RATES = (0.1, 0.3, 1.0, 3.0)  # what 200 usual trainings cost, where the whole way is worth 1


@dataclass(frozen=True)
class Trace:
    """One search that was run to its end.

    Attributes:
        task: The table's name.
        order: What proposed: `random` or `tpe`.
        seed: The search's seed.
        rows: Shape (trials,): the configurations.
        seen: The metric of one seed of each, as the search saw it.
        seconds: What that training took.
    """

    task: str
    order: str
    seed: int
    rows: Ints
    seen: Floats
    seconds: Floats

    @property
    def table(self) -> Table:
        """The task."""
        return table(self.task)

    def incumbent(self) -> Floats:
        """Return, after each trial, where the incumbent truly lies: 0 median, 1 the best there is.

        The incumbent is what looks best; it is scored by its mean over all seeds.
        """
        best = np.maximum.accumulate(self.seen)
        leads = np.flatnonzero(np.concatenate([[True], self.seen[1:] > best[:-1]]))
        at = leads[np.searchsorted(leads, np.arange(len(self.seen)), side="right") - 1]
        means = self.table.means
        return np.asarray((means[self.rows[at]] - np.median(means)) / self.table.gap)

    def success(self) -> Floats:
        """Return the same, where what lies below the median counts as nothing."""
        return np.maximum(self.incumbent(), 0.0)

    def spent(self) -> Floats:
        """Return what was spent after each trial; 1 is 200 trainings at the usual price."""
        return np.asarray(np.cumsum(self.seconds) / (LENGTH * self.table.usual_seconds))


class Trainer:
    """Trains: one of a configuration's seeds, drawn at random, says what is seen."""

    def __init__(self, task: Table, seed: int) -> None:
        self._task, self._random = task, np.random.default_rng(seed)
        self.rows: list[int] = []
        self.seen: list[float] = []
        self.seconds: list[float] = []

    def __call__(self, places: tuple[int, ...]) -> float:
        """Return the metric."""
        row = self._task.row(places)
        there = np.flatnonzero(~np.isnan(self._task.values[row]))
        one = int(self._random.choice(there))
        self.rows.append(row)
        self.seen.append(float(self._task.values[row, one]))
        self.seconds.append(float(self._task.seconds[row, one]))
        return self.seen[-1]


def _random_order(task: Table, seed: int, train: Trainer) -> None:
    random = np.random.default_rng([seed, 1])
    for _ in range(LENGTH):
        train(tuple(int(random.integers(size)) for size in task.shape))


def _tpe_order(task: Table, seed: int, train: Trainer) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(trial: optuna.Trial) -> float:
        places = (
            trial.suggest_categorical(f"p{at}", list(range(size)))
            if words
            else trial.suggest_int(f"p{at}", 0, size - 1)
            for at, (size, words) in enumerate(zip(task.shape, task.words, strict=True))
        )
        return train(tuple(places))

    study.optimize(objective, n_trials=LENGTH)


ORDERS: dict[str, Callable[[Table, int, Trainer], None]] = {
    "random": _random_order,
    "tpe": _tpe_order,
}


def search(task: str, order: str, seed: int) -> Trace:
    """Run one search of 200 trials."""
    train = Trainer(table(task), seed)
    ORDERS[order](table(task), seed, train)
    columns = np.array(train.rows), np.array(train.seen), np.array(train.seconds)
    return Trace(task, order, seed, *columns)


def traces(tasks: list[str], order: str, seeds: range, kept: Path) -> Iterator[Trace]:
    """Yield searches, from a folder where they were kept or by running them."""
    kept.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        for seed in seeds:
            file = kept / f"{task.replace('/', '-')}-{order}-{seed}.npz"
            if not file.exists():
                made = search(task, order, seed)
                part = file.with_suffix(".part.npz")
                np.savez(part, rows=made.rows, seen=made.seen, seconds=made.seconds)
                part.rename(file)
            with np.load(file) as found:
                yield Trace(task, order, seed, found["rows"], found["seen"], found["seconds"])
