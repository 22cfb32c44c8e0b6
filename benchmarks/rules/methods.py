"""How each contestant gets its 50 trainings: all with Optuna's TPE, all with the same settings.

TPE: multivariate and grouped (so that parameters which are there together are modelled together;
of no effect where none is conditional), 10 trials at random first. Every contestant gets all its
trainings, and a question that is answered by "forbidden" costs it none. It may ask a bounded number
of times for each; where all answers were "forbidden", it is given what its users would resort to: a
draw at random among the allowed, which TPE is told of like any other.

- `ours`: the engine of this project.
- `trial_pruned`: `raise TrialPruned` where forbidden, as Optuna's FAQ has it: TPE counts it among
  the bad. May ask 20 times for a training: TPE gets slower with each.
- `told_failed`: the trial fails where forbidden: TPE does not see it. May ask 20 times.
- `soft`: how far each rule is broken, as Optuna's constraint (`Trial.set_constraint`), each divided
  by its median over random draws, so that all are of order 1; told as pruned, since nothing was
  trained. TPE ranks the forbidden by the sum of it, behind all that is allowed. May ask 20 times.
- `rejection`: as `told_failed` (to TPE it is the same), but may ask 50 times: at a share of 2 %, as
  often as a draw at random takes on average.
- `configspace`: the first ten and the way out are ConfigSpace's own draws, under the clauses where
  it can state the rules and by rejection where it cannot; from then on as `rejection`.
- `random`: uniform in the allowed region, no model: what ConfigSpace alone would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from random import Random
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import optuna
from optuna.samplers import TPESampler
from optuna.samplers._tpe import _truncnorm
from optuna.trial import TrialState
from scipy.special import log_ndtr, ndtr

from benchmarks.rules import peer
from benchmarks.rules.drawing import draw
from benchmarks.rules.engine import STARTUP, proposer, rules_of, told
from benchmarks.rules.problems import Problem
from satisfice.tasks.sampling.samplers import tpe

_ASKS, _ASKS_OF_REJECTION = 20, 50
_SCALE_DRAWS = 200


class Training(NamedTuple):
    """One training of a contestant.

    Attributes:
        loss: What came of it.
        own: Whether the contestant's sampler proposed it, and not the way out.
    """

    loss: float
    own: bool


Method: TypeAlias = Callable[[Problem, int], Iterator[Training]]
_Refuse: TypeAlias = Callable[[optuna.Study, optuna.Trial, Mapping[str, Any]], None]
_Spares: TypeAlias = Callable[[Problem, int], Iterator[dict[str, Any]]]


class PatientTPE(TPESampler):
    """Optuna's TPE, in half the time where it is asked again with nothing learnt in between.

    It draws the candidates of many proposals in one pass, and hands out the best of each 24: the
    same distribution as that of one proposal after the other.
    """

    _PROPOSALS, _CANDIDATES = 10, 24

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, n_ei_candidates=self._PROPOSALS * self._CANDIDATES)
        self._learnt = 0
        self._waiting: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        self._best: dict[str, Any] = {}

    def _sample(self, study: optuna.Study, trial: Any, search_space: dict[str, Any]) -> Any:
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        learnt = len(study.get_trials(deepcopy=False, states=states))
        if learnt != self._learnt:
            self._learnt, self._waiting = learnt, {}
        waiting = self._waiting.setdefault(tuple(search_space), [])
        if not waiting:
            super()._sample(study, trial, search_space)
            waiting += [
                {
                    name: kind.to_external_repr(self._best[name][at].item())
                    for name, kind in search_space.items()
                }
                for at in range(self._PROPOSALS)
            ]
        return waiting.pop()

    def _compute_acquisition_func(self, samples: dict[str, Any], *models: Any) -> Any:
        value = super()._compute_acquisition_func(samples, *models)
        rows = value.reshape(self._PROPOSALS, self._CANDIDATES)
        best = rows.argmax(axis=1) + self._CANDIDATES * np.arange(self._PROPOSALS)
        self._best = {name: column[best] for name, column in samples.items()}
        return value


def _study(seed: int, kind: type[TPESampler]) -> optuna.Study:
    # The same functions in C, for this process: Optuna's run in Python and take most of its time.
    _truncnorm._ndtr, _truncnorm._log_ndtr = ndtr, log_ndtr
    sampler = kind(seed=seed, multivariate=True, group=True, n_startup_trials=STARTUP)
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


def _allowed(problem: Problem, seed: int) -> Iterator[dict[str, Any]]:
    """Yield configurations uniform in the allowed region."""
    random = Random(seed)
    return (one for _ in count() if problem.allowed(one := draw(problem.spec, random)))


def _configspace(problem: Problem, seed: int) -> Iterator[dict[str, Any]]:
    """Yield ConfigSpace's draws, under the rules that it can state, held against the others."""
    return (one for one in peer.samples(problem.spec, seed) if problem.allowed(one))


def ours(problem: Problem, seed: int) -> Iterator[Training]:
    """Propose with the engine of this project."""
    study = optuna.create_study()
    propose = proposer(study, problem.spec, problem.predict, seed, tpe)
    while True:
        params = propose().params
        if not problem.allowed(params):
            raise AssertionError(f"a forbidden proposal: {params}")
        loss = problem.loss(params)
        told(study, problem.space, params, loss)
        yield Training(loss, own=True)


def _asking(
    refuse: _Refuse,
    problem: Problem,
    seed: int,
    asks: int,
    spares: _Spares = _allowed,
    given: int = 0,
) -> Iterator[Training]:
    """Ask Optuna's TPE a bounded number of times for each training.

    Args:
        refuse: Tells a forbidden trial to the study.
        problem: What is searched.
        seed: Of all that is drawn.
        asks: At most so many for one training.
        spares: Where trainings come from when all answers were "forbidden".
        given: So many trainings come from there to begin with.
    """
    # What is told as failed teaches TPE nothing.
    study = _study(seed, PatientTPE if refuse is _fail else TPESampler)
    spare = spares(problem, seed)
    for number in count():
        for _ in range(asks if number >= given else 0):
            trial = study.ask()
            params = _suggest(trial, problem)
            if problem.allowed(params):
                loss = problem.loss(params)
                study.tell(trial, loss)
                yield Training(loss, own=True)
                break
            refuse(study, trial, params)
        else:
            params = next(spare)
            loss = problem.loss(params)
            told(study, problem.space, params, loss)
            yield Training(loss, own=False)


def _prune(study: optuna.Study, trial: optuna.Trial, _: object) -> None:
    study.tell(trial, state=TrialState.PRUNED)


def _fail(study: optuna.Study, trial: optuna.Trial, _: object) -> None:
    study.tell(trial, state=TrialState.FAIL)


def _constrain(problem: Problem, seed: int) -> _Refuse:
    """Return what tells by how much each rule is broken."""
    book, random = rules_of(problem.spec), Random(seed)

    def margins(params: Mapping[str, Any]) -> Mapping[str, float]:
        return book.judge(params, problem.predict(params)).margins

    seen = [margins(draw(problem.spec, random)) for _ in range(_SCALE_DRAWS)]
    scales = {
        rule.id: float(np.median([abs(one[rule.id]) for one in seen if rule.id in one] or [1])) or 1
        for rule in book.rules
    }

    def refuse(study: optuna.Study, trial: optuna.Trial, params: Mapping[str, Any]) -> None:
        for rule, margin in margins(params).items():
            trial.set_constraint(rule, -margin / scales[rule])
        study.tell(trial, state=TrialState.PRUNED)

    return refuse


METHODS: dict[str, Method] = {
    "ours": ours,
    "trial_pruned": lambda problem, seed: _asking(_prune, problem, seed, _ASKS),
    "told_failed": lambda problem, seed: _asking(_fail, problem, seed, _ASKS),
    "soft": lambda problem, seed: _asking(_constrain(problem, seed), problem, seed, _ASKS),
    "rejection": lambda problem, seed: _asking(_fail, problem, seed, _ASKS_OF_REJECTION),
    "configspace": lambda problem, seed: _asking(
        _fail, problem, seed, _ASKS_OF_REJECTION, _configspace, STARTUP
    ),
    "random": lambda problem, seed: (
        Training(problem.loss(one), own=True) for one in _allowed(problem, seed)
    ),
}
