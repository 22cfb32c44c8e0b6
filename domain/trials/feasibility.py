"""Soft rules: the margins of trained trials, and how margins of several rules are combined.

A margin has the units of its rule. Samplers that minimise the sum of violations (Deb 2000, "An
efficient constraint handling method for genetic algorithms", section 3) need a common scale, so
each margin is divided by the rule's typical violation: the median so far, which is robust to
outliers. That scale changes with every trial, so it is applied when trials are read, and never
stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import median_low
from typing import TypeAlias

from satisfice.domain.economics.text import counted, number
from satisfice.domain.rules.measured import EPOCH_MONEY, EPOCH_SECONDS, METRICS, PREFIX, TOTALS
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.trials.history import History, TrialRecord, TrialState

Margins: TypeAlias = Mapping[str, float]

_MOST = 100.0  # the largest constraint, so that sums stay finite
_LEAST = 1e-9  # the smallest violation, so that it does not round to 0


def known(trial: TrialRecord) -> dict[str, float]:
    """Return the measurements of a trial, by their names in the rule language.

    The totals of a training are known for complete trials only: others would have taken more.
    """
    values = {PREFIX + name: value for name, value in trial.measured.items()}
    each = trial.seconds_per_epoch
    if each is not None:
        values[EPOCH_SECONDS] = each
        if trial.cost.seconds > 0:
            values[EPOCH_MONEY] = each * trial.cost.money / trial.cost.seconds
    if trial.state is TrialState.COMPLETE:
        values |= {PREFIX + name: getattr(trial.cost, name) for name in TOTALS}
    return values | {METRICS + name: value for name, value in trial.metrics.items()}


def margins(rules: RuleBook, trial: TrialRecord) -> dict[str, float]:
    """Return the margin of each soft rule; below zero: the trial breaks it.

    A rule that does not apply to the configuration has no margin. Neither has a rule about what a
    pruned or failed trial did not measure: it is neither fulfilled nor broken. A complete trial
    breaks every rule that it cannot be shown to fulfil.

    Args:
        rules: The soft rules.
        trial: The trial, in any state.
    """
    values = {**trial.params, **known(trial)}
    complete = trial.state is TrialState.COMPLETE
    return {
        rule.id: rule.margin(values)
        for rule in rules.rules
        if rule.applies_to(trial.params) and (complete or values.keys() >= set(rule.require.names))
    }


def scales(trials: Iterable[Margins]) -> dict[str, float]:
    """Return the size of a typical violation of each rule, in the units of its margin.

    If nothing breaks a rule, it is the size of a typical margin.
    """
    seen: dict[str, list[float]] = {}
    for one in trials:
        for rule, margin in one.items():
            if margin and math.isfinite(margin):
                seen.setdefault(rule, []).append(margin)
    typical = {rule: [one for one in some if one < 0] or some for rule, some in seen.items()}
    return {rule: median_low(map(abs, some)) for rule, some in typical.items()}


def constraint(margin: float, scale: float) -> float:
    """Return a margin as a constraint: of order 1, above zero exactly if the rule is broken.

    Args:
        margin: The margin of the rule.
        scale: The size of a typical violation.
    """
    value = min(max(-margin / scale, -_MOST), _MOST)
    return max(value, _LEAST) if margin < 0 else min(value, 0.0)


def nearest(history: History) -> TrialRecord | None:
    """Return the trial with a value that is closest to feasible, the better one among equals."""
    sizes, sign = scales(one.margins for one in history.complete), history.direction.sign

    def distance(trial: TrialRecord) -> tuple[float, float]:
        parts = (constraint(one, sizes.get(rule, 1.0)) for rule, one in trial.margins.items())
        return sum(max(part, 0.0) for part in parts), -sign * (trial.value or 0.0)

    return min(history.complete, key=distance, default=None)


def shortfall(history: History) -> str:
    """Say that no trial is feasible, and which one is closest; empty if one is.

    It is empty without any value, too.
    """
    near = None if history.feasible else nearest(history)
    if near is None:
        return ""
    every = history.complete
    always = [rule for rule in near.broken if all(rule in one.broken for one in every)]
    if always:
        rules = "rule" if len(always) == 1 else "rules"
        told = f"no trial fulfils {rules} {' or '.join(map(repr, always))}"
    else:
        told = "no trial fulfils all soft rules at once"
    values, breaks = counted(len(every), "trial"), violations(near.margins)
    return f"{told} (of {values} with a value); the closest, trial {near.number}, breaks {breaks}"


def violations(margins: Margins) -> str:
    """Say which rules are broken, and by how much: `'fast' by 3.2 and 'fair' by 0.01`."""
    broken = ((rule, margin) for rule, margin in margins.items() if margin < 0)
    return " and ".join(f"{rule!r} by {number(-margin)}" for rule, margin in broken)
