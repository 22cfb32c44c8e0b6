"""How each contestant gets its 50 trainings: all with Optuna's TPE, all with the same settings.

TPE: multivariate, `constant_liar`, 10 trials at random first. A question that is answered by
"forbidden" costs a contestant no training. Where it has to ask again, it may ask 20 times as often
as it trains (`trial_pruned`, `told_failed`, `soft`), or 20 times for one training (`rejection`,
`configspace`), and is then given what its users would do: a draw at random among the allowed.

- `ours`: the engine of this project.
- `trial_pruned`: `raise TrialPruned` where forbidden, as Optuna's FAQ has it: TPE counts it among
  the bad.
- `told_failed`: the trial fails where forbidden: TPE does not see it.
- `soft`: how far each rule is broken, as Optuna's constraint (`Trial.set_constraint`), each divided
  by its median over random draws, so that all are of order 1; told as pruned, since nothing was
  trained. TPE ranks the forbidden by the sum of it, behind all that is allowed.
- `rejection`: asks until something is allowed; what is not is never told. Its first ten are drawn
  at random by TPE itself, so they are uniform in the allowed region.
- `configspace`: the first ten and the way out are ConfigSpace's own draws, under the clauses where
  it can state the rules and by rejection where it cannot; from then on as `rejection`.
- `random`: uniform in the allowed region, no model: what ConfigSpace alone would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, TypeAlias

import numpy as np
import optuna
from optuna.trial import TrialState

from benchmarks.rules import peer
from benchmarks.rules.drawing import draw
from benchmarks.rules.engine import STARTUP, proposer, rules_of, told
from benchmarks.rules.problems import Problem
from tasks.samplers import tpe

_ASKS_PER_TRAINING = 20
_ASKS_FOR_ONE = 20

# Yields the loss of each training, in order; may end early where its questions are used up.
Method: TypeAlias = Callable[[Problem, int], Iterator[float]]


def _study(seed: int) -> optuna.Study:
    sampler = optuna.samplers.TPESampler(
        seed=seed, multivariate=True, constant_liar=True, n_startup_trials=STARTUP
    )
    return optuna.create_study(sampler=sampler)


def _suggest(trial: optuna.Trial, problem: Problem) -> dict[str, Any]:
    """Ask for each parameter that is there."""
    params: dict[str, Any] = {}
    for one in problem.spec.entries:
        if not problem.spec.present(one, params):
            continue
        if one.kind == "choice":
            params[one.name] = trial.suggest_categorical(one.name, one.choices)
        elif one.kind == "int":
            low, high = int(one.low), int(one.high)
            params[one.name] = trial.suggest_int(one.name, low, high, step=one.step, log=one.log)
        else:
            params[one.name] = trial.suggest_float(one.name, one.low, one.high, log=one.log)
    return params


def _tell(study: optuna.Study, problem: Problem, params: Mapping[str, Any]) -> float:
    """Train a configuration that did not come from the study's own sampler, and tell it."""
    loss = problem.loss(params)
    told(study, problem.space, params, loss)
    return loss


def _allowed(problem: Problem, seed: int) -> Iterator[dict[str, Any]]:
    """Yield configurations uniform in the allowed region."""
    random = Random(seed)
    while True:
        params = draw(problem.spec, random)
        if problem.allowed(params):
            yield params


def ours(problem: Problem, seed: int) -> Iterator[float]:
    """Propose with the engine of this project."""
    study = _study(seed)
    propose = proposer(study, problem.spec, problem.predict, seed, tpe)
    while True:
        params = propose().params
        if not problem.allowed(params):
            raise AssertionError(f"a forbidden proposal: {params}")
        yield _tell(study, problem, params)


def _asking(
    refuse: Callable[[optuna.Study, optuna.Trial, Problem, Mapping[str, Any]], None],
) -> Method:
    """Return a method that asks a bounded number of times, and tells what is forbidden."""

    def method(problem: Problem, seed: int) -> Iterator[float]:
        study, trained = _study(seed), 0
        for asked in range(_ASKS_PER_TRAINING * 1000):
            if asked >= _ASKS_PER_TRAINING * 50:
                return
            trial = study.ask()
            params = _suggest(trial, problem)
            if problem.allowed(params):
                loss = problem.loss(params)
                study.tell(trial, loss)
                trained += 1
                yield loss
            else:
                refuse(study, trial, problem, params)

    return method


def _prune(study: optuna.Study, trial: optuna.Trial, *_: object) -> None:
    study.tell(trial, state=TrialState.PRUNED)


def _fail(study: optuna.Study, trial: optuna.Trial, *_: object) -> None:
    study.tell(trial, state=TrialState.FAIL)


def soft(problem: Problem, seed: int) -> Iterator[float]:
    """Tell by how much each rule is broken."""
    book = rules_of(problem.spec)
    random = Random(seed)
    seen = [draw(problem.spec, random) for _ in range(200)]
    margins = [book.judge(one, problem.predict(one)).margins for one in seen]
    scales = {
        rule.id: float(np.median([abs(one[rule.id]) for one in margins if rule.id in one] or [1]))
        for rule in book.rules
    }

    def refuse(
        study: optuna.Study, trial: optuna.Trial, problem: Problem, params: Mapping[str, Any]
    ) -> None:
        for rule, margin in book.judge(params, problem.predict(params)).margins.items():
            trial.set_constraint(rule, -margin / (scales[rule] or 1.0))
        study.tell(trial, state=TrialState.PRUNED)

    return _asking(refuse)(problem, seed)


def _rejecting(starts: Callable[[Problem, int], Iterator[dict[str, Any]]] | None) -> Method:
    """Return a method that asks until something is allowed, and else takes what `starts` yields."""

    def method(problem: Problem, seed: int) -> Iterator[float]:
        study = _study(seed)
        spare = (starts or _allowed)(problem, seed)
        if starts is not None:
            for _ in range(STARTUP):
                yield _tell(study, problem, next(spare))
        while True:
            for _ in range(_ASKS_FOR_ONE):
                trial = study.ask()
                params = _suggest(trial, problem)
                if problem.allowed(params):
                    loss = problem.loss(params)
                    study.tell(trial, loss)
                    yield loss
                    break
                study.tell(trial, state=TrialState.FAIL)
            else:
                yield _tell(study, problem, next(spare))

    return method


def _configspace(problem: Problem, seed: int) -> Iterator[dict[str, Any]]:
    return (one for one in peer.samples(problem.spec, seed) if problem.allowed(one))


def random(problem: Problem, seed: int) -> Iterator[float]:
    """Draw at random among the allowed."""
    return (problem.loss(one) for one in _allowed(problem, seed))


METHODS: dict[str, Method] = {
    "ours": ours,
    "trial_pruned": _asking(_prune),
    "told_failed": _asking(_fail),
    "soft": soft,
    "rejection": _rejecting(None),
    "configspace": _rejecting(_configspace),
    "random": random,
}
