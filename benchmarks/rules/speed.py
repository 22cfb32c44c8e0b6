"""What a proposal and an expression cost, with their peers side by side.

The peer of a proposal is one draw of the same Optuna sampler without rules, on the same history;
and ConfigSpace, where it can state the rules: it compares two parameters. What comes on top is the
whole proposal less the sampler's own draws, redraws included, which are counted. TPE does not draw
again: its candidates are sifted (`tasks/sifting.py`), so there it is the whole less one such draw.
The peer of an expression is Python's own `eval` of the same text, compiled before. All of it is
processor time, so that what else runs on the machine counts less.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import optuna

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
from benchmarks.rules.pieces import Found, Piece
from benchmarks.rules.problems import NETWORK
from benchmarks.rules.statistics import spread
from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.expressions.expression import Expression
from satisfice.tasks.sampling.samplers import tpe

# Trials in a study before a proposal is timed; at twice as many it is begun anew.
HISTORY, _SHORT = (
    50,
    {"gp": 12},
)  # GP has a model after ten, and takes a tenth of a second from then
_PROPOSALS, _MOST_SECONDS = 400, 60.0  # half of them are timed, or fewer where the time is over
_SHARE_DRAWS = 200_000
_REPEATS, _CALLS = 25, 2_000
_PEER_SECONDS = 10.0
_PEER, _EXPRESSION = "ConfigSpace", "expression"


def _growing(count: int) -> Spec:
    """Return a space whose whole numbers must each be larger than the one before."""
    names = [f"size_{at}" for at in range(count)]
    entries = (*(Entry(name, "int", 1, 30) for name in names), Entry("rate", "float", 0.0, 1.0))
    return Spec(entries, tuple(f"{left} < {right}" for left, right in pairwise(names)))


SPACES: dict[str, Spec] = {
    "network, 3 %": Spec(
        NETWORK,
        (
            "width % groups == 0",
            "width * width * depth <= 1_500_000",
            "5e-6 <= rate / batch <= 7e-5",
            "batch * width * depth <= 400_000",
        ),
    ),
    "network, 0.01 %": Spec(
        NETWORK,
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
_VALUES = {
    "width": 96, "groups": 8, "depth": 3, "batch": 32, "rate": 1e-3, "optimizer": "adamw"
}  # fmt: skip


def pieces(options: argparse.Namespace) -> Iterator[Piece]:
    """Name the pieces: (space, sampler), (space, ConfigSpace), (expression, text)."""
    for name, spec in SPACES.items():
        yield from ((name, one) for one in options.sampler or SAMPLERS if _draws(one, spec))
        if len(peer.stated(spec)) == len(spec.rules) and find_spec("ConfigSpace"):
            yield name, _PEER
    if find_spec("ConfigSpace") is None:
        print("  ConfigSpace is left out: not installed", file=sys.stderr)
    yield from ((_EXPRESSION, text) for text in EXPRESSIONS)


def _draws(sampler: str, spec: Spec) -> bool:
    return {entry.kind for entry in spec.entries} <= set(SAMPLERS[sampler][1])


def work(space: str, what: str) -> dict[str, Any]:
    """Time one of them."""
    if space == _EXPRESSION:
        return expression(what)
    if what == _PEER:
        return {"whole": peer_draws(SPACES[space])}
    return proposals(SPACES[space], what)


def share(spec: Spec) -> float:
    """Return the share of the space that the rules allow, from independent draws."""
    random = Random(0)
    return sum(not spec.breaches(draw(spec, random)) for _ in range(_SHARE_DRAWS)) / _SHARE_DRAWS


def proposals(spec: Spec, sampler: str) -> dict[str, Any]:
    """Time proposals in a study whose history grows to twice its length.

    Returns:
        In milliseconds, one entry for each proposal: the `whole`, the sampler's `own` draws in it
        and one `bare` draw without rules; `draws`: how many own draws; `repaired` and `refused`:
        how many proposals were moved to a neighbour, and how many ended without one.
    """
    rows: list[tuple[float, float, float, int]] = []
    repaired = refused = 0
    space, random, watch = space_of(spec), Random(0), Stopwatch()
    make = SAMPLERS[sampler][0](spec)
    ruled = make if make is tpe else watch.on(make)
    unruled, begun = Spec(spec.entries), time.monotonic()
    history = _SHORT.get(sampler, HISTORY)
    study = optuna.create_study()
    for count in range(_PROPOSALS):
        if time.monotonic() - begun > _MOST_SECONDS:
            break
        number = len(study.get_trials(deepcopy=False))
        if number == 2 * history:
            study, number = optuna.create_study(), 0
        watch.seconds = 0.0
        proposer(study, unruled, predicts_nothing, count, watch.on(make))()
        bare, watch.seconds = watch.seconds, 0.0
        propose = proposer(study, spec, predicts_nothing, count, ruled)
        started = time.process_time()
        try:
            found = propose()
        except NoAllowedConfiguration:
            refused += 1
            continue
        whole = time.process_time() - started
        own = bare if make is tpe else watch.seconds
        if number >= history:
            rows.append((1e3 * whole, 1e3 * own, 1e3 * bare, found.draws))
            repaired += found.repaired
        told(study, space, found.params, random.random(), notes=found.notes)
    columns = [list(one) for one in zip(*rows, strict=True)] or [[]] * 4
    timed = dict(zip(("whole", "own", "bare", "draws"), columns, strict=True))
    return timed | {"repaired": repaired, "refused": refused}


def peer_draws(spec: Spec) -> list[float]:
    """Time ConfigSpace's draws one by one, in milliseconds, for at most some seconds."""
    space = peer.configuration_space(spec, 0)
    taken: list[float] = []
    while len(taken) < _PROPOSALS and sum(taken) < 1e3 * _PEER_SECONDS:
        begun = time.process_time()
        space.sample_configuration()
        taken.append(1e3 * (time.process_time() - begun))
    return taken


def expression(text: str) -> dict[str, list[float]]:
    """Time `holds` and `margin` of an expression and Python's `eval`, in turns."""
    read, code = Expression(text), compile(text, "a rule", "eval")
    nothing: dict[str, Any] = {"__builtins__": {}}
    calls: dict[str, Callable[[], object]] = {
        "holds": lambda: read.holds(_VALUES),
        "margin": lambda: read.margin(_VALUES),
        "eval": lambda: eval(code, nothing, _VALUES),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(_REPEATS):
        for name, call in calls.items():
            taken[name].append(_microseconds(call))
    return taken


def _microseconds(call: Callable[[], object]) -> float:
    begun = time.process_time()
    for _ in range(_CALLS):
        call()
    return 1e6 * (time.process_time() - begun) / _CALLS


def tables(found: Found) -> Iterator[str]:
    """Yield the times of proposals in each space, and those of expressions."""
    if not found:
        return
    short = ", ".join(f"{name}: {count}-{2 * count}" for name, count in _SHORT.items())
    yield f"Speed: milliseconds of a proposal after {HISTORY}-{2 * HISTORY} trials ({short}),"
    yield "  processor time; median (quartiles); times: the whole against a draw without rules"
    for name, spec in SPACES.items():
        timed = {what: one for (space, what), one in found.items() if space == name}
        if timed:
            yield f"  {name}: allowed {share(spec):.3%}"
        for sampler in (one for one in SAMPLERS if one in timed):
            yield f"    {sampler:12} {_row(timed[sampler])}"
        if _PEER in timed:
            taken = timed[_PEER]["whole"]
            yield f"    {_PEER:12} whole {spread(np.array(taken))}   {len(taken)} draws"
        elif timed and len(peer.stated(spec)) < len(spec.rules):
            yield f"    {_PEER:12} cannot state these rules (products, modulo)"
    yield "Speed: microseconds of an expression, processor time; median (quartiles); times: against"
    yield "  Python's own `eval` of it"
    for text in (one for one in EXPRESSIONS if (_EXPRESSION, one) in found):
        timed = {name: np.array(one) for name, one in found[_EXPRESSION, text].items()}
        own = float(np.median(timed.pop("eval")))
        yield (
            "  "
            + "   ".join(
                f"{name} {spread(one)}, {np.median(one) / own:.1f} times"
                for name, one in timed.items()
            )
            + f"   {text}"
        )


def _row(timed: dict[str, Any]) -> str:
    whole, own, bare, draws = (np.array(timed[one]) for one in ("whole", "own", "bare", "draws"))
    told = f"{len(whole)} timed, repaired {timed['repaired']}, refused {timed['refused']}"
    if not len(whole):
        return told
    return (
        f"on top {spread(whole - own)}   own {spread(own)} in {np.mean(draws):.1f} draws   "
        f"whole {spread(whole)}, {np.median(whole / np.maximum(bare, 1e-3)):.1f} times   {told}"
    )
