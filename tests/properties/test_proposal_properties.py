"""No proposal breaks a hard rule or leaves the space, for arbitrary spaces and rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules import vectorized
from satisfice.domain.rules.rule import Rule, RuleBook, implied_by
from satisfice.domain.space.repair import nearest_allowed
from satisfice.domain.space.space import (
    Bounded,
    Choice,
    Derived,
    Domain,
    Float,
    Int,
    Ordinal,
    Parameter,
    Params,
    Space,
)
from satisfice.tasks.sampling.draws import random_configurations
from satisfice.tasks.sampling.proposer import Proposer
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.trial_records import BEGUN

optuna.logging.set_verbosity(optuna.logging.WARNING)

RuleEvaluator = Callable[[Params], bool]


@dataclass(frozen=True)
class Ruled:
    """A space with rules, and a judge that uses none of the code under test."""

    space: Space
    rules: RuleBook
    inside: RuleEvaluator
    permitted: RuleEvaluator
    twins: tuple[Twin, ...]  # of the rules that are not the space's own, in their order

    def __repr__(self) -> str:
        texts = [rule.require.text for rule in self.rules.rules]
        return f"Ruled({self.space.parameters}, {texts})"


# -- the space: parameters by name, and beside each what decides whether a value is its own --------

NAMES = ("a", "b", "c", "d")


Owns = Callable[[Any, Params], bool]  # of a value, given the parameters above


@st.composite
def floats(draw: st.DrawFn) -> tuple[Domain, Owns]:
    log = draw(st.booleans())
    low = draw(st.sampled_from([1e-5, 0.01, 0.5, 1.0] if log else [-3.0, 0.0, 0.1]))
    high = low * draw(st.sampled_from([1.0, 3.0, 1e4])) if log else low + draw(st.floats(0, 9))
    return Float(low, high, log), lambda value, _: type(value) is float and low <= value <= high


@st.composite
def stepped(draw: st.DrawFn) -> tuple[Domain, Owns]:
    low, step = draw(st.sampled_from([-1.0, 0.0, 0.1])), draw(st.sampled_from([0.1, 0.25, 3.0]))
    steps = draw(st.integers(1, 9))
    grid = [low + at * step for at in range(steps + 1)]
    domain = Float(low, grid[-1] + step / 3, step=step)
    return domain, lambda value, _: any(math.isclose(value, one, abs_tol=1e-9) for one in grid)


@st.composite
def ints(draw: st.DrawFn) -> tuple[Domain, Owns]:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -5, 8))
    high = low + draw(st.integers(0, 60))
    step = 1 if log else draw(st.sampled_from([1, 1, 2, 7]))
    return Int(
        low, high, log, step
    ), lambda value, _: type(value) is int and value in range(low, high + 1, step)


@st.composite
def choices(draw: st.DrawFn) -> tuple[Domain, Owns]:
    words = tuple(draw(st.sampled_from([("u",), ("u", "v"), ("u", "v", "w")])))
    return Choice(words), lambda value, _: type(value) is str and value in words


@st.composite
def ordinals(draw: st.DrawFn) -> tuple[Domain, Owns]:
    sizes = tuple(draw(st.sampled_from([(1, 2), (16, 32, 64), (3, 1, 2)])))
    return Ordinal(sizes), lambda value, _: type(value) is int and value in sizes


def bounded(above: str) -> st.SearchStrategy[tuple[Domain, Owns]]:
    """Bounds that depend on a number above, and leave nothing if it is below zero."""

    def real(value: Any, seen: Params) -> bool:
        limit = 2 * seen[above]  # type: ignore[operator]
        return type(value) is float and -1e-12 <= value <= limit + 1e-9

    def whole(value: Any, seen: Params) -> bool:
        first: Any = seen[above]
        return type(value) is int and first / 2 <= value <= first + 3

    return st.sampled_from(
        [
            (Bounded(Expression("0"), Expression(f"2 * {above}")), real),
            (Bounded(Expression(f"{above} / 2"), Expression(f"{above} + 3"), whole=True), whole),
        ]
    )


def derived(above: str) -> st.SearchStrategy[tuple[Domain, Owns]]:
    def inverse(value: Any, seen: Params) -> bool:
        number: Any = seen[above]
        return bool(number != 0 and value == 1 / number)

    def square(value: Any, seen: Params) -> bool:
        number: Any = seen[above]
        return bool(value == number * number)

    return st.sampled_from(
        [
            (Derived(Expression(f"1 / {above}")), inverse),
            (Derived(Expression(f"{above} * {above}")), square),
        ]
    )


# -- the rules: text for the parser, and the same in plain Python ---------------------------------


@dataclass(frozen=True)
class Twin:
    """A condition twice: as text, and as a function of the values it names."""

    text: str
    names: tuple[str, ...]
    holds: Callable[..., bool]

    def __call__(self, params: Params) -> bool | None:
        """Return None where a name is missing."""
        if any(name not in params for name in self.names):
            return None
        try:
            return bool(self.holds(*(params[name] for name in self.names)))
        except (ArithmeticError, ValueError):
            return False


def modulo(x: str, y: str, rest: int) -> Twin:
    return Twin(f"{x} % {y} == {rest}", (x, y), lambda p, q: p % q == rest)


def multiple(x: str, by: int) -> Twin:
    return Twin(f"{x} % {by} == 0", (x,), lambda p: p % by == 0)


def at_most(x: str, limit: float) -> Twin:
    return Twin(f"{x} <= {limit!r}", (x,), lambda p: p <= limit)


def above(x: str, limit: float) -> Twin:
    return Twin(f"not {x} <= {limit!r}", (x,), lambda p: p > limit)


def between(x: str, low: float, high: float) -> Twin:
    return Twin(f"{low!r} < {x} <= {high!r}", (x,), lambda p: low < p <= high)


def product(x: str, y: str, limit: float) -> Twin:
    return Twin(f"{x} * {y} <= {limit!r}", (x, y), lambda p, q: p * q <= limit)


def ratio(x: str, y: str, limit: float) -> Twin:
    return Twin(f"{x} / {y} >= {limit!r}", (x, y), lambda p, q: p / q >= limit)


def either(x: str, y: str, limit: float) -> Twin:
    return Twin(
        f"{x} > {limit!r} or {y} < {x} and abs({y}) != 2",
        (x, y),
        lambda p, q: p > limit or (q < p and abs(q) != 2),
    )


def root(x: str, limit: float) -> Twin:
    return Twin(f"sqrt({x}) < {limit!r}", (x,), lambda p: math.sqrt(p) < limit)


def word(x: str) -> Twin:
    return Twin(f"{x} in ['u', 'w']", (x,), lambda p: p in ("u", "w"))


def implied(x: str, y: str, limit: float) -> Twin:
    return Twin(
        f"{y} <= {limit!r} if {x} == 'v' else {y} > {limit!r}",
        (x, y),
        lambda p, q: q <= limit if p == "v" else q > limit,
    )


LIMITS = st.sampled_from([-2.0, 0.0, 0.3, 1.0, 2.0, 7.0, 40.0])


def conditions(numbers: list[str], words: list[str]) -> st.SearchStrategy[Twin]:
    number, name = st.sampled_from(numbers or ["none"]), st.sampled_from(words or ["none"])
    of_numbers = [
        st.builds(modulo, number, number, st.integers(0, 1)),
        st.builds(multiple, number, st.integers(1, 5)),
        st.builds(at_most, number, LIMITS),
        st.builds(above, number, LIMITS),
        st.builds(between, number, LIMITS, LIMITS),
        st.builds(product, number, number, LIMITS),
        st.builds(ratio, number, number, LIMITS),
        st.builds(either, number, number, LIMITS),
        st.builds(root, number, LIMITS),
    ]
    of_words = [st.builds(word, name)]
    mixed = [st.builds(implied, name, number, LIMITS)]
    return st.one_of(
        *(of_numbers if numbers else []),
        *(of_words if words else []),
        *(mixed if numbers and words else []),
    )


@st.composite
def ruled_spaces(draw: st.DrawFn) -> Ruled:
    parameters: list[Parameter] = []
    own: dict[str, Owns] = {}
    there: dict[str, Twin] = {}
    numbers: list[str] = []
    words: list[str] = []
    for name in NAMES[: draw(st.integers(1, 4))]:
        kinds = [floats(), stepped(), ints(), ints(), choices(), ordinals()]
        # What is always there: a bound on what may be absent would need a condition itself.
        certain = [one for one in numbers if one not in there]
        if certain:
            kinds += [bounded(certain[-1]), derived(certain[-1])]
        domain, own[name] = draw(st.one_of(*kinds))
        when = draw(st.none() | conditions(numbers, words)) if parameters else None
        if when is not None:
            there[name] = when
        text = None if when is None else Expression(when.text)
        parameters.append(Parameter(name, domain, text))
        (words if isinstance(domain, Choice) else numbers).append(name)
    twins = draw(st.lists(conditions(numbers, words), max_size=3))

    def inside(params: Params) -> bool:
        seen: dict[str, Value] = {}
        for one in parameters:
            wanted = one.name not in there or there[one.name](seen) is True
            if wanted != (one.name in params) or (
                wanted and not own[one.name](params[one.name], seen)
            ):
                return False
            if wanted:
                seen[one.name] = params[one.name]
        return len(seen) == len(params)

    def permitted(params: Params) -> bool:
        return inside(params) and all(twin(params) is not False for twin in twins)

    rules = (Rule(f"rule-{at}", Expression(twin.text)) for at, twin in enumerate(twins))
    space = Space(tuple(parameters))
    return Ruled(space, RuleBook((*rules, *implied_by(space))), inside, permitted, tuple(twins))


def no_prediction(params: Params) -> Mapping[str, float]:
    raise AssertionError("no rule needs a prediction")


def add(study: optuna.Study, ruled: Ruled, params: Params, number: int) -> None:
    pruned = number % 5 == 4
    kinds = distributions(ruled.space, params)
    study.add_trial(
        create_trial(
            state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
            value=None if pruned else float(number * 7 % 11),
            params={name: params[name] for name in kinds},
            distributions=kinds,
            user_attrs={BEGUN: {"params": dict(params), "purpose": "search"}},
        )
    )


@settings(max_examples=60, deadline=None)
@given(ruled_spaces(), st.integers(0, 2**31))
def test_no_proposal_breaks_a_rule_or_leaves_the_space(ruled: Ruled, seed: int) -> None:
    study = optuna.create_study()
    for number in range(13):  # beyond the ten at random, so that the model has its say
        try:
            proposal = Proposer(study, ruled.space, ruled.rules, no_prediction, seed).propose()
        except NoAllowedConfiguration:
            assert number == 0  # what was found once is found again
            assert study.get_trials(deepcopy=False) == []
            chance = random_configurations(ruled.space, 300, seed)
            assert not any(ruled.permitted(params) for params in chance)
            return
        assert ruled.inside(proposal.params)
        assert ruled.permitted(proposal.params)
        assert proposal.verdict.allowed
        assert len(study.get_trials(deepcopy=False)) == number
        add(study, ruled, proposal.params, number)


@settings(max_examples=25, deadline=None)
@given(ruled_spaces(), st.integers(0, 2**31))
def test_a_proposal_depends_on_history_and_seed_alone(ruled: Ruled, seed: int) -> None:
    def search() -> list[Params]:
        study = optuna.create_study()
        found: list[Params] = []
        proposer = Proposer(study, ruled.space, ruled.rules, no_prediction, seed)
        try:
            for number in range(12):
                found.append(proposer.propose().params)
                add(study, ruled, found[-1], number)
        except NoAllowedConfiguration:
            assert not found
        return found

    assert search() == search()


@settings(max_examples=80, deadline=None)
@given(ruled_spaces(), st.integers(0, 2**31), st.integers(0, 400))
def test_a_neighbour_is_in_the_space_allowed_and_bounded_in_price(
    ruled: Ruled, seed: int, attempts: int
) -> None:
    asked = 0

    def allowed(params: Params) -> bool:
        nonlocal asked
        asked += 1
        return ruled.permitted(params)

    for start in random_configurations(ruled.space, 3, seed):
        asked = 0
        found = nearest_allowed(start, ruled.space, allowed, attempts)
        assert asked <= attempts
        assert found is None or (ruled.permitted(found) and found != start)
        assert found is None or ruled.space.outside(found) == ()
        assert found == nearest_allowed(start, ruled.space, ruled.permitted, attempts)


@settings(max_examples=100, deadline=None)
@given(ruled_spaces(), st.integers(0, 2**31))
def test_the_rule_book_agrees_with_plain_python(ruled: Ruled, seed: int) -> None:
    for params in random_configurations(ruled.space, 20, seed):
        assert ruled.rules.allow(params, {}) is ruled.permitted(params)
        assert ruled.rules.judge(params, {}).allowed is ruled.permitted(params)


@settings(max_examples=100, deadline=None)
@given(ruled_spaces(), st.integers(0, 2**31))
def test_the_prefilter_passes_every_allowed_configuration(ruled: Ruled, seed: int) -> None:
    space = ruled.space
    places = np.random.default_rng(seed).random((40, len(space.axes)))
    values, there = vectorized.configurations(space, places)
    through = vectorized.allowed(ruled.rules, values, there)
    for at, row in enumerate(places):
        coordinates = {}
        for (name, axis), place in zip(space.axes.items(), row, strict=True):
            if isinstance(axis, Choice):
                coordinates[name] = axis.choices[int(place * len(axis.choices))]
            else:
                coordinates[name] = axis.at(float(place))
        params = space.configuration(coordinates)
        assert {name for name in space.names if there[name][at]} == set(params)
        for name, value in params.items():
            if not isinstance(value, str) and not math.isnan(value):
                assert values[name][at] == pytest.approx(value)
        assert through[at] or not ruled.rules.allow(params, {})


@settings(max_examples=20, deadline=None)
@given(ruled_spaces(), st.integers(0, 2**31))
def test_a_contradiction_is_reported_and_leaves_no_trial(ruled: Ruled, seed: int) -> None:
    first = ruled.space.parameters[0].name
    clash = (
        Rule("so", Expression(f"{first} == {first}")),
        Rule("not-so", Expression(f"not {first} == {first}")),
    )
    study = optuna.create_study()
    rules = RuleBook((*ruled.rules.rules, *clash))
    with pytest.raises(NoAllowedConfiguration, match="rule 'not-so' rejected 8 of 8") as caught:
        Proposer(study, ruled.space, rules, no_prediction, seed).propose()
    assert "rule 'so'" not in caught.value.message
    assert study.get_trials(deepcopy=False) == []
