"""How well whole searches do, on 15 measured tables, beside Optuna's TPE that stops in hindsight.

    python -m benchmarks.proposals                   # 20 seeds, half an hour; what is done is kept
    python -m benchmarks.proposals --overhead 1      # a second is charged for each trial, to both
    python -m benchmarks.proposals --apart           # on tables on which nothing was ever fitted

The protocol is that of `benchmarks.stopping`. Ours is the real thing: `sampler: priced`, deadlines
at three times what a trial was expected to take, the stop, and leaders trained again while that
pays. Given is its mean utility over that of TPE with the best stop in hindsight; in brackets the
standard error over seeds, where the tasks are taken as given.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import optuna

from benchmarks.proposals.searching import Search
from benchmarks.stopping import apart
from benchmarks.stopping.policies import LEAST
from benchmarks.stopping.tables import NAMES, table
from benchmarks.stopping.traces import LENGTH, RATES, Trace, traces

_ROWS = ("before repeats", "whole system")


def main() -> None:
    """Search and print the tables."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--seeds", type=int, default=20)
    read.add_argument("--first", type=int, default=0, help="the first seed")
    read.add_argument("--tasks", nargs="+", choices=NAMES, default=NAMES, metavar="FAMILY/TASK")
    read.add_argument("--apart", action="store_true", help="on tables that are set apart instead")
    read.add_argument("--overhead", type=float, default=0.0, help="seconds charged for each trial")
    read.add_argument(
        "--kept", type=Path, default=Path(".satisfice/traces"), help="where searches are kept"
    )
    given = read.parse_args()
    tasks = apart.NAMES if given.apart else given.tasks
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seeds = range(given.first, given.first + given.seeds)
    # Shape (tasks, seeds, rates), and for ours another one of two: before repeats and after them.
    best, ours, trials = [], [], []
    for task in tasks:
        tpe = list(traces([task], "tpe", seeds, given.kept))
        best.append([[_clairvoyant(one, rate, given.overhead) for rate in RATES] for one in tpe])
        found = [
            [_searched(task, seed, rate, given.overhead, given.kept) for rate in RATES]
            for seed in seeds
        ]
        ours.append([[one["utility"] for one in each] for each in found])
        trials.append([[one["trials"] for one in each] for each in found])
        ratio = np.mean(ours[-1], axis=0)[:, 1] / np.mean(best[-1], axis=0)
        print(f"  {task:<32}" + "".join(f"{one:>8.3f}" for one in ratio), flush=True)
    _print(np.array(best), np.array(ours), np.array(trials), tasks)


def _clairvoyant(trace: Trace, rate: float, overhead: float) -> float:
    usual = LENGTH * (trace.table.usual_seconds + overhead)
    spent = np.cumsum(trace.seconds + overhead) / usual
    return float(np.max((trace.success() - rate * spent)[LEAST - 1 :]))


def _searched(
    task: str, seed: int, rate: float, overhead: float, kept: Path
) -> dict[str, list[float]]:
    file = kept / f"{task.replace('/', '-')}-priced-{seed}-{rate:g}-{overhead:g}.json"
    if not file.exists():
        ended = Search(table(task), seed, rate, overhead).run()
        found = {
            "utility": [one.utility(rate) for one in ended],
            "trials": [one.trials for one in ended],
        }
        part = file.with_suffix(".part")
        part.write_text(json.dumps(found))
        part.rename(file)
    known: dict[str, list[float]] = json.loads(file.read_text())
    return known


def _print(best: np.ndarray, ours: np.ndarray, trials: np.ndarray, tasks: tuple[str, ...]) -> None:
    print(
        f"\n{'utility / clairvoyant TPE':>26}" + "".join(f"{f'rate {one:g}':>16}" for one in RATES)
    )
    whole = best.mean(axis=(0, 1))
    for at, name in enumerate(_ROWS):
        each = ours[..., at].mean(axis=0) / whole  # seeds, rates
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else whole * 0
        cells = zip(each.mean(axis=0), error, strict=True)
        print(f"{name:>26}" + "".join(f"{mean:>8.3f} ({err:.3f})" for mean, err in cells))
    print(f"{'trials':>26}" + "".join(f"{one:>16.0f}" for one in trials[..., 1].mean(axis=(0, 1))))
    families = [name.split("/")[0] for name in tasks]
    for family in dict.fromkeys(families):
        mine = [at for at, name in enumerate(families) if name == family]
        ratio = ours[mine][..., 1].mean(axis=(0, 1)) / best[mine].mean(axis=(0, 1))
        print(f"{family:>26}" + "".join(f"{one:>16.3f}" for one in ratio))


if __name__ == "__main__":
    main()
