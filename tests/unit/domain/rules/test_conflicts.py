"""Conflicting rules."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.conflicts import Clash, find_clash, smallest_clash
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space
from satisfice.tasks.sampling.draws import random_configurations

SPACE = Space(
    (
        Parameter("channels", Int(4, 128, log=True)),
        Parameter("depth", Int(1, 4)),
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("optimizer", Choice(("sgd", "adamw"))),
        Parameter("momentum", Float(0.0, 0.99), when=Expression("optimizer == 'sgd'")),
    )
)
broken_sets = st.frozensets(st.sampled_from("abcdef"), max_size=6)


@given(st.lists(broken_sets, min_size=1, max_size=12), st.integers(1, 3))
def test_the_smallest_clash_is_a_smallest_one(world: list[frozenset[str]], known: int) -> None:
    """The world is all configurations, each given by the rules that it breaks."""

    def fulfil(rules: frozenset[str]) -> frozenset[str] | None:
        return next((one for one in world if not one & rules), None)

    found = smallest_clash(world[:known], fulfil)
    clashing = [
        frozenset(rules)
        for size in range(7)
        for rules in combinations("abcdef", size)
        if fulfil(frozenset(rules)) is None
    ]
    if found is None:
        assert frozenset() in world
    else:
        assert found in clashing
        assert len(found) == len(clashing[0])


def predict(params: Params) -> Mapping[str, float]:
    channels = params["channels"]
    assert isinstance(channels, int)
    return {"predicted.parameters": 100.0 * channels, "predicted.macs": 0.0}


def examined(
    *requirements: str, space: Space = SPACE, draws: int = 300
) -> tuple[Clash | Params, RuleEvaluator]:
    rules = (Rule(f"r{at}", Expression(text)) for at, text in enumerate(requirements))
    judge = RuleEvaluator(RuleBook(tuple(rules)), predict)
    drawn = list(random_configurations(space, draws, 0))
    return find_clash(space, judge, [(one, judge.broken(one)) for one in drawn]), judge


@pytest.mark.parametrize(
    ("requirements", "clash"),
    [
        (("depth < 4", "channels > 128"), Clash(("r1",), 125, ("channels",))),
        (("1 == 2",), Clash(("r0",), 1, ())),
        (
            ("channels >= 64", "lr < 0.01", "channels * depth <= 63"),
            Clash(("r0", "r2"), 500, ("channels", "depth")),
        ),
        # Each two of these have something in common; 7 * 11 * 2 is beyond 128.
        (
            tuple(f"channels % {one} == 0" for one in (7, 11, 2)),
            Clash(("r0", "r1", "r2"), 125, ("channels",)),
        ),
        # To leave out one rule after the other, beginning with r0, would end with the last three.
        (
            ("depth == 1", "depth == 2", *(f"channels % {one} == 0" for one in (7, 11, 2))),
            Clash(("r0", "r1"), 4, ("depth",)),
        ),
    ],
)
def test_a_clash_over_few_combinations_is_proven(
    requirements: tuple[str, ...], clash: Clash
) -> None:
    assert examined(*requirements)[0] == clash


def test_a_clash_over_real_numbers_is_only_not_refuted() -> None:
    clash, _ = examined("lr > 0.05", "depth < 3", "lr * channels < 0.19")
    assert isinstance(clash, Clash)
    assert clash.rules == ("r0", "r2")
    assert clash.over is None
    assert clash.looked_at > 300


def test_a_rule_is_no_clash_where_another_choice_silences_it() -> None:
    found, judge = examined("momentum > 1")
    assert not isinstance(found, Clash)
    assert "momentum" not in found
    found, judge = examined("momentum > 1", "optimizer == 'sgd'")
    assert isinstance(found, Clash)
    assert found.rules == ("r0", "r1")
    assert judge.predictions_made == 0


@pytest.mark.parametrize(
    "requirements",
    [
        ("channels == 97 and depth == 3",),  # gone through
        ("channels == 97 and depth == 3", "lr > 0.09"),  # searched
        ("lr < 0.0005", "lr * channels > 0.05", "depth == 4"),
        ("channels == 97", "predicted.parameters > 9600", "lr > 0.09"),
    ],
)
def test_what_few_configurations_fulfil_is_found(requirements: tuple[str, ...]) -> None:
    found, judge = examined(*requirements, draws=30)
    assert not isinstance(found, Clash)
    assert SPACE.outside(found) == ()
    assert judge.fulfils(judge.rules.rules, found)


def test_a_clash_of_a_prediction_names_the_rule_on_parameters_that_it_needs() -> None:
    clash, judge = examined("channels >= 64", "depth > 1", "predicted.parameters < 6400")
    assert isinstance(clash, Clash)
    assert clash.rules == ("r0", "r2")
    assert clash.over is None
    assert 0 < judge.predictions_made < 1000


def test_a_prediction_over_a_few_configurations_is_proven() -> None:
    small = Space((SPACE["depth"], Parameter("channels", Choice((8, 16)))))
    clash, _ = examined("depth > 1", "predicted.parameters > 1600", space=small)
    assert clash == Clash(("r1",), 8, ("depth", "channels"))


def build_shallow(params: Params) -> Mapping[str, float]:
    if params["depth"] != 1:
        raise StudyCodeError("no model")
    return predict(params)


def test_what_no_model_can_be_built_for_is_no_way_out_of_a_rule() -> None:
    shallow = Rule("shallow", Expression("depth == 1"))
    large = Rule("large", Expression("predicted.parameters > 1e6"))
    judge = RuleEvaluator(RuleBook((shallow, large)), build_shallow)
    drawn = list(random_configurations(SPACE, 30, 0))
    clash = find_clash(SPACE, judge, [(one, judge.broken(one)) for one in drawn])
    assert isinstance(clash, Clash)
    assert clash.rules == ("large",)


def test_a_model_that_cannot_be_built_is_an_error_if_all_rules_on_parameters_hold() -> None:
    judge = RuleEvaluator(
        RuleBook((Rule("large", Expression("predicted.macs >= 0")),)), build_shallow
    )
    judge.prediction_budget = 1
    with pytest.raises(StudyCodeError, match="no model"):
        judge.broken({"channels": 8, "depth": 2})


@pytest.mark.parametrize(("limit", "allowed"), [(3900, True), (4100, True), (1, False)])
def test_what_is_learnt_is_asked_with_its_error(limit: int, allowed: bool) -> None:
    """A prior is only sure of what is far off; `check` asks it as a proposal would."""
    prior = {"predicted.memory_mb": Forecast(median=4000.0, spread=1.0, freedom=5.0, trials=0)}
    rules = RuleBook((Rule("memory", Expression(f"predicted.memory_mb <= {limit}")),))
    judge = RuleEvaluator(rules, lambda _: prior)
    judge.prediction_budget = 1
    assert judge.fulfils(rules.rules, {"depth": 1}) is allowed
    assert rules.judge({"depth": 1}, prior).allowed is allowed


def test_what_only_a_sieve_finds_is_no_clash() -> None:
    found, judge = examined("0.0100 < lr < 0.0101", "0.47 < momentum < 0.471", "lr * channels > 1")
    assert not isinstance(found, Clash)
    assert judge.fulfils(judge.rules.rules, found)
