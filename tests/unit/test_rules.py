"""What the rules say of a configuration."""

from __future__ import annotations

import pickle

import pytest

from domain.expressions import Expression
from domain.rules import Rule, RuleBook


def rule(require: str, name: str = "a-rule") -> Rule:
    return Rule(name, Expression(require))


def test_a_verdict_gives_each_rule_its_margin() -> None:
    book = RuleBook((rule("channels <= 64", "size"), rule("channels % groups == 0", "even")))
    verdict = book.judge({"channels": 48, "groups": 5}, {})
    assert verdict.margins == {"size": 16, "even": -3}
    assert verdict.broken == ("even",)
    assert not verdict.allowed


def test_no_rules_allow_everything() -> None:
    assert RuleBook().judge({"x": 1}, {}).allowed
    assert RuleBook().allow({"x": 1}, {})


def test_a_rule_on_an_absent_parameter_is_silent() -> None:
    book = RuleBook((rule("momentum < 0.5"),))
    assert book.judge({"lr": 0.1}, {}).margins == {}
    assert book.allow({"lr": 0.1}, {})
    assert not book.allow({"lr": 0.1, "momentum": 0.9}, {})


def test_a_prediction_that_is_missing_breaks_the_rule_that_needs_it() -> None:
    book = RuleBook((rule("predicted.parameters <= 100"),))
    assert book.judge({"width": 3}, {"predicted.parameters": 100}).allowed
    assert book.judge({"width": 3}, {}).broken == ("a-rule",)
    assert not book.allow({"width": 3}, {})


def test_a_verdict_keeps_the_predictions_that_it_rests_on() -> None:
    predicted = {"predicted.parameters": 99.0}
    verdict = RuleBook((rule("predicted.parameters <= width * 100"),)).judge(
        {"width": 1}, predicted
    )
    assert verdict.predicted == predicted
    assert verdict.margins == {"a-rule": 1}


@pytest.mark.parametrize(
    ("require", "holds"),
    [
        ("1 / x > 0", False),  # no result
        ("log2(x) > -100", False),
        ("x == 0 or 1 / x > 0", True),  # decided before the division
        ("x != 0 and 1 / x > 0", False),
        ("x < 0", False),  # on its limit
        ("not (x <= 0)", False),
        ("not (x < 0)", True),
        ("not (x > 0 and x < 1)", True),
        ("1e999 - 1e999 <= 1", False),  # infinity less infinity is no number
        ("1e999 == 1e999", True),
        ("x <= 1 and 1e999 - 1e999 <= 1", False),
        ("9007199254740993 <= 9007199254740992.0", False),  # the floating difference is 0
        ("'word' <= x", False),
        ("(x < 1) == (x < 2)", True),
        ("x in [0, 1]", True),
        ("x not in [0, 1]", False),
    ],
)
def test_the_margin_has_the_sign_of_the_truth(require: str, holds: bool) -> None:
    one = rule(require)
    assert one.holds({"x": 0}) is holds
    assert (one.margin({"x": 0}) >= 0) is holds
    assert RuleBook((one,)).judge({"x": 0}, {}).allowed is holds
    assert RuleBook((one,)).allow({"x": 0}, {}) is holds


def test_a_book_knows_which_rules_need_predictions() -> None:
    plain = rule("x <= 3", "plain")
    costly = rule("x <= 3 and predicted.macs < 10", "costly")
    book = RuleBook((plain, costly))
    assert book.needs_prediction
    assert book.without_predictions == RuleBook((plain,))
    assert not book.without_predictions.needs_prediction


def test_a_book_travels_to_other_processes() -> None:
    book = RuleBook((rule("x % 2 == 0"),))
    travelled = pickle.loads(pickle.dumps(book))
    assert travelled == book
    assert travelled.judge({"x": 3}, {}).broken == ("a-rule",)
