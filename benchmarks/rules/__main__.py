"""What the rules promise, measured: `python -m benchmarks.rules`.

--part safety   0 forbidden proposals over random spaces and rules (`safety.py`)
--part speed    what a proposal and an expression cost (`speed.py`)
--part quality  the best after 50 trainings, against other ways to obey rules (`quality.py`)

At full size (the default) this takes hours; `--proposals`, `--slow-proposals`, `--seeds`, `--space`
and `--method` make it small. `pip install 'satisfice[bench]'` brings the measured tables and the
peer; what needs a package that is not there says so in its line.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import optuna
from numpy.typing import NDArray

from benchmarks.rules import quality, safety, speed
from benchmarks.rules.engine import SAMPLERS
from benchmarks.rules.methods import METHODS
from benchmarks.rules.problems import NAMES, problem

_PARTS = ("safety", "speed", "quality")
_NOT_INSTALLED = "not installed (pip install 'satisfice[bench]')"


def main() -> None:
    """Run the parts that were asked for."""
    options = _options()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for part in options.part or _PARTS:
        begun = time.perf_counter()
        {"safety": _safety, "speed": _speed, "quality": _quality}[part](options)
        print(f"({part}: {time.perf_counter() - begun:.0f} s)\n", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rules",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", choices=_PARTS, action="append", help="all without it")
    parser.add_argument("--proposals", type=int, default=1_000_000, help="safety, random sampler")
    parser.add_argument("--slow-proposals", type=int, default=20_000, help="safety, each other one")
    parser.add_argument("--timed", type=int, default=200, help="speed: proposals that are timed")
    parser.add_argument("--seeds", type=int, default=20, help="quality: searches of each method")
    parser.add_argument("--seed", type=int, default=0, help="safety: of the random spaces")
    parser.add_argument("--sampler", choices=SAMPLERS, action="append", help="safety and speed")
    parser.add_argument("--space", choices=NAMES, action="append", help="quality")
    parser.add_argument("--method", choices=METHODS, action="append", help="quality, beside ours")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _safety(options: argparse.Namespace) -> None:
    print("Safety: proposals over random spaces and rules, judged by an independent evaluator")
    columns = ("proposals", "forbidden", "spaces", "contradictory", "empty", "missed", "crashed")
    print(f"  {'sampler':10}", *(f"{name:>13}" for name in columns))
    for sampler in options.sampler or SAMPLERS:
        wanted = options.proposals if sampler == "random" else options.slow_proposals
        counts = safety.run(sampler, wanted, options.workers, options.seed)
        print(f"  {sampler:10}", *(f"{counts[name]:13,}" for name in columns), flush=True)
    print("  refused: contradictory by construction; empty as far as 20,000 draws tell; missed:")
    print("  given up though one of these draws is allowed")


def _speed(options: argparse.Namespace) -> None:
    print("Speed: milliseconds of a proposal (processor time); median (quartiles)")
    for name, spec in speed.SPACES.items():
        print(f"  {name}: allowed {100 * speed.share(spec):.3g} %, {options.timed} proposals")
        for sampler in options.sampler or SAMPLERS:
            found = speed.proposals(spec, sampler, options.timed)
            print(
                f"    {sampler:12} on top {_spread(found.added)}   own draws {_spread(found.own)}"
                f"   draws {_spread(found.draws)}   repaired {found.repaired}"
                f"   refused {found.refused}",
                flush=True,
            )
        print(f"    {'ConfigSpace':12} {_peer(spec, options.timed)}", flush=True)
    print("Speed: microseconds of an expression (processor time); median (quartiles)")
    for text, (holds, margin) in speed.expressions().items():
        print(f"  holds {_spread(holds)}   margin {_spread(margin)}   {text}")


def _peer(spec: speed.Spec, count: int) -> str:
    if not speed.states_all(spec):
        return "cannot state these rules (products, modulo)"
    try:
        taken = speed.peer_draws(spec, count)
    except ImportError:
        return _NOT_INSTALLED
    return f"in all {_spread(taken)}   {len(taken)} draws"


def _quality(options: argparse.Namespace) -> None:
    methods = (quality.OURS, *(options.method or [one for one in METHODS if one != quality.OURS]))
    spaces = []
    for name in options.space or NAMES:
        try:
            problem(name)
        except ImportError:
            print(f"  {name}: the table is {_NOT_INSTALLED}")
        else:
            spaces.append(name)
    if not quality.has_peer() and "configspace" in methods:
        print(f"  configspace: {_NOT_INSTALLED}")
        methods = tuple(one for one in methods if one != "configspace")
    found = quality.compare(spaces, methods, options.seeds, options.workers)
    print(
        f"Quality: normalised regret after {quality.TRAININGS} trainings, {options.seeds} seeds; "
        "median (quartiles), and the trainings it got to where fewer"
    )
    for at, name in enumerate(spaces):
        print(f"  {name}: allowed {100 * found.shares[at]:.2g} %")
        for row, method in enumerate(methods):
            got = found.trainings[at][row]
            short = f"   {got:.0f} trainings" if got < quality.TRAININGS else ""
            print(f"    {method:14} {_spread(found.regrets[at][row])}{short}")
    print("  mean rank over spaces and seeds:")
    for rank, method in sorted(zip(found.ranks, methods, strict=True)):
        print(f"    {method:14} {rank:.2f}")
    print("  ours against the best of the others (Wilcoxon signed-rank, one-sided, Holm):")
    for name, (best, p) in zip(spaces, found.verdicts, strict=True):
        print(f"    {name:16} {best:14} {'WORSE' if p < 0.05 else 'not worse'}, p = {p:.3g}")


def _spread(values: NDArray[np.float64]) -> str:
    low, middle, high = np.percentile(values, (25, 50, 75))
    return f"{middle:8.3f} ({low:.3f}-{high:.3f})"


if __name__ == "__main__":
    main()
