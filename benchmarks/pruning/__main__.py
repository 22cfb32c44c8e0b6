"""What giving up trials early is worth, on real learning curves: `python -m benchmarks.pruning`.

Replays searches of 50 trials on the curves in `curves/` with our pruner and with Optuna's, and
prints tables. Utility is how far the incumbent has come from the median training (0) to the best
one (1) on the test split, less the rate times what was spent (1: 200 usual trainings).

--train    trains the networks anew, as far as their curves are not there
--picture  draws curves of one search, and where our pruner gave them up

With --into, what each search came to goes to a file, and the same command goes on where it was cut
off; --report prints the tables from such files.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from pathlib import Path

import numpy as np

from benchmarks.pruning.pools import FOLDER, SCALES
from benchmarks.pruning.pruners import NONE, OURS, PRUNERS
from benchmarks.pruning.replay import RATES, Result, replay
from benchmarks.rules import pieces
from benchmarks.rules.statistics import holm, paired
from satisfice.domain.arrays import Floats

_LEVEL = 0.05


def main() -> None:
    """Train, draw, or replay and print."""
    given = _options()
    if given.train:
        from benchmarks.pruning.training import fill

        for name in given.pool:
            fill(name, given.train, given.curves)
    elif given.picture:
        from benchmarks.pruning.picture import draw

        draw(given.pool, given.picture)
    else:
        _replay(given)


def _replay(given: argparse.Namespace) -> None:
    into: Path | None = given.into
    found = pieces.read(given.report or ([into] if into and into.exists() else []))
    if not given.report:
        seeds = range(given.first, given.first + given.seeds)
        named = (
            ("search", pool, pruner, seed)
            for seed in seeds
            for pool in given.pool
            for pruner in PRUNERS
        )
        todo: list[pieces.Piece] = [one for one in named if one not in found]
        found.update(pieces.run(work, todo, given.workers, into))
    for table in tables(pieces.of("search", found)):
        print(table)


def work(pool: str, pruner: str, seed: int) -> dict[str, tuple[float, ...]]:
    """Replay one search at all rates."""
    found = replay(pool, pruner, RATES, seed)
    return {str(rate): astuple(one) for rate, one in found.items()}


def tables(found: pieces.Found) -> Iterator[str]:
    """Yield the lines of the tables: each pool, all of them, and the comparisons."""
    pools = [one for one in SCALES if any(piece[0] == one for piece in found)]
    seeds = sorted({piece[2] for piece in found})
    results = {name: _collected(found, name, pools, seeds) for name in PRUNERS}
    yield f"{len(seeds)} searches of each pruner on each pool; in brackets standard errors"
    for at, pool in enumerate(pools):
        yield from _table(pool, {name: one[:, at] for name, one in results.items()})
    means = {name: one.mean(axis=1) for name, one in results.items()}
    yield from _table("all", means)
    yield from _against_rivals(means)
    yield from _against_none(means)


def _collected(found: pieces.Found, pruner: str, pools: list[str], seeds: list[int]) -> Floats:
    """Return fields of results and utilities, of shape (fields, pools, rates, seeds)."""

    def fields(pool: str, rate: float, seed: int) -> tuple[float, ...]:
        result = Result(*found[pool, pruner, seed][str(rate)])
        return (*astuple(result), result.utility(rate))

    table = [[[fields(pool, rate, seed) for seed in seeds] for rate in RATES] for pool in pools]
    return np.moveaxis(table, -1, 0)


def _table(pool: str, results: dict[str, Floats]) -> Iterator[str]:
    heads = [f"rate {rate:g}" for rate in RATES]
    yield f"\n{f'{pool}: utility':<22}" + "".join(f"{one:>16}" for one in (*heads, "all rates"))
    for name, (*_, utility) in results.items():
        cells = (*utility, utility.mean(axis=0))
        yield f"  {name:<20}" + "".join(f"{_mean(one):>16}" for one in cells)
    yield "  regret; share of the epochs that was trained"
    for name, (success, _, epochs, _) in results.items():
        cells = zip(1 - success, epochs, strict=True)
        told = "".join(f"{_mean(regret)} {share.mean():5.0%}".rjust(22) for regret, share in cells)
        yield f"  {name:<20}{told}"


def _mean(values: Floats) -> str:
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():.3f} ({error:.3f})"


def _against_rivals(means: dict[str, Floats]) -> Iterator[str]:
    rivals = [one for one in means if one != OURS]
    ours, theirs = means[OURS][-1], {name: means[name][-1] for name in rivals}
    yield "\nutility on all pools, ours against the best of the others at each rate"
    yield "(mean difference; Wilcoxon signed-rank over seeds, one-sided, Holm over the lines)"
    pairs = {}
    for rate, mine, *others in zip(RATES, ours, *theirs.values(), strict=True):
        best = max(range(len(rivals)), key=lambda at: others[at].mean())
        pairs[f"rate {rate:<4g} {rivals[best]}"] = (mine, others[best])
    yield from _compared(pairs)
    yield "the mean of all rates, against each of the others"
    mean = ours.mean(axis=0)
    yield from _compared({name: (mean, one.mean(axis=0)) for name, one in theirs.items()})


def _against_none(means: dict[str, Floats]) -> Iterator[str]:
    yield "\nsuccess on all pools (1 - regret), ours against no pruning (the same test)"
    both = zip(RATES, means[OURS][0], means[NONE][0], strict=True)
    yield from _compared({f"rate {rate:<4g} {NONE}": (ours, none) for rate, ours, none in both})


def _compared(pairs: Mapping[str, tuple[Floats, Floats]]) -> Iterator[str]:
    worse = holm([paired(theirs, ours) for ours, theirs in pairs.values()])
    better = holm([paired(ours, theirs) for ours, theirs in pairs.values()])
    for (name, (ours, theirs)), less, more in zip(pairs.items(), worse, better, strict=True):
        verdict = "no difference shown"
        if min(less, more) < _LEVEL:
            verdict = "worse" if less < more else "better"
        yield (
            f"  {name:<29} {_mean(ours - theirs):>15}  {verdict:<19}"
            f"  p(worse) = {less:.3g}, p(better) = {more:.3g}"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pruning",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=40, help="searches of each pruner on a pool")
    parser.add_argument("--first", type=int, default=6000, help="the first seed")
    parser.add_argument("--pool", choices=SCALES, nargs="+", default=tuple(SCALES))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--into", type=Path, metavar="FILE", help="keep what each search came to")
    parser.add_argument("--report", type=Path, nargs="+", metavar="FILE", help="only the tables")
    parser.add_argument("--train", type=int, metavar="COUNT", help="so many networks of each pool")
    parser.add_argument("--curves", type=Path, default=FOLDER, help="where --train keeps curves")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="PNG or SVG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
