"""Domain rules: expert knowledge about the space, with reason and source."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.operations import NO_RESULT
from satisfice.domain.rules.measured import is_measured
from satisfice.domain.rules.predicted import LEARNT, PREDICTED, PREFIX, Forecast, Predicted, middles
from satisfice.domain.space.space import Bounded, Derived, Params, Space

Predict: TypeAlias = Callable[[Mapping[str, Any]], Predicted]

# Trials before a rule's confidence is required: with fewer, almost nothing would be allowed.
ENOUGH = 5
# The largest share of the budget for the audits of all rules together.
MOST_AUDITED = 0.25
_DECIDED = 0.95  # the probability at which a prior alone rejects a configuration
_UNDECIDED = (*NO_RESULT, KeyError)  # KeyError: a prediction is missing


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that a configuration must fulfil to be allowed.

    Attributes:
        id: The rule's name in reports.
        require: The condition on parameters and `predicted.*`; for a soft rule, on parameters,
            `measured.*` and `metrics.*`.
        because: The reason, in the expert's words.
        source: The source of the reason, if there is one.
        when: The condition under which the rule applies; None: always.
        confidence: The required probability that the condition holds, for learnt predictions: from
            0.5 to below 1; None: use the median of the forecast.
        audit: The share of the spending for audits of the rule; 0: it is never broken.
        safety: Whether it must never be broken, not even by an audit.
    """

    id: str
    require: Expression
    because: str = ""
    source: str = ""
    when: Expression | None = None
    confidence: float | None = None
    audit: float = 0.0
    safety: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names in its conditions."""
        return self.require.names + (self.when.names if self.when is not None else ())

    @property
    def is_soft(self) -> bool:
        """Whether the rule needs the trained model, so that it can only be checked afterwards."""
        return any(map(is_measured, self.require.names))

    @property
    def needs_prediction(self) -> bool:
        """Whether the rule needs a prediction."""
        return any(_is_predicted(name) for name in self.require.names)

    def applies_to(self, params: Mapping[str, Any]) -> bool:
        """Tell whether the rule applies: every parameter it names is active and `when` holds."""
        others = (name for name in self.require.names if name not in params)
        if not all(_is_predicted(name) or is_measured(name) for name in others):
            return False
        if self.when is None:
            return True
        try:
            return self.when.holds(params)
        except _UNDECIDED:
            return False

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the condition holds.

        It does not hold if it has no result (a division by zero, a missing prediction).

        Args:
            values: The active parameters and the predictions.
        """
        try:
            return self.require.holds(values)
        except _UNDECIDED:
            return False

    def margin(self, values: Mapping[str, Any]) -> float:
        """Return the margin of the condition; below zero exactly if it does not hold.

        Without a measure it is 1 or -1.
        """
        try:
            measured = self.require.margin(values)
        except _UNDECIDED:
            measured = math.nan
        if self.holds(values):
            return 1.0 if math.isnan(measured) else max(measured, 0.0)
        return -1.0 if math.isnan(measured) else min(measured, -math.ulp(0.0))

    def allows(self, params: Mapping[str, Any], predicted: Predicted) -> bool:
        """Tell whether a configuration does not break the rule, or the rule does not apply.

        Args:
            params: The active parameters.
            predicted: The predictions, by their full names.
        """
        if not self.applies_to(params):
            return True
        if any(isinstance(one, Forecast) for one in predicted.values()):
            return self.margin_under(params, predicted) >= 0
        return self.holds({**params, **predicted})

    def margin_under(self, params: Mapping[str, Any], predicted: Predicted) -> float:
        """Return the margin under uncertain predictions.

        With a confidence it is the smallest margin at the median and both ends of each forecast, so
        the condition must hold at the worse end. Before any trial has finished it is the largest of
        them: the rule rejects only what fails even at the optimistic end of the prior.

        Args:
            params: The active parameters.
            predicted: The predictions, by their full names.
        """
        known = {**params, **middles(predicted)}
        named = {name: predicted.get(name) for name in self.require.names if name in LEARNT}
        forecasts = {name: one for name, one in named.items() if isinstance(one, Forecast)}
        trials = min((one.trials for one in forecasts.values()), default=0)
        if not forecasts or (trials and (self.confidence is None or trials < ENOUGH)):
            return self.margin(known)
        sure = self.confidence if trials and self.confidence else _DECIDED
        margins = (self.margin({**known, **case}) for case in _cases(forecasts, sure))
        return min(margins) if trials else max(margins)


def _cases(forecasts: Mapping[str, Forecast], sure: float) -> Iterator[dict[str, float]]:
    """Yield every combination of the medians and ends of the forecasts."""
    values = [(one.at(1 - sure), one.median, one.at(sure)) for one in forecasts.values()]
    for case in product(*values):
        yield dict(zip(forecasts, case, strict=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of the rules on one configuration.

    Attributes:
        margins: The margin of each rule that applies, by rule id; below zero: the rule is broken.
        predicted: The predictions that the verdict is based on; the medians of forecasts.
        forecasts: The uncertain ones of them, with their error and version.
    """

    margins: Mapping[str, float]
    predicted: Mapping[str, float]
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)

    @property
    def broken(self) -> tuple[str, ...]:
        """The ids of the rules that the configuration breaks."""
        return tuple(rule for rule, margin in self.margins.items() if margin < 0)

    @property
    def allowed(self) -> bool:
        """Whether no rule is broken."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class Excluded:
    """The configurations that a rule rejected.

    Attributes:
        count: Their number.
        example: One of them.
    """

    count: int
    example: Params


def exclude(excluded: dict[str, Excluded], rules: Iterable[str], params: Params) -> None:
    """Count a configuration as rejected by each of some rules, given by their ids."""
    for rule in rules:
        before = excluded.get(rule, Excluded(0, params))
        excluded[rule] = Excluded(before.count + 1, before.example)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of a study."""

    rules: tuple[Rule, ...] = ()

    @property
    def needs_prediction(self) -> bool:
        """Whether any rule needs a prediction."""
        return any(rule.needs_prediction for rule in self.rules)

    @property
    def predictions(self) -> tuple[str, ...]:
        """The predictions that the rules use."""
        named = {name for rule in self.rules for name in rule.require.names}
        return tuple(name for name in PREDICTED if name in named)

    @property
    def without_predictions(self) -> RuleBook:
        """The rules that can be checked on the parameters alone."""
        return RuleBook(tuple(rule for rule in self.rules if not rule.needs_prediction))

    def asks(self, params: Mapping[str, Any]) -> bool:
        """Tell whether a rule that applies to a configuration needs a prediction."""
        return any(rule.needs_prediction and rule.applies_to(params) for rule in self.rules)

    def allow(self, params: Mapping[str, Any], predicted: Predicted) -> bool:
        """Tell whether no rule is broken; the same as `judge`, but faster."""
        return all(rule.allows(params, predicted) for rule in self.rules)

    def judge_asking(self, params: Mapping[str, Any], predict: Predict) -> Verdict:
        """Judge a configuration, with predictions only if they can change the verdict.

        Args:
            params: The active parameters.
            predict: Gives `predicted.*`. It is not called for a configuration that breaks another
                rule, because such a configuration may not have a model.
        """
        verdict = self.without_predictions.judge(params, {})
        if verdict.broken or not self.asks(params):
            return verdict
        return self.judge(params, predict(params))

    def judge(self, params: Mapping[str, Any], predicted: Predicted) -> Verdict:
        """Check a configuration against every rule that applies.

        A rule whose condition has no result (a division by zero, a missing prediction) is broken.

        Args:
            params: The active parameters.
            predicted: Values of `predicted.*`, by their full names.
        """
        margins = {
            rule.id: rule.margin_under(params, predicted)
            for rule in self.rules
            if rule.applies_to(params)
        }
        forecasts = {name: one for name, one in predicted.items() if isinstance(one, Forecast)}
        return Verdict(margins, middles(predicted), forecasts)


def implied_by(space: Space) -> tuple[Rule, ...]:
    """Return the rules that a space implies.

    Bounds that depend on other parameters must leave a value, and a formula must have a result.
    """
    rules = []
    for one in space.parameters:
        if isinstance(one.domain, Bounded):
            low, high = f"({one.domain.low.text})", f"({one.domain.high.text})"
            positive = f"0 < {low} and " if one.domain.log else ""
            ends = (f"ceil({low})", f"floor({high})") if one.domain.whole else (low, high)
            text, because = f"{positive}{ends[0]} <= {ends[1]}", "its bounds must leave a value"
        elif isinstance(one.domain, Derived):
            text, because = f"{one.name} == {one.name}", "its formula must have a result"
        else:
            continue
        rules.append(Rule(f"{one.name} has a value", Expression(text), because, when=one.when))
    return tuple(rules)


def _is_predicted(name: str) -> bool:
    return name.startswith(PREFIX)
