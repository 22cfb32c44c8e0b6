"""Does any forbidden configuration come out? Judged by the independent evaluator.

Each random space with its rules gets a study of its own, whose trials end in all the ways that
trials do. Rules that leave nothing must end in `NoAllowedConfiguration`: that they leave nothing is
known where two of them contradict each other by construction, and elsewhere believed where none of
20,000 independent draws is allowed. Giving up where one is allowed is counted as missed; a grid
gives up where nothing that is left of it is allowed, which is as it should be. Of the spaces that
allow none of 1,000 draws only one in twenty is kept.

A study is long enough for its sampler to have a model: proposals in a study with so many complete
trials that the sampler has left its random start behind are counted as such.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Container, Iterator
from random import Random

import optuna
from optuna.trial import TrialState

from benchmarks.rules.drawing import draw
from benchmarks.rules.engine import SAMPLERS, predicts_nothing, proposer, space_of, told
from benchmarks.rules.evaluator import Spec
from benchmarks.rules.generator import random_spec
from benchmarks.rules.pieces import Found, Piece
from satisfice.domain.errors import NoAllowedConfiguration

BLOCK = 500  # proposals of a piece, in as many spaces as it takes
_DRAWS_BEFORE_BELIEVING = 20_000
_DRAWS_TO_LOOK, _SHARE_OF_EMPTY = (
    1_000,
    0.05,
)  # to refuse takes a hundred times as long as to propose
_ENDS = (*[TrialState.COMPLETE] * 6, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL)

# Proposals in each space. Two in three trials complete: NSGA-II begins to breed after 50 of them.
_PER_SPACE = {"random": 40, "tpe": 30, "gp": 16, "cma-es": 30, "nsga-ii": 150}
_PER_SPACE_ELSE = 25
_RANDOM_START = {"tpe": 10, "gp": 10, "cma-es": 1, "nsga-ii": 50}  # in complete trials; Optuna's

_COUNTED = (
    "proposals", "forbidden", "with a model", "spaces", "contradictory", "empty", "missed",
    "crashed",
)  # fmt: skip


def pieces(options: argparse.Namespace) -> Iterator[Piece]:
    """Name the pieces: (sampler, seed, block)."""
    for sampler in options.sampler or SAMPLERS:
        wanted = options.proposals if sampler == "random" else options.slow_proposals
        for block in range(math.ceil(wanted / BLOCK)):
            yield sampler, options.seed, block


def work(sampler: str, seed: int, block: int) -> dict[str, int]:
    """Propose BLOCK times, and count what came out.

    Returns:
        `proposals`, `forbidden` and `spaces`; `contradictory` (refused, rightly so by
        construction), `empty` (refused, and nothing is known to be allowed), `missed` (refused,
        though something is allowed) and `crashed`.
    """
    counts: Counter[str] = Counter()
    while counts["proposals"] < BLOCK:
        name = f"{seed} {block} {counts['spaces']}"
        counts += one_space(sampler, name, BLOCK - counts["proposals"])
    return dict(counts)


def one_space(sampler: str, name: str, most: int) -> Counter[str]:
    """Make the random space of that name, propose from it at most so often, and judge each."""
    random = Random(name)
    make, kinds = SAMPLERS[sampler]
    spec, contradictory = _worth_a_look(random, kinds)
    counts: Counter[str] = Counter(spaces=1)
    study = optuna.create_study()
    propose = proposer(study, spec, predicts_nothing, random.getrandbits(31), make(spec))
    space, complete = space_of(spec), 0
    for _ in range(min(_PER_SPACE.get(sampler, _PER_SPACE_ELSE), most)):
        try:
            found = propose()
        except NoAllowedConfiguration:
            counts["contradictory" if contradictory else _refusal(spec, random)] += 1
            break
        except Exception as error:  # noqa: BLE001 (any other is a fault of the engine, and counted)
            counts["crashed"] += 1
            print(f"  crashed: {sampler}, space {name}: {error!r}", file=sys.stderr)
            break
        counts["proposals"] += 1
        counts["with a model"] += complete >= _RANDOM_START.get(sampler, math.inf)
        if wrong := spec.breaches(found.params):
            counts["forbidden"] += 1
            breach = f"{found.params} breaks {wrong}"
            print(f"  forbidden: {sampler}, space {name}: {breach}", file=sys.stderr)
        if found.repeated:
            break  # everything that is allowed here has been proposed
        state = random.choice(_ENDS)
        complete += state is TrialState.COMPLETE
        value = random.random() if state is TrialState.COMPLETE else None
        told(study, space, found.params, value, state, found.notes)
    return counts


def _worth_a_look(random: Random, kinds: Container[str]) -> tuple[Spec, bool]:
    """Return a random space of such kinds; few of those that seem to allow nothing."""
    while True:
        spec, contradictory = random_spec(random)
        if all(entry.kind in kinds for entry in spec.entries) and (
            contradictory
            or _allows_something(spec, random, _DRAWS_TO_LOOK)
            or random.random() < _SHARE_OF_EMPTY
        ):
            return spec, contradictory


def _allows_something(spec: Spec, random: Random, draws: int) -> bool:
    return any(not spec.breaches(draw(spec, random)) for _ in range(draws))


def _refusal(spec: Spec, random: Random) -> str:
    return "missed" if _allows_something(spec, random, _DRAWS_BEFORE_BELIEVING) else "empty"


def tables(found: Found) -> Iterator[str]:
    """Yield the table: a line for each sampler."""
    yield "Safety: proposals over random spaces and rules, judged by an independent evaluator"
    yield f"  {'sampler':11}" + "".join(f"{name:>14}" for name in _COUNTED)
    for sampler in SAMPLERS:
        blocks = [counts for piece, counts in found.items() if piece[0] == sampler]
        if blocks:
            sums = (sum(one.get(name, 0) for one in blocks) for name in _COUNTED)
            yield f"  {sampler:11}" + "".join(f"{number:14,}" for number in sums)
    yield "  with a model: in a study with so many complete trials that the sampler has left its"
    yield f"  random start behind ({', '.join(f'{one} {n}' for one, n in _RANDOM_START.items())})"
    yield "  refused: contradictory by construction; empty as far as 20,000 draws tell; missed:"
    yield "  given up though one of these draws is allowed"
