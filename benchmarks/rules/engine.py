"""The engine under test and the samplers that it wraps: the only file to change with its face."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from benchmarks.rules.evaluator import Entry, Spec
from domain.expressions import Expression
from domain.rules import Rule, RuleBook
from domain.space import Choice, Domain, Float, Int, Parameter, Space
from tasks.sampling import Proposal, propose, tpe

STARTUP = 10

Predict = Callable[[Mapping[str, Any]], Mapping[str, float]]
Propose = Callable[[], Proposal]
MakeSampler = Callable[[int], BaseSampler]

# Each slow sampler with the kinds of parameters that it can draw at all.
SAMPLERS: dict[str, tuple[Callable[[Space], MakeSampler], tuple[str, ...]]] = {
    "random": (lambda space: optuna.samplers.RandomSampler, ("float", "int", "choice")),
    "tpe": (lambda space: tpe, ("float", "int", "choice")),
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
    study: optuna.Study, spec: Spec, predict: Predict, seed: int, sampler: MakeSampler
) -> Propose:
    """Return a function that proposes the study's next configuration."""
    space, rules = space_of(spec), rules_of(spec)
    return lambda: propose(study, space, rules, predict, seed, sampler)


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

    def on(self, make: MakeSampler) -> MakeSampler:
        """Return a maker of the same samplers, with their draws counted."""

        def timed(seed: int) -> BaseSampler:
            sampler = make(seed)
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
