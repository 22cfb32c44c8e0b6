"""Domain rules: what an expert knows about the space, with the reason and the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.expressions import Expression

PREDICTED = ("predicted.parameters", "predicted.macs")


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for a configuration to be allowed.

    Attributes:
        id: The rule's name in reports.
        require: The condition, over parameters and `predicted.*`.
        because: The reason, in the expert's words.
        source: Where that is written, if anywhere.
    """

    id: str
    require: Expression
    because: str = ""
    source: str = ""

    @property
    def needs_prediction(self) -> bool:
        """Whether the rule speaks of something that has to be predicted."""
        return any(name in PREDICTED for name in self.require.names)

    def applies_to(self, values: Mapping[str, Any]) -> bool:
        """Tell whether every name has a value: a rule on an absent parameter is silent."""
        return all(name in values for name in self.require.names)


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

    def judge(self, params: Mapping[str, Any], predicted: Mapping[str, float]) -> Verdict:
        """Hold a configuration against every rule that applies to it.

        A rule whose expression has no result here (a division by zero, say) is broken: a condition
        that cannot be shown to hold does not hold.

        Args:
            params: The active parameters.
            predicted: Values of `predicted.*`, by their full names.
        """
        values = {**params, **predicted}
        margins = {rule.id: _margin(rule, values) for rule in self.rules if rule.applies_to(values)}
        return Verdict(margins, dict(predicted))


def _margin(rule: Rule, values: Mapping[str, Any]) -> float:
    try:
        return rule.require.margin(values)
    except (ArithmeticError, TypeError, ValueError):
        return -1.0
