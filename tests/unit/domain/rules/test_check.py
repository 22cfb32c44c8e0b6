"""The effect of rules on a space, and warnings about them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.check import (
    PREDICTIONS,
    Doubt,
    Findings,
    Warned,
    contradiction,
    examine,
)
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Rule, RuleBook, implied_by
from satisfice.domain.space.enumeration import every_configuration
from satisfice.domain.space.space import (
    Bounded,
    Choice,
    Derived,
    Float,
    Int,
    Parameter,
    Params,
    Space,
)
from satisfice.tasks.sampling.draws import random_configurations

SPACE = Space(
    (
        Parameter("channels", Int(4, 128, log=True), default=8),
        Parameter("groups", Int(1, 16), default=1),
        Parameter("lr", Float(1e-4, 1e-1, log=True), default=1e-3),
        Parameter("optimizer", Choice(("sgd", "adamw")), default="adamw"),
        Parameter("momentum", Float(0.0, 0.99), when=Expression("optimizer == 'sgd'")),
        Parameter("beta", Float(0.0, 0.99), when=Expression("optimizer == 'adamw'"), default=0.9),
    )
)
SMALL = Space((Parameter("a", Int(1, 6)), Parameter("b", Int(1, 4)), Parameter("c", Int(1, 2))))
DRAWS = 2000


def predict(params: Params) -> Mapping[str, float]:
    channels, groups = int(params["channels"]), int(params["groups"])
    if channels % groups:
        raise StudyCodeError(f"{groups} groups do not divide {channels} channels")
    return {"predicted.parameters": 100.0 * channels, "predicted.macs": 100.0 * channels}


def examined(*requirements: str) -> Findings:
    rules = (Rule(f"r{at}", Expression(text)) for at, text in enumerate(requirements))
    judge = RuleEvaluator(RuleBook(tuple(rules)), predict)
    return examine(SPACE, judge, random_configurations(SPACE, DRAWS, 0))


def listed(*requirements: str) -> Findings:
    rules = (Rule(f"r{at}", Expression(text)) for at, text in enumerate(requirements))
    return examine(
        SMALL, RuleEvaluator(RuleBook(tuple(rules)), predict), every_configuration(SMALL), True
    )


def test_each_rule_is_reported_with_its_share_and_an_example() -> None:
    findings = examined("groups <= 8", "channels * groups < 1000", "optimizer == 'adamw'")
    first = findings.rules[0]
    assert (first.allows.of, first.applies) == (DRAWS, DRAWS)
    assert first.allows.interval[0] < 0.5 < first.allows.interval[1]
    assert first.forbidden is not None
    assert first.nearest is not None
    # Of all that it forbids, the example is something that the others allow.
    assert first.forbidden["optimizer"] == "adamw"
    assert int(first.forbidden["channels"]) * int(first.forbidden["groups"]) < 1000
    assert first.nearest == {**first.forbidden, "groups": 8}
    each = [one.allows.count for one in findings.rules]
    assert sum(each) - 2 * DRAWS <= findings.together.count < min(each)
    assert (findings.default, findings.warnings, findings.clash) == ((), (), None)


def test_the_nearest_is_as_near_as_a_real_number_can_be() -> None:
    rule = examined("lr * channels <= 1").rules[0]
    assert rule.forbidden is not None
    assert rule.nearest is not None
    assert rule.forbidden["channels"] == rule.nearest["channels"]
    assert float(rule.nearest["lr"]) * int(rule.nearest["channels"]) == pytest.approx(1, rel=1e-4)


def test_a_small_space_is_examined_completely() -> None:
    findings = listed("a % b == 0", "c < 2")
    assert [one.allows.value for one in findings.rules] == [12 / 24, 1 / 2]
    assert findings.together.interval == (6 / 24, 6 / 24)
    assert (findings.seen, findings.whole) == (48, True)
    assert findings.default is None


def test_a_rule_is_silent_about_what_lacks_its_parameters() -> None:
    momentum = examined("momentum < 0.5").rules[0]
    assert 0.45 < momentum.applies / DRAWS < 0.55
    assert 0.7 < momentum.allows.value < 0.8
    assert momentum.forbidden is not None
    assert momentum.forbidden["momentum"] >= 0.5


def test_predictions_are_asked_for_only_where_the_other_rules_allow() -> None:
    findings = examined("channels % groups == 0", "predicted.parameters <= 6400")
    plain, predicted = findings.rules
    assert findings.predictions == predicted.allows.of == PREDICTIONS
    assert plain.allows.of == DRAWS
    # Together: of so many as were needed to find these.
    assert findings.together.count == predicted.allows.count
    assert findings.together.of == pytest.approx(PREDICTIONS / plain.allows.value, rel=0.2)
    assert predicted.forbidden is not None
    assert predicted.nearest is not None
    assert int(predicted.forbidden["channels"]) > 64 >= int(predicted.nearest["channels"])
    assert int(predicted.nearest["channels"]) % int(predicted.nearest["groups"]) == 0


def test_few_predictions_are_shared_out_over_many_draws() -> None:
    findings = examined("channels % groups == 0 and groups > 4", "predicted.parameters <= 6400")
    assert findings.predictions == findings.rules[1].allows.of < PREDICTIONS
    assert findings.together.of == DRAWS


@pytest.mark.parametrize(
    ("requirements", "warned"),
    [
        (("channels > 3",), Warned("r0", Doubt.ALWAYS_TRUE)),
        (("momentum < beta",), Warned("r0", Doubt.ALWAYS_TRUE)),  # never there together
        (("momentum > 1",), Warned("r0", Doubt.NEVER_TRUE)),
        (("groups <= 8", "groups <= 10"), Warned("r1", Doubt.ADDS_NOTHING, "r0")),
        (("groups <= 10", "groups <= 8"), Warned("r0", Doubt.ADDS_NOTHING, "r1")),
        (("groups <= 8", "groups < 9"), Warned("r1", Doubt.ADDS_NOTHING, "r0")),
        (
            ("channels % groups == 0", "predicted.macs < 1800", "predicted.macs < 1900"),
            Warned("r2", Doubt.ADDS_NOTHING, "r1"),
        ),
        (("channels > 9",), Warned("r0", Doubt.DEFAULT_BREAKS)),
        (
            ("predicted.parameters > 900", "channels % groups == 0"),
            Warned("r0", Doubt.DEFAULT_BREAKS),
        ),
    ],
)
def test_a_doubtful_rule_is_warned_of(requirements: tuple[str, ...], warned: Warned) -> None:
    assert examined(*requirements).warnings == (warned,)


def test_a_coincidence_is_no_reason_for_a_doubt() -> None:
    # The few that the second rule forbids are all among the many that the first one does.
    findings = examined("groups <= 4", "groups <= 8 or channels < 128")
    few = DRAWS - findings.rules[1].allows.count
    assert 0 < few < 10
    assert findings.warnings == ()


def test_what_forbids_only_what_was_not_drawn_is_of_use() -> None:
    findings = examined("groups <= 8", "lr < 0.09999", "groups <= 8 and lr < 0.09999")
    alone, rare, both = findings.rules
    assert rare.allows.value == 1
    assert rare.forbidden is not None
    assert rare.forbidden["lr"] == 0.1
    assert both.allows == alone.allows
    assert findings.warnings == ()


def test_what_only_a_search_finds_is_no_contradiction() -> None:
    findings = examined("channels == 127 and groups == 13 and optimizer == 'adamw'")
    assert (findings.together.count, findings.clash) == (0, None)
    assert [one.doubt for one in findings.warnings] == [Doubt.NEVER_TRUE, Doubt.DEFAULT_BREAKS]
    nearest = findings.rules[0].nearest
    assert nearest is not None
    assert (nearest["channels"], nearest["groups"]) == (127, 13)


def test_a_contradiction_is_reported_with_the_effect_of_each_rule() -> None:
    findings = examined("channels > 64", "channels * groups <= 64", "lr < 0.01")
    assert findings.clash is not None
    assert findings.clash.rules == ("r0", "r1")
    assert [one.forbidden is not None for one in findings.rules] == [True, True, True]


def test_without_rules_everything_is_allowed() -> None:
    findings = examined()
    assert (findings.rules, findings.together.value, findings.clash) == ((), 1, None)


def test_a_model_that_cannot_be_built_is_a_fault_of_the_study() -> None:
    with pytest.raises(StudyCodeError, match="do not divide"):
        examined("predicted.parameters <= 6400")


def test_implied_rules_are_reported_only_if_they_forbid_something() -> None:
    bounded = Parameter("y", Bounded(Expression("x"), Expression("0.5")))
    half = Parameter("half", Derived(Expression("x / 2")))
    space = Space((Parameter("x", Float(0.0, 1.0)), bounded, half))
    judge = RuleEvaluator(RuleBook(implied_by(space)), predict)
    findings = examine(space, judge, random_configurations(space, 500, 0))
    assert [one.rule.id for one in findings.rules] == ["y has a value"]
    assert findings.rules[0].allows.interval[0] < 0.5 < findings.rules[0].allows.interval[1]
    assert findings.warnings == ()


def test_a_contradiction_is_named_and_anything_allowed_is_none() -> None:
    drawn = list(random_configurations(SPACE, 50, 0))

    def clash(*requirements: str) -> tuple[str, ...] | None:
        rules = tuple(Rule(f"r{at}", Expression(text)) for at, text in enumerate(requirements))
        found = contradiction(SPACE, RuleEvaluator(RuleBook(rules), predict), drawn)
        return None if found is None else found.rules

    assert clash("channels > 64", "groups <= 8", "channels < 60") == ("r0", "r2")
    assert clash("channels == 97") is None  # no draw, and not the default: found near them
    assert clash("channels == 8") is None  # the default
