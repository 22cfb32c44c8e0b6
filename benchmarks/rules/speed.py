"""What a proposal and an expression cost, with ConfigSpace side by side.

A proposal's time is split: the wrapped sampler's own draws (redraws included, and counted), and
what comes on top, which is ours. It is processor time, so that what else runs on the machine counts
less. ConfigSpace is timed on the rules that it can state: those that compare two parameters.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray

from benchmarks.rules import peer
from benchmarks.rules.drawing import draw
from benchmarks.rules.engine import (
    SAMPLERS,
    Stopwatch,
    predicts_nothing,
    proposer,
    space_of,
    told,
)
from benchmarks.rules.evaluator import Entry, Spec
from domain.errors import NoAllowedConfiguration
from domain.expressions import Expression

HISTORY = 50  # trials in the study from which a sampler learns
_SHARE_DRAWS = 200_000
_REPEATS, _CALLS = 15, 2_000
_PEER_SECONDS = 20.0

_NETWORK = (
    Entry("width", "int", 8, 1024, log=True),
    Entry("groups", "int", 1, 16),
    Entry("depth", "int", 1, 12),
    Entry("batch", "int", 4, 512, log=True),
    Entry("rate", "float", 1e-5, 1.0, log=True),
    Entry("optimizer", "choice", choices=("sgd", "adamw", "lion")),
    Entry("momentum", "float", 0.0, 0.99, when="optimizer == 'sgd'"),
)


def _growing(count: int) -> Spec:
    """Return a space whose whole numbers must each be larger than the one before."""
    names = [f"size_{at}" for at in range(count)]
    entries = (*(Entry(name, "int", 1, 30) for name in names), Entry("rate", "float", 0.0, 1.0))
    return Spec(entries, tuple(f"{left} < {right}" for left, right in pairwise(names)))


SPACES: dict[str, Spec] = {
    "network, 3 %": Spec(
        _NETWORK,
        (
            "width % groups == 0",
            "width * width * depth <= 1_500_000",
            "5e-6 <= rate / batch <= 7e-5",
            "batch * width * depth <= 400_000",
        ),
    ),
    "network, 0.01 %": Spec(
        _NETWORK,
        (
            "width % groups == 0 and groups >= 6",
            "350_000 <= width * width * depth <= 550_000",
            "1e-5 <= rate / batch <= 4e-5",
            "batch * width >= 30_000",
        ),
    ),
    "growing sizes, 3 %": _growing(4),
    "growing sizes, 0.01 %": _growing(7),
}

EXPRESSIONS = (
    "width % groups == 0",
    "width * width * depth / groups <= 200_000",
    "5e-6 <= rate / batch <= 2e-4",
    "optimizer == 'sgd' or rate <= 0.01",
)


@dataclass(frozen=True)
class Timing:
    """What a number of proposals took, one entry each, in milliseconds.

    Attributes:
        own: Of the sampler's draws.
        added: On top of them.
        draws: How many configurations the sampler drew for the proposal.
        repaired: How many of the proposals were repaired.
        refused: How many ended without one.
    """

    own: NDArray[np.float64]
    added: NDArray[np.float64]
    draws: NDArray[np.float64]
    repaired: int
    refused: int


def share(spec: Spec) -> float:
    """Return the share of the space that the rules allow, from independent draws."""
    random = Random(0)
    return sum(not spec.breaches(draw(spec, random)) for _ in range(_SHARE_DRAWS)) / _SHARE_DRAWS


def proposals(spec: Spec, sampler: str, count: int) -> Timing:
    """Time proposals in a study that grows to twice HISTORY trials and is then begun anew."""
    rows, repaired, refused = [], 0, 0
    space = space_of(spec)
    study, watch = optuna.create_study(), Stopwatch()
    random = Random(0)
    make = watch.on(SAMPLERS[sampler][0](spec))
    while len(rows) + refused < count:
        if len(study.get_trials(deepcopy=False)) >= 2 * HISTORY:
            study = optuna.create_study()
        propose = proposer(study, spec, predicts_nothing, len(rows), make)
        watch.seconds = 0.0
        begun = time.process_time()
        try:
            found = propose()
        except NoAllowedConfiguration:
            refused += 1
            continue
        took = time.process_time() - begun
        rows.append((1e3 * watch.seconds, 1e3 * (took - watch.seconds), found.draws))
        repaired += found.repaired
        told(study, space, found.params, random.random(), notes=found.notes)
    own, added, draws = np.array(rows or [(np.nan,) * 3]).T
    return Timing(own, added, draws, repaired, refused)


def peer_draws(spec: Spec, count: int) -> NDArray[np.float64]:
    """Time ConfigSpace's draws one by one, in milliseconds, for at most some seconds.

    Raises:
        ImportError: ConfigSpace is not installed.
    """
    space = peer.configuration_space(spec, 0)
    taken: list[float] = []
    while len(taken) < count and sum(taken) < 1e3 * _PEER_SECONDS:
        begun = time.process_time()
        space.sample_configuration()
        taken.append(1e3 * (time.process_time() - begun))
    return np.array(taken)


def microseconds(call: Callable[[Any], object], values: object) -> NDArray[np.float64]:
    """Time a call, repeatedly, in microseconds each."""
    taken = []
    for _ in range(_REPEATS):
        begun = time.process_time()
        for _ in range(_CALLS):
            call(values)
        taken.append(1e6 * (time.process_time() - begun) / _CALLS)
    return np.array(taken)


def expressions() -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Time `holds` and `margin` of some expressions."""
    values = {
        "width": 96, "groups": 8, "depth": 3, "batch": 32, "rate": 1e-3, "optimizer": "adamw"
    }  # fmt: skip
    read = {text: Expression(text) for text in EXPRESSIONS}
    return {
        text: (microseconds(one.holds, values), microseconds(one.margin, values))
        for text, one in read.items()
    }


def states_all(spec: Spec) -> bool:
    """Tell whether ConfigSpace can state every rule."""
    return len(peer.stated(spec)) == len(spec.rules)
