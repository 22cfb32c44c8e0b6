"""How well searches are stopped: our decision beside other rules, on measured tables.

    python -m benchmarks.stopping                     # 20 seeds, all of it: about an hour
    python -m benchmarks.stopping --what stop --order tpe --seeds 5

The tables are in the extra `bench`; docs/benchmarks/rules.md says how to install it.

Each search runs 200 trials; a rule sees them one by one and says when it stops. Utility is how far
the incumbent has come from the median configuration (0) to the best one (1), less the rate times
what was spent (1: 200 usual trainings). Given is the mean utility over that of the oracle, which
stops in hindsight where it was best; in brackets its standard error over seeds, where the tasks
are taken as given. What was fitted is fitted without the family that it is judged with; on the
tables that are set apart, it is what the product has.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.stopping import apart
from benchmarks.stopping.calibration import Forecast, empirical, forecasts
from benchmarks.stopping.fit import taught
from benchmarks.stopping.parallel import given_out
from benchmarks.stopping.parallel import oracle as parallel_oracle
from benchmarks.stopping.policies import LEAST, RULES, offer, ours, utilities, utility
from benchmarks.stopping.tables import NAMES
from benchmarks.stopping.traces import ORDERS, RATES, Trace, traces
from satisfice.domain.arrays import Floats

LEARNT = "fixed, learnt"
WORKERS = (1, 4, 16)


def main() -> None:
    """Replay and print the tables."""
    parts: Mapping[str, Callable[[str, argparse.Namespace], None]] = {
        "stop": stops,
        "calibration": calibrations,
        "parallel": parallels,
        "apart": set_apart,
    }
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--what", choices=tuple(parts), nargs="+", default=tuple(parts))
    read.add_argument("--order", choices=tuple(ORDERS), nargs="+", default=tuple(ORDERS))
    read.add_argument("--seeds", type=int, default=20)
    read.add_argument("--first", type=int, default=0, help="the first seed")
    read.add_argument("--tasks", nargs="+", choices=NAMES, default=NAMES, metavar="FAMILY/TASK")
    read.add_argument(
        "--kept", type=Path, default=Path(".satisfice/traces"), help="where searches are kept"
    )
    given = read.parse_args()
    for what in given.what:
        for order in given.order:
            parts[what](order, given)


def stops(order: str, given: argparse.Namespace) -> None:
    """Print how well each rule stops, where we are worst, and how each family fares."""
    print(f"\n{order} order, {given.seeds} seeds, {len(given.tasks)} tasks")
    found = replay(given.tasks, order, given)
    _print(found)
    _families(found, given.tasks)


def calibrations(order: str, given: argparse.Namespace) -> None:
    """Print whether the forecasts of the gain keep what they say."""
    print(f"\ngain of the next 20 trials, {order} order, {given.seeds} seeds; way = 1")
    _calibration(_forecasts(given.tasks, order, given))


def parallels(order: str, given: argparse.Namespace) -> None:
    """Print how well several workers are stopped, each against an oracle with as many."""
    print(f"\n{order} order, {given.seeds} seeds, several workers")
    found: dict[int, list[Floats]] = defaultdict(list)
    for task in given.tasks:
        for trace in _traces(task, order, given):
            for workers in WORKERS:
                found[workers].append(np.array([_parallel(trace, rate, workers) for rate in RATES]))
    for workers, rows in found.items():
        each = np.array(rows).reshape(len(given.tasks), given.seeds, len(RATES), 2)
        _row(f"{workers} workers", each[..., 0].T, each[..., 1].mean(axis=(0, 1)))


def set_apart(order: str, given: argparse.Namespace) -> None:
    """Print the same for tasks on which nothing was ever fitted."""
    for seen, said in ((True, "in sight when the form was chosen"), (False, "never in sight")):
        tasks = [name for name in apart.NAMES if (name.split("/")[0] in apart.IN_SIGHT) is seen]
        print(f"\nset apart, {said}, {order} order, {given.seeds} seeds, {len(tasks)} tasks")
        found = replay(tasks, order, given)
        _print(found)
        _families(found, tasks)
    _calibration(_forecasts(apart.NAMES, order, given))


def replay(tasks: Sequence[str], order: str, given: argparse.Namespace) -> dict[str, Floats]:
    """Return, by rule, the utilities that it reached: shape (rates, tasks, seeds)."""
    found: dict[str, Floats] = defaultdict(lambda: np.zeros((len(RATES), len(tasks), given.seeds)))
    reached = np.zeros((len(RATES), len(tasks), given.seeds, 200))
    for row, task in enumerate(tasks):
        for seed, trace in enumerate(_traces(task, order, given)):
            rules = {"satisfice": ours(taught(trace.table.family)), **RULES}
            for at, rate in enumerate(RATES):
                reached[at, row, seed] = utility(trace, rate)
                for name, value in utilities(trace, rate, rules):
                    found[name][at, row, seed] = value
    families = np.array([task.split("/")[0] for task in tasks])
    for family in set(families):
        mine = families == family
        if mine.all():
            continue
        learnt = reached[:, ~mine].mean(axis=(1, 2))[:, LEAST - 1 :].argmax(axis=1) + LEAST
        for at, count in enumerate(learnt):
            found[LEARNT][at, mine] = reached[at, mine, :, count - 1]
    return dict(found)


def _traces(task: str, order: str, given: argparse.Namespace) -> list[Trace]:
    seeds = range(given.first, given.first + given.seeds)
    return list(traces([task], order, seeds, given.kept))


def _forecasts(tasks: Sequence[str], order: str, given: argparse.Namespace) -> list[Forecast]:
    return [
        each
        for task in tasks
        for trace in _traces(task, order, given)
        for each in forecasts(trace, taught(trace.table.family))
    ]


def _parallel(trace: Trace, rate: float, workers: int) -> tuple[float, float]:
    reached = utility(trace, rate)
    count = given_out(offer(trace, rate), workers, taught(trace.table.family))
    return float(reached[count - 1]), parallel_oracle(reached, workers)


def _print(found: Mapping[str, Floats]) -> None:
    print(f"{'utility / oracle':>22}" + "".join(f"{f'rate {one:g}':>16}" for one in RATES))
    best = found["oracle"].mean(axis=(1, 2))
    for name, each in found.items():
        _row(name, each.mean(axis=1)[:, None].transpose(0, 2, 1).reshape(len(RATES), -1, 1), best)


def _row(name: str, each: Floats, best: Floats) -> None:
    """Print a rule's mean over tasks, each of shape (rates, seeds, tasks), with its error."""
    seeds = each.mean(axis=2) / best[:, None]
    count = seeds.shape[1]
    error = seeds.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else best * np.nan
    cells = zip(seeds.mean(axis=1), error, strict=True)
    print(f"{name:>22}" + "".join(f"{mean:>9.3f} ({err:.3f})" for mean, err in cells))


def _families(found: Mapping[str, Floats], tasks: Sequence[str]) -> None:
    """Say where we are worst, beside stopping after the least number, and how families fare."""
    best = found["oracle"].mean(axis=2)
    means = found["satisfice"].mean(axis=2) / best
    least = found[f"{LEAST} trials"].mean(axis=2) / best
    rate, task = np.unravel_index(np.argmin(means), means.shape)
    print(f"worst: {means[rate, task]:.2f}, {tasks[task]} at rate {RATES[rate]:g}")
    below = [
        f"{tasks[task]} at rate {RATES[rate]:g} ({means[rate, task]:.2f}, {least[rate, task]:.2f})"
        for rate, task in zip(*np.nonzero(means < least), strict=True)
    ]
    print(f"below {LEAST} trials: {', '.join(below) or 'nowhere'}")
    names = np.array([task.split("/")[0] for task in tasks])
    for family in dict.fromkeys(names):
        told = " ".join(f"{one:.3f}" for one in means[:, names == family].mean(axis=1))
        print(f"  {family:<12} {told}")


def _calibration(every: Sequence[Forecast]) -> None:
    print(f"{'family':>14}{'below the bound':>18}{'told':>8}{'came':>8}{'CRPS':>8}{'others':>8}*")
    for family in dict.fromkeys(one.family for one in every):
        mine = [one for one in every if one.family == family]
        seeds: dict[int, list[bool]] = defaultdict(list)
        for one in mine:
            seeds[one.seed].append(one.came <= one.upper)
        held = np.array([np.mean(each) for each in seeds.values()])
        error = held.std(ddof=1) / np.sqrt(len(held)) if len(held) > 1 else np.nan
        told, came, score = (
            float(np.mean([getattr(one, name) for one in mine]))
            for name in ("told", "came", "score")
        )
        others = [empirical(list(every), family, whole) for whole in (False, True)]
        print(
            f"{family:>14}{held.mean():>10.3f} ({error:.3f}){told:>8.3f}{came:>8.3f}"
            f"{score:>8.4f}{others[0]:>8.4f}{others[1]:>8.4f}"
        )
    print("  others: the other families' gains, in units of the way as it is read; * told the way")


if __name__ == "__main__":
    main()
