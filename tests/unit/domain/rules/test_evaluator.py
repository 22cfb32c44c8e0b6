"""Rules on many configurations, with a limited number of predictions."""

from __future__ import annotations

from typing import Any

import pytest

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Params

BOOK = RuleBook(
    (
        Rule("even", Expression("a % 2 == 0")),
        Rule("small", Expression("predicted.macs <= 100")),
    )
)


class Counter:
    """Predicts, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[Params] = []

    def __call__(self, params: Any) -> dict[str, float]:
        self.asked.append(params)
        return {"predicted.macs": 10.0 * params["a"]}


def test_a_prediction_is_made_once_and_only_if_it_can_change_the_verdict() -> None:
    predict = Counter()
    evaluator = RuleEvaluator(BOOK, predict, prediction_budget=5)
    assert evaluator.judge({"a": 3}).broken == ("even",)
    assert predict.asked == []
    assert evaluator.judge({"a": 4}).margins == {"even": 0.0, "small": 60.0}
    assert evaluator.allows({"a": 4})
    assert not evaluator.allows({"a": 12})
    assert predict.asked == [{"a": 4}, {"a": 12}]
    assert (evaluator.predictions_made, evaluator.prediction_budget) == (2, 3)


def test_what_is_not_predicted_is_not_allowed() -> None:
    evaluator = RuleEvaluator(BOOK, Counter(), prediction_budget=1)
    assert evaluator.allows({"a": 2})
    assert not evaluator.decides({"a": 4})
    assert not evaluator.allows({"a": 4})
    assert evaluator.judge({"a": 4}).broken == ("small",)
    assert evaluator.broken({"a": 5}) == {"even", "small"}
    assert evaluator.allows({"a": 2})  # known


def test_a_model_may_be_missing_only_if_a_rule_on_parameters_is_broken() -> None:
    def build(_: Any) -> dict[str, float]:
        raise StudyCodeError("no such model")

    evaluator = RuleEvaluator(BOOK, build, prediction_budget=2)
    assert evaluator.broken({"a": 3}) == {"even", "small"}
    with pytest.raises(StudyCodeError):
        evaluator.broken({"a": 4})
