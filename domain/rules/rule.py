"""Domain rules: what an expert knows about the space, with the reason and the source."""

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

# Before so many trials a rule's confidence is not asked for: almost nothing would be sure enough.
ENOUGH = 5
# Of the budget, for the audits of all rules together: a search is there to search.
MOST_AUDITED = 0.25
_DECIDED = 0.95  # a prior alone turns away what it is as sure of as that
_UNDECIDED = (*NO_RESULT, KeyError)  # the key error: a prediction is missing


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for a configuration to be allowed.

    Attributes:
        id: The rule's name in reports.
        require: The condition, over parameters and `predicted.*`; or, of a soft rule, over
            parameters, `measured.*` and `metrics.*`.
        because: The reason, in the expert's words.
        source: Where that is written, if anywhere.
        when: Under which condition the rule is asked at all; None: always.
        confidence: How sure it has to be that the condition holds, where it speaks of what is
            learnt: from 0.5 to below 1; None: the middle of a forecast is taken for the truth.
        audit: The share of what a search spends that may go into trainings just outside of it, to
            learn whether it is right; 0: it is never broken.
        safety: Whether it must never be broken, not even to learn whether it is right.
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
        """The names that decide whether it is broken."""
        return self.require.names + (self.when.names if self.when is not None else ())

    @property
    def is_soft(self) -> bool:
        """Whether the rule speaks of the trained model, and so can only be judged afterwards."""
        return any(map(is_measured, self.require.names))

    @property
    def needs_prediction(self) -> bool:
        """Whether the rule speaks of something that has to be predicted."""
        return any(_is_predicted(name) for name in self.require.names)

    def applies_to(self, params: Mapping[str, Any]) -> bool:
        """Tell whether every parameter it names is there: else the rule is silent."""
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
        """Tell whether the condition can be shown to hold.

        Where it has no result (a division by zero, a prediction that is missing), it does not.

        Args:
            values: The active parameters and the predictions.
        """
        try:
            return self.require.holds(values)
        except _UNDECIDED:
            return False

    def margin(self, values: Mapping[str, Any]) -> float:
        """Return how far the values are from the limit; below zero exactly where they break it.

        Whether it holds decides, and the margin only measures: where it has no measure, it is 1 or
        -1.
        """
        try:
            measured = self.require.margin(values)
        except _UNDECIDED:
            measured = math.nan
        if self.holds(values):
            return 1.0 if math.isnan(measured) else max(measured, 0.0)
        return -1.0 if math.isnan(measured) else min(measured, -math.ulp(0.0))

    def allows(self, params: Mapping[str, Any], predicted: Predicted) -> bool:
        """Tell whether the rule is silent about a configuration or not broken by it.

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
        """Return the margin that counts where predictions may be wrong.

        With a confidence it is the smallest at the middle and at both ends of each forecast, so
        that the condition holds at the end that is the worse one, whichever that is. A prior alone
        is given the benefit of the doubt: the largest of them counts.

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
    """Yield every combination of the forecasts' middles and ends."""
    values = [(one.at(1 - sure), one.median, one.at(sure)) for one in forecasts.values()]
    for case in product(*values):
        yield dict(zip(forecasts, case, strict=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one configuration.

    Attributes:
        margins: By rule id, how far the configuration is from the limit; below zero: it breaks it.
        predicted: The predictions that the verdict rests on; of forecasts, their middles.
        forecasts: Those of them that may be wrong: with their error and their version.
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
        """Whether any rule speaks of something that has to be predicted."""
        return any(rule.needs_prediction for rule in self.rules)

    @property
    def predictions(self) -> tuple[str, ...]:
        """The predictions that the rules speak of."""
        named = {name for rule in self.rules for name in rule.require.names}
        return tuple(name for name in PREDICTED if name in named)

    @property
    def without_predictions(self) -> RuleBook:
        """The rules that can be decided from the parameters alone."""
        return RuleBook(tuple(rule for rule in self.rules if not rule.needs_prediction))

    def asks(self, params: Mapping[str, Any]) -> bool:
        """Tell whether a rule that applies to a configuration needs a prediction."""
        return any(rule.needs_prediction and rule.applies_to(params) for rule in self.rules)

    def allow(self, params: Mapping[str, Any], predicted: Predicted) -> bool:
        """Tell whether no rule is broken; the same answer as `judge` gives, in less time."""
        return all(rule.allows(params, predicted) for rule in self.rules)

    def judge_asking(self, params: Mapping[str, Any], predict: Predict) -> Verdict:
        """Judge a configuration, with predictions only where they can still change the verdict.

        Args:
            params: The active parameters.
            predict: Gives `predicted.*`. A configuration that breaks another rule may be one that
                no model can be built for, so it is not asked for those.
        """
        verdict = self.without_predictions.judge(params, {})
        if verdict.broken or not self.asks(params):
            return verdict
        return self.judge(params, predict(params))

    def judge(self, params: Mapping[str, Any], predicted: Predicted) -> Verdict:
        """Hold a configuration against every rule that applies to it.

        A rule whose expression has no result here (a division by zero, a prediction that is
        missing) is broken: a condition that cannot be shown to hold does not hold.

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
    """Return what a space asks of every configuration by itself.

    Bounds that depend on other parameters have to leave something between them, and a formula has
    to have a result.
    """
    rules = []
    for one in space.parameters:
        if isinstance(one.domain, Bounded):
            low, high = f"({one.domain.low.text})", f"({one.domain.high.text})"
            positive = f"0 < {low} and " if one.domain.log else ""
            ends = (f"ceil({low})", f"floor({high})") if one.domain.whole else (low, high)
            text, because = f"{positive}{ends[0]} <= {ends[1]}", "its bounds have to leave a value"
        elif isinstance(one.domain, Derived):
            text, because = f"{one.name} == {one.name}", "its formula has to have a result"
        else:
            continue
        rules.append(Rule(f"{one.name} has a value", Expression(text), because, when=one.when))
    return tuple(rules)


def _is_predicted(name: str) -> bool:
    return name.startswith(PREFIX)
