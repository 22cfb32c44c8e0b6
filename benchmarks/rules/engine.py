"""The engine under test and the samplers that it wraps: the only file to change with its face."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState, create_trial

from benchmarks.rules.evaluator import Entry, Spec
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Choice, Domain, Float, Int, Parameter, Space
from satisfice.tasks.sampling.proposer import Proposal, Proposer
from satisfice.tasks.sampling.samplers import SAMPLERS as BY_NAME
from satisfice.tasks.sampling.samplers import SamplerFactory
from satisfice.tasks.storage.distributions import distributions

STARTUP = 10

Predict = Callable[[Mapping[str, Any]], Mapping[str, float]]
Propose = Callable[[], Proposal]

_EVERYTHING = ("float", "int", "choice")
_COUNTABLE = ("int", "choice")  # what goes through all values cannot go through real numbers
_GRID_POINTS = 2  # of each parameter: in eight parameters that makes 256


def _grid(spec: Spec) -> SamplerFactory:
    """Go through a grid of a few values of each parameter."""
    values = {entry.name: _few(entry) for entry in spec.entries}
    return lambda seed, own: optuna.samplers.GridSampler(values, seed=seed)


def _few(entry: Entry) -> list[Any]:
    if entry.kind == "choice":
        return list(entry.choices[:_GRID_POINTS])
    whole = list(range(int(entry.low), int(entry.high) + 1, entry.step))
    return whole[:: math.ceil(len(whole) / _GRID_POINTS)]


# Each sampler with the kinds of parameters that it can draw at all.
SAMPLERS: dict[str, tuple[Callable[[Spec], SamplerFactory], tuple[str, ...]]] = {
    **{
        name: (lambda _, make=make: make, _COUNTABLE if name == "brute-force" else _EVERYTHING)
        for name, make in BY_NAME.items()
    },
    "grid": (_grid, _COUNTABLE),
}


def space_of(spec: Spec) -> Space:
    """Return the space in the engine's words."""
    return Space(
        tuple(
            Parameter(one.name, _domain(one), Expression(one.when) if one.when else None)
            for one in spec.entries
        )
    )


def rules_of(spec: Spec) -> RuleBook:
    """Return the rules in the engine's words; their ids are their places."""
    return RuleBook(
        tuple(Rule(f"rule {at}", Expression(text)) for at, text in enumerate(spec.rules, 1))
    )


def proposer(
    study: optuna.Study, spec: Spec, predict: Predict, seed: int, sampler: SamplerFactory
) -> Propose:
    """Return a function that proposes the study's next configuration."""
    return Proposer(study, space_of(spec), rules_of(spec), predict, seed, sampler).propose


def told(
    study: optuna.Study,
    space: Space,
    params: Mapping[str, Any],
    value: float | None,
    state: TrialState = TrialState.COMPLETE,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Add a trial to a study as it ended."""
    study.add_trial(
        create_trial(
            state=state,
            params=dict(params),
            distributions=distributions(space, params),
            value=value,
            system_attrs=dict(notes or {}),
        )
    )


def predicts_nothing(_: Mapping[str, Any]) -> Mapping[str, float]:
    """Stand in where no rule asks for a prediction."""
    return {}


def _domain(entry: Entry) -> Domain:
    if entry.kind == "choice":
        return Choice(entry.choices)
    if entry.kind == "int":
        return Int(int(entry.low), int(entry.high), entry.log, entry.step)
    return Float(float(entry.low), float(entry.high), entry.log)


class Stopwatch:
    """Counts the seconds that samplers spend on their own draws.

    Attributes:
        seconds: Their sum so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, make: SamplerFactory) -> SamplerFactory:
        """Return a maker of the same samplers, with their draws counted."""

        def timed(seed: int, own: int) -> BaseSampler:
            sampler = make(seed, own)
            for name in ("infer_relative_search_space", "sample_relative", "sample_independent"):
                setattr(sampler, name, self._counted(getattr(sampler, name)))
            return sampler

        return timed

    def _counted(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            begun = time.process_time()
            try:
                return draw(*given, **named)
            finally:
                self.seconds += time.process_time() - begun

        return counted
