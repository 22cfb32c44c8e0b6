"""Does any forbidden configuration come out? Judged by the independent evaluator.

Each random space with its rules gets a study of its own, whose trials end in all the ways that
trials do. Rules that leave nothing must end in `NoAllowedConfiguration`: that they leave nothing is
known where two of them contradict each other by construction, and elsewhere believed where none of
20,000 independent draws is allowed. Giving up where one is allowed is counted as missed; a grid
gives up where nothing that is left of it is allowed, which is as it should be.
"""

from __future__ import annotations

import math
from collections import Counter
from multiprocessing import Pool
from random import Random

import optuna
from optuna.trial import TrialState

from benchmarks.rules.drawing import draw
from benchmarks.rules.engine import SAMPLERS, predicts_nothing, proposer, space_of, told
from benchmarks.rules.evaluator import Spec
from benchmarks.rules.generator import random_spec
from domain.errors import NoAllowedConfiguration

_PROPOSALS_PER_SPACE = 20
_DRAWS_BEFORE_BELIEVING = 20_000
_ENDS = (*[TrialState.COMPLETE] * 6, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL)


def run(sampler: str, proposals: int, workers: int, seed: int) -> Counter[str]:
    """Propose at least so often, and count what came out.

    Returns:
        `proposals`, `forbidden` and `spaces`; `contradictory` (refused, rightly so by
        construction), `empty` (refused, and nothing is known to be allowed), `missed` (refused,
        though something is allowed) and `crashed`.
    """
    counts: Counter[str] = Counter()
    with Pool(workers) as pool:
        while counts["proposals"] < proposals:
            spaces = math.ceil((proposals - counts["proposals"]) / _PROPOSALS_PER_SPACE)
            first = counts["spaces"]
            jobs = [(sampler, seed, at) for at in range(first, first + spaces)]
            for found in pool.imap_unordered(one_space, jobs):
                counts.update(found)
    return counts


def one_space(job: tuple[str, int, int]) -> Counter[str]:
    """Make one space of (sampler, seed, number), propose from it and judge each proposal."""
    sampler, seed, at = job
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    random = Random(f"{seed} {at}")
    make, kinds = SAMPLERS[sampler]
    spec, contradictory = random_spec(random)
    while not {entry.kind for entry in spec.entries} <= set(kinds):
        spec, contradictory = random_spec(random)
    counts: Counter[str] = Counter(spaces=1)
    study = optuna.create_study()
    propose, space = proposer(study, spec, predicts_nothing, at, make(spec)), space_of(spec)
    for _ in range(_PROPOSALS_PER_SPACE):
        try:
            found = propose()
        except NoAllowedConfiguration:
            counts["contradictory" if contradictory else _refusal(spec, random)] += 1
            break
        except Exception as error:  # noqa: BLE001 (any other is a fault of the engine, and counted)
            counts["crashed"] += 1
            print(f"  crashed: {sampler}, seed {seed}, space {at}: {error!r}")
            break
        params = found.params
        counts["proposals"] += 1
        if wrong := spec.breaches(params):
            counts["forbidden"] += 1
            print(f"  forbidden: {sampler}, seed {seed}, space {at}: {params} breaks {wrong}")
            break
        state = random.choice(_ENDS)
        value = random.random() if state is TrialState.COMPLETE else None
        told(study, space, params, value, state, found.notes)
    return counts


def _refusal(spec: Spec, random: Random) -> str:
    draws = (draw(spec, random) for _ in range(_DRAWS_BEFORE_BELIEVING))
    return "missed" if any(not spec.breaches(one) for one in draws) else "empty"
