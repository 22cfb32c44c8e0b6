"""Checking many configurations against the rules, with a limited number of predictions."""

from __future__ import annotations

from collections.abc import Iterable

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.rules.predicted import Predicted
from satisfice.domain.rules.rule import Predict, Rule, RuleBook, Verdict
from satisfice.domain.space.space import Key, Params, key_of


class RuleEvaluator:
    """Says which rules a configuration breaks.

    A prediction takes milliseconds: each is made once, and only while the budget lasts. A rule
    whose prediction is missing is not fulfilled.

    Args:
        rules: The rules of the study.
        predict: Gives `predicted.*` of a configuration.
        prediction_budget: How many predictions may be made.

    Attributes:
        rules: The rules of the study.
        without_predictions: Those of them that need no prediction.
        prediction_budget: How many more predictions may be made.
        predictions_made: How many were made.
    """

    def __init__(self, rules: RuleBook, predict: Predict, prediction_budget: int = 0) -> None:
        self.rules = rules
        self.without_predictions = rules.without_predictions
        self.prediction_budget = prediction_budget
        self.predictions_made = 0
        self._predict = predict
        self._known: dict[Key, Predicted] = {}

    def fulfils(self, rules: Iterable[Rule], params: Params) -> bool:
        """Tell whether a configuration is known to break none of some rules."""
        costly: list[Rule] = []
        for rule in rules:
            if rule.needs_prediction:
                costly.append(rule)
            elif not rule.allows(params, {}):
                return False
        book = RuleBook(tuple(costly))
        return not book.asks(params) or book.allow(params, self._predicted(params) or {})

    def allows(self, params: Params) -> bool:
        """Tell whether a configuration is known to break no rule."""
        return self.fulfils(self.rules.rules, params)

    def broken(self, params: Params) -> frozenset[str]:
        """Return the ids of the rules that a configuration is not known to fulfil."""
        return frozenset(one.id for one in self.rules.rules if not self.fulfils([one], params))

    def judge(self, params: Params) -> Verdict:
        """Return the verdict of all rules, with predictions only if they can change it."""
        return self.rules.judge_asking(params, lambda one: self._predicted(one) or {})

    def decides(self, params: Params) -> bool:
        """Tell whether no rule is undecided for lack of a prediction."""
        return not self.rules.asks(params) or key_of(params) in self._known

    def _predicted(self, params: Params) -> Predicted | None:
        """Return the predictions for a configuration, or None once the budget is spent.

        A configuration that breaks a rule on parameters may have no model: it has no predictions.

        Raises:
            StudyCodeError: No model can be built though all rules on parameters are fulfilled.
        """
        key = key_of(params)
        if key not in self._known:
            if not self.prediction_budget:
                return None
            self.prediction_budget -= 1
            self.predictions_made += 1
            try:
                self._known[key] = self._predict(params)
            except StudyCodeError:
                if self.without_predictions.allow(params, {}):
                    raise
                self._known[key] = {}
        return self._known[key]
