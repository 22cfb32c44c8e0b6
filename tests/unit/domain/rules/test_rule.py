"""Rules and verdicts."""

from __future__ import annotations

import pickle

import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Rule, RuleBook


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


MEMORY = "predicted.memory_mb"


def forecast(median: float, trials: int) -> Forecast:
    return Forecast(median, 0.3, 4.0 + trials, trials)


@pytest.mark.parametrize("require", ["predicted.memory_mb <= 1000", "1000 >= predicted.memory_mb"])
def test_with_a_confidence_the_worse_end_counts(require: str) -> None:
    said = forecast(700.0, 20)
    assert said.at(0.8) < 1000 < said.at(0.95)
    for confidence, allowed in ((None, True), (0.8, True), (0.95, False)):
        book = RuleBook((Rule("fits", Expression(require), confidence=confidence),))
        assert book.allow({}, {MEMORY: said}) is allowed
    verdict = RuleBook((Rule("fits", Expression(require), confidence=0.95),)).judge(
        {}, {MEMORY: said}
    )
    assert verdict.margins["fits"] == pytest.approx(1000 - said.at(0.95))


def test_the_worse_end_may_be_the_lower_one() -> None:
    said = forecast(1500.0, 20)
    for confidence, allowed in ((None, True), (0.8, True), (0.95, False)):
        book = RuleBook((Rule("big", Expression(f"{MEMORY} >= 1000"), confidence=confidence),))
        assert book.allow({}, {MEMORY: said}) is allowed


def test_of_several_forecasts_the_worst_together_counts() -> None:
    said = {MEMORY: forecast(100.0, 20), "predicted.epoch_seconds": forecast(100.0, 20)}
    require = Expression("predicted.memory_mb - predicted.epoch_seconds <= 100")
    margin = Rule("both", require, confidence=0.95).margin_under({}, said)
    assert margin == pytest.approx(100 - (said[MEMORY].at(0.95) - said[MEMORY].at(0.05)))


def test_a_prior_turns_away_only_what_it_is_sure_of() -> None:
    book = RuleBook((Rule("fits", Expression(f"{MEMORY} <= 1000"), confidence=0.99),))
    vague = Forecast(5000.0, 1.0, 4.0, 0)
    assert vague.at(0.05) < 1000
    assert book.allow({}, {MEMORY: vague})
    assert not book.allow({}, {MEMORY: Forecast(50_000.0, 1.0, 4.0, 0)})


def test_a_confidence_is_asked_for_once_there_is_enough_to_be_sure_by() -> None:
    book = RuleBook((Rule("fits", Expression(f"{MEMORY} <= 1000"), confidence=0.95),))
    allowed = [book.allow({}, {MEMORY: forecast(900.0, trials)}) for trials in range(1, 8)]
    assert allowed == [True] * 4 + [False] * 3
    assert not book.allow({}, {MEMORY: forecast(1100.0, 1)})


def test_a_verdict_freezes_the_error_and_the_version() -> None:
    said = {MEMORY: forecast(700.0, 20), "predicted.parameters": 5.0}
    verdict = RuleBook((rule(f"{MEMORY} <= 1000"),)).judge({}, said)
    assert verdict.predicted == {MEMORY: 700.0, "predicted.parameters": 5.0}
    assert verdict.forecasts == {MEMORY: said[MEMORY]}
