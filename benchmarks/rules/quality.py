"""How good is the best after 50 trainings, under rules that allow 1-5 % of a space?

The measure is the normalised regret: 0 at the best allowed configuration, 1 at the median one.
Where all configurations are known the best is exact; elsewhere it is the best that 100,000 random
draws or any contestant found. Contestants are paired by seed. A search that found nothing allowed
counts 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np

from benchmarks.rules.methods import METHODS, Training
from benchmarks.rules.pieces import Found, Piece
from benchmarks.rules.problems import HELD_OUT, NAMES, problem
from benchmarks.rules.statistics import best_of, holm, mean_ranks, paired, spread
from satisfice.domain.arrays import Floats
from satisfice.domain.errors import NoAllowedConfiguration

TRAININGS = 50
OURS = "ours"
_REFERENCE = "reference"
_LEVEL = 0.05


def pieces(options: argparse.Namespace) -> Iterator[Piece]:
    """Name the pieces: (space, method, seed), and (space, reference).

    One seed after the other, so that a run that was cut off has compared everybody on fewer seeds.
    """
    spaces = [one for one in options.space or NAMES if _is_installed(one)]
    methods = [OURS, *(options.method or [one for one in METHODS if one != OURS])]
    if find_spec("ConfigSpace") is None:
        print("  configspace is left out: not installed", file=sys.stderr)
        methods = [one for one in methods if one != "configspace"]
    yield from ((space, _REFERENCE) for space in spaces)
    for seed in range(options.seeds):
        yield from ((space, method, seed) for space in spaces for method in methods)


def _is_installed(space: str) -> bool:
    try:
        problem(space)
    except ImportError as error:
        print(f"  {space} is left out: {error.name} is not installed", file=sys.stderr)
        return False
    return True


def work(space: str, method: str, seed: int = 0) -> dict[str, Any]:
    """Search once.

    Returns:
        The best loss, the number of trainings and how many of them the contestant's own sampler
        proposed; of the reference `Problem.reference`.
    """
    if method == _REFERENCE:
        share, best, median = problem(space).reference
        return {"share": share, "best": best, "median": median}
    trained: list[Training] = []
    try:
        for one in islice(METHODS[method](problem(space), seed), TRAININGS):
            trained.append(one)  # noqa: PERF402 (what came before an error counts)
    except NoAllowedConfiguration as error:
        print(f"  {method} gave up on {space}, seed {seed}: {error.message}", file=sys.stderr)
    best = min((one.loss for one in trained), default=None)
    return {"best": best, "trainings": len(trained), "own": sum(one.own for one in trained)}


@dataclass(frozen=True)
class Comparison:
    """What the contestants reached on one space.

    Attributes:
        space: Its name.
        share: What its rules allow of it.
        regrets: Methods x seeds.
        trainings: By method, the mean number of trainings that it got to.
        own: By method, the share of them that its own sampler proposed.
    """

    space: str
    share: float
    regrets: Floats
    trainings: Floats
    own: Floats

    @property
    def held_out(self) -> bool:
        """Whether nobody looked at it while our method was made."""
        return self.space in HELD_OUT


def compare(space: str, methods: list[str], found: Found) -> Comparison | None:
    """Compare the methods on the seeds that all of them have run; None where there is none."""
    runs = {piece[1:]: one for piece, one in found.items() if piece[0] == space}
    seeds = sorted({seed for _, *rest in runs for seed in rest})
    seeds = [seed for seed in seeds if all((method, seed) in runs for method in methods)]
    reference = runs.get((_REFERENCE,))
    if not seeds or reference is None:
        return None

    def table(name: str) -> Floats:
        return np.array([[runs[one, seed][name] for seed in seeds] for one in methods], float)

    losses, trainings = table("best"), table("trainings")
    best = min(reference["best"], float(np.nanmin(losses)))
    regrets = np.nan_to_num((losses - best) / (reference["median"] - best), nan=1.0)
    own = table("own").sum(axis=1) / np.maximum(trainings.sum(axis=1), 1)
    return Comparison(space, reference["share"], regrets, trainings.mean(axis=1), own)


def tables(found: Found) -> Iterator[str]:
    """Yield the regrets on each space, the mean ranks, and the tests."""
    run = {method for _, method, *_ in found}
    methods = [one for one in METHODS if one in run]
    compared = [one for name in NAMES if (one := compare(name, methods, found)) is not None]
    if not compared or methods[0] != OURS:
        return
    seeds = sorted({one.regrets.shape[1] for one in compared})
    yield f"Quality: normalised regret after {TRAININGS} trainings, {_range(seeds)} seeds;"
    yield "  median (quartiles), and how many of the trainings a contestant's own sampler proposed"
    for one in compared:
        yield f"  {one.space}{' (held out)' if one.held_out else ''}: allowed {one.share:.2%}"
        for row, method in enumerate(methods):
            short = one.trainings[row] < TRAININGS
            cut = f"   {one.trainings[row]:.0f} trainings" if short else ""
            yield f"    {method:14} {spread(one.regrets[row])}   own {one.own[row]:4.0%}{cut}"
    yield from _ranks(methods, compared)
    yield from _tests(methods, compared)


def _range(counts: list[int]) -> str:
    return "-".join(map(str, dict.fromkeys((counts[0], counts[-1]))))


def _ranks(methods: list[str], compared: list[Comparison]) -> Iterator[str]:
    groups: Mapping[str, list[Comparison]] = {
        "all": compared,
        "research": [one for one in compared if not one.held_out],
        "held out": [one for one in compared if one.held_out],
    }
    groups = {name: group for name, group in groups.items() if group}
    ranks = {name: mean_ranks([one.regrets for one in group]) for name, group in groups.items()}
    yield "  mean rank over spaces and seeds (research: the spaces that our method was chosen on)"
    heads = (f"{f'{name}: {len(group)}':>14}" for name, group in groups.items())
    yield f"    {'':14}" + "".join(heads)
    for row in np.argsort(ranks["all"], kind="stable"):
        yield f"    {methods[row]:14}" + "".join(f"{one[row]:14.2f}" for one in ranks.values())


def _tests(methods: list[str], compared: list[Comparison]) -> Iterator[str]:
    if len(methods) == 1:
        return
    yield "  ours against the best of the others on each space (Wilcoxon signed-rank over seeds,"
    yield "  one-sided, Holm over spaces)"
    best = [best_of(one.regrets[1:]) + 1 for one in compared]
    pairs = [(one.regrets[0], one.regrets[at]) for one, at in zip(compared, best, strict=True)]
    worse, better = _both_sides(pairs)
    for one, at, high, low in zip(compared, best, worse, better, strict=True):
        verdict = "WORSE" if high < _LEVEL else "better" if low < _LEVEL else "no difference shown"
        yield (
            f"    {one.space:16} {methods[at]:14} {verdict:20} "
            f"p(worse) = {high:.3g}, p(better) = {low:.3g}"
        )
    yield "  ours against each of the others: on how many spaces better and worse (same test), and"
    yield "  on all together (Wilcoxon signed-rank of the mean ranks on each, Holm over the others)"
    ranks = np.array([mean_ranks([one.regrets]) for one in compared])
    overall = holm([paired(ranks[:, row], ranks[:, 0]) for row in range(1, len(methods))])
    for row, method in enumerate(methods[1:], start=1):
        worse, better = _both_sides([(one.regrets[0], one.regrets[row]) for one in compared])
        won, lost = (sum(p < _LEVEL for p in values) for values in (better, worse))
        yield (
            f"    {method:14} better on {won:2}, worse on {lost:2} of {len(compared)}; "
            f"together p(better) = {overall[row - 1]:.3g}"
        )


def _both_sides(pairs: list[tuple[Floats, Floats]]) -> tuple[list[float], list[float]]:
    """Return how likely ours would be so much worse, and so much better, by chance."""
    worse = [paired(ours, theirs) for ours, theirs in pairs]
    better = [paired(theirs, ours) for ours, theirs in pairs]
    return holm(worse), holm(better)
