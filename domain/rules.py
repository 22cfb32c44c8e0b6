"""Domain rules: what an expert knows about the space, with the reason and the source."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from domain.expressions import NO_RESULT, Expression
from domain.space import Bounded, Derived, Space

Predict: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, float]]

PREDICTED = ("predicted.parameters", "predicted.macs")
_UNDECIDED = (*NO_RESULT, KeyError)  # the key error: a prediction is missing


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for a configuration to be allowed.

    Attributes:
        id: The rule's name in reports.
        require: The condition, over parameters and `predicted.*`.
        because: The reason, in the expert's words.
        source: Where that is written, if anywhere.
        when: Under which condition the rule is asked at all; None: always.
    """

    id: str
    require: Expression
    because: str = ""
    source: str = ""
    when: Expression | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that decide whether it is broken."""
        return self.require.names + (self.when.names if self.when is not None else ())

    @property
    def needs_prediction(self) -> bool:
        """Whether the rule speaks of something that has to be predicted."""
        return any(_is_predicted(name) for name in self.require.names)

    def applies_to(self, params: Mapping[str, Any]) -> bool:
        """Tell whether every parameter it names is there: else the rule is silent."""
        if not all(name in params or _is_predicted(name) for name in self.require.names):
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one configuration.

    Attributes:
        margins: By rule id, how far the configuration is from the limit; below zero: it breaks it.
        predicted: The predictions that the verdict rests on.
    """

    margins: Mapping[str, float]
    predicted: Mapping[str, float]

    @property
    def broken(self) -> tuple[str, ...]:
        """The ids of the rules that the configuration breaks."""
        return tuple(rule for rule, margin in self.margins.items() if margin < 0)

    @property
    def allowed(self) -> bool:
        """Whether no rule is broken."""
        return not self.broken


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

    def allow(self, params: Mapping[str, Any], predicted: Mapping[str, float]) -> bool:
        """Tell whether no rule is broken; the same answer as `judge` gives, in less time."""
        values = {**params, **predicted}
        return all(rule.holds(values) for rule in self.rules if rule.applies_to(params))

    def judge_asking(self, params: Mapping[str, Any], predict: Predict) -> Verdict:
        """Judge a configuration, with predictions only where they can still change the verdict.

        Args:
            params: The active parameters.
            predict: Gives `predicted.*`. A configuration that breaks another rule may be one that
                no model can be built for, so it is not asked for those.
        """
        plain = self.without_predictions.judge(params, {})
        if plain.broken or not self.needs_prediction:
            return plain
        return self.judge(params, predict(params))

    def judge(self, params: Mapping[str, Any], predicted: Mapping[str, float]) -> Verdict:
        """Hold a configuration against every rule that applies to it.

        A rule whose expression has no result here (a division by zero, a prediction that is
        missing) is broken: a condition that cannot be shown to hold does not hold.

        Args:
            params: The active parameters.
            predicted: Values of `predicted.*`, by their full names.
        """
        values = {**params, **predicted}
        margins = {rule.id: rule.margin(values) for rule in self.rules if rule.applies_to(params)}
        return Verdict(margins, dict(predicted))


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
    return name.startswith("predicted.")
