"""Soft rules: how far trained trials are from their limits, and how rules are weighed together.

A margin is kept in the units of its rule. Where rules are added up, as samplers do that prefer the
smallest sum of violations (Deb 2000, "An efficient constraint handling method for genetic
algorithms", section 3), each counts in its own typical violation: the median of those seen so far,
since one outlier would make all others look alike. That scale moves with every trial, so it is
applied to all trials at once when they are read, and never written down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import median_low
from typing import TypeAlias

from satisfice.domain.economics.text import counted, number
from satisfice.domain.prediction.model import seconds_of_an_epoch
from satisfice.domain.rules.measured import EPOCH_MONEY, EPOCH_SECONDS, METRICS, PREFIX, TOTALS
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.trials.history import History, TrialRecord, TrialState

Margins: TypeAlias = Mapping[str, float]

_MOST = 100.0  # a constraint of this size says enough, and the sum of several stays finite
_LEAST = 1e-9  # what breaks a rule by next to nothing still breaks it


def known(trial: TrialRecord) -> dict[str, float]:
    """Return what is known of a trial after its training, by the names of the rule language.

    What a whole training took is known of a complete one alone: others would have taken more.
    """
    values = {PREFIX + name: value for name, value in trial.measured.items()}
    each = seconds_of_an_epoch(trial)
    if each is not None:
        values[EPOCH_SECONDS] = each
        if trial.cost.seconds > 0:
            values[EPOCH_MONEY] = each * trial.cost.money / trial.cost.seconds
    if trial.state is TrialState.COMPLETE:
        values |= {PREFIX + name: getattr(trial.cost, name) for name in TOTALS}
    return values | {METRICS + name: value for name, value in trial.metrics.items()}


def margins(rules: RuleBook, trial: TrialRecord) -> dict[str, float]:
    """Return how far a trial is from the limit of each soft rule; below zero: it breaks it.

    A rule that is silent about the configuration has no margin. Neither has one that speaks of what
    a pruned or failed trial did not come to measure: it is neither fulfilled nor broken. A complete
    trial breaks what it cannot be shown to fulfil.

    Args:
        rules: The soft rules.
        trial: The trial, whatever became of it.
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

    Where nothing breaks a rule, it is the size of a typical margin.
    """
    seen: dict[str, list[float]] = {}
    for one in trials:
        for rule, margin in one.items():
            if margin and math.isfinite(margin):
                seen.setdefault(rule, []).append(margin)
    typical = {rule: [one for one in some if one < 0] or some for rule, some in seen.items()}
    return {rule: median_low(map(abs, some)) for rule, some in typical.items()}


def constraint(margin: float, scale: float) -> float:
    """Return a margin as samplers want it: of order 1, and above zero exactly where it is broken.

    Args:
        margin: How far a trial is from the limit.
        scale: The size of a typical violation.
    """
    value = min(max(-margin / scale, -_MOST), _MOST)
    return max(value, _LEAST) if margin < 0 else min(value, 0.0)


def nearest(history: History) -> TrialRecord | None:
    """Return the trial with a value that breaks soft rules the least, the better among equals."""
    sizes, sign = scales(one.margins for one in history.complete), history.direction.sign

    def distance(trial: TrialRecord) -> tuple[float, float]:
        parts = (constraint(one, sizes.get(rule, 1.0)) for rule, one in trial.margins.items())
        return sum(max(part, 0.0) for part in parts), -sign * (trial.value or 0.0)

    return min(history.complete, key=distance, default=None)


def shortfall(history: History) -> str:
    """Say that no trial fulfils the soft rules, and which one comes nearest; empty where one does.

    Without any value there is nothing to say either.
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
    return f"{told} (of {values} with a value): the nearest, trial {near.number}, breaks {breaks}"


def violations(margins: Margins) -> str:
    """Say which rules are broken, and by how much: `'fast' by 3.2 and 'fair' by 0.01`."""
    broken = ((rule, margin) for rule, margin in margins.items() if margin < 0)
    return " and ".join(f"{rule!r} by {number(-margin)}" for rule, margin in broken)
