"""Holding many configurations against rules, with no more predictions than there is time for."""

from __future__ import annotations

from collections.abc import Iterable

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.rules.predicted import Predicted
from satisfice.domain.rules.rule import Predict, Rule, RuleBook
from satisfice.domain.space.space import Key, Params, key_of


class RuleEvaluator:
    """Says which rules a configuration breaks.

    A prediction takes milliseconds: each is asked for once, and only while there is leave to.

    Args:
        rules: The rules of the study.
        predict: Gives `predicted.*` of a configuration.

    Attributes:
        rules: The rules of the study.
        prediction_budget: How many more predictions may be asked for.
        predictions_made: How many were asked for.
    """

    def __init__(self, rules: RuleBook, predict: Predict) -> None:
        self.rules = rules
        self.prediction_budget = 0
        self.predictions_made = 0
        self._plain = rules.without_predictions
        self._predict = predict
        self._known: dict[Key, Predicted] = {}

    def fulfils(self, rules: Iterable[Rule], params: Params) -> bool:
        """Tell whether a configuration is shown to break none of some rules."""
        there = [rule for rule in rules if rule.applies_to(params)]
        if not all(rule.allows(params, {}) for rule in there if not rule.needs_prediction):
            return False
        costly = [rule for rule in there if rule.needs_prediction]
        predicted = self.predicted(params) if costly else {}
        return predicted is not None and all(rule.allows(params, predicted) for rule in costly)

    def broken(self, params: Params) -> frozenset[str]:
        """Return the ids of the rules that a configuration is not shown to fulfil."""
        return frozenset(one.id for one in self.rules.rules if not self.fulfils([one], params))

    def decides(self, params: Params) -> bool:
        """Tell whether no rule is left open for want of a prediction."""
        asks = any(one.needs_prediction and one.applies_to(params) for one in self.rules.rules)
        return not asks or key_of(params) in self._known

    def predicted(self, params: Params) -> Predicted | None:
        """Return the predictions for a configuration, or None where there is no leave to ask.

        Raises:
            StudyCodeError: No model can be built though all rules on parameters are fulfilled.
            Where
                one of them is broken, nothing is predicted.
        """
        key = key_of(params)
        if key not in self._known:
            if not self.prediction_budget:
                return None
            self.prediction_budget -= 1
            self.predictions_made += 1
            self._known[key] = self._ask(params)
        return self._known[key]

    def _ask(self, params: Params) -> Predicted:
        try:
            return self._predict(params)
        except StudyCodeError:
            if self._plain.allow(params, {}):
                raise
            return {}
