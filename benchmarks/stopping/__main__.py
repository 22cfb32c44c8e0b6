"""How well searches are stopped: our decision beside other rules, on 15 measured tables.

    python -m benchmarks.stopping                     # 20 seeds: about half an hour the first time
    python -m benchmarks.stopping --seeds 5 --order tpe

The tables are in the extra `bench`; docs/benchmarks/rules.md says how to install it.

Each search runs 200 trials; a rule sees them one by one and says when it stops. Utility is how far
the incumbent has come from the median configuration (0) to the best one (1), less the rate times
what was spent (1: 200 usual trainings). Given is the mean utility over that of the oracle, which
stops in hindsight where it was best; in brackets its standard error over seeds, where the tasks
are taken as given.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.stopping.policies import POLICIES, utilities
from benchmarks.stopping.tables import FAMILIES, NAMES
from benchmarks.stopping.traces import ORDERS, traces

RATES = (0.1, 0.3, 1.0, 3.0)


def main() -> None:
    """Replay and print the tables."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--order", choices=tuple(ORDERS), nargs="+", default=tuple(ORDERS))
    read.add_argument("--seeds", type=int, default=20)
    read.add_argument("--first", type=int, default=0, help="the first seed")
    read.add_argument("--tasks", nargs="+", choices=NAMES, default=NAMES, metavar="FAMILY/TASK")
    read.add_argument(
        "--kept", type=Path, default=Path(".satisfice/traces"), help="where searches are kept"
    )
    given = read.parse_args()
    for order in given.order:
        print(f"\n{order} order, {given.seeds} seeds, {len(given.tasks)} tasks")
        print(f"{'utility / oracle':>20}" + "".join(f"{f'rate {one:g}':>16}" for one in RATES))
        seeds = range(given.first, given.first + given.seeds)
        # By policy: utilities of shape (rates, tasks, seeds).
        found: dict[str, list[list[list[float]]]] = defaultdict(lambda: [[] for _ in RATES])
        for task in given.tasks:
            for at in range(len(RATES)):
                for name in ("oracle", *POLICIES):
                    found[name][at].append([])
            for trace in traces([task], order, seeds, given.kept):
                for at, rate in enumerate(RATES):
                    for name, utility in utilities(trace, rate):
                        found[name][at][-1].append(utility)
        tables = {name: np.array(one) for name, one in found.items()}
        _print(tables)
        _worst(tables["satisfice"] / np.mean(tables["oracle"], axis=2, keepdims=True), given.tasks)


def _print(tables: dict[str, np.ndarray]) -> None:
    best = tables["oracle"].mean(axis=(1, 2))
    for name in ("oracle", *POLICIES):
        each = tables[name].mean(axis=1) / best[:, None]  # rates, seeds
        error = each.std(axis=1, ddof=1) / np.sqrt(each.shape[1]) if each.shape[1] > 1 else best * 0
        cells = zip(each.mean(axis=1), error, strict=True)
        print(f"{name:>20}" + "".join(f"{mean:>9.3f} ({err:.3f})" for mean, err in cells))


def _worst(ratios: np.ndarray, tasks: tuple[str, ...]) -> None:
    """Say where we are worst, and how each family fares."""
    means = ratios.mean(axis=2)
    rate, task = np.unravel_index(np.argmin(means), means.shape)
    print(f"worst: {means[rate, task]:.2f}, {tasks[task]} at rate {RATES[rate]:g}")
    for family in FAMILIES:
        mine = [at for at, name in enumerate(tasks) if name.startswith(family)]
        if mine:
            told = " ".join(f"{one:.3f}" for one in means[:, mine].mean(axis=1))
            print(f"  {family:<12} {told}")


if __name__ == "__main__":
    main()
