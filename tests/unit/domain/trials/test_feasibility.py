"""Soft rules: measurements of a trial, margins and constraints."""

from __future__ import annotations

import math
from typing import Any

import pytest

from satisfice.domain.economics.cost import Cost
from satisfice.domain.economics.worth import Direction
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.trials.feasibility import (
    constraint,
    known,
    margins,
    nearest,
    scales,
    shortfall,
    violations,
)
from satisfice.domain.trials.history import CurvePoint, Failure, History, TrialRecord, TrialState

FAST = Rule("fast", Expression("measured.latency_ms_p95 <= 2 * batch"))
FAIR = Rule("fair", Expression("metrics.gap <= 0.1"))
RULES = RuleBook((FAST, FAIR))


def trial(number: int = 0, **changes: Any) -> TrialRecord:
    facts: dict[str, Any] = {
        "params": {"batch": 4},
        "state": TrialState.COMPLETE,
        "value": 0.5,
        "curve": (CurvePoint(1, 0.4, 3.0), CurvePoint(2, 0.5, 5.0)),
        "cost": Cost(10.0, 0.25, 0.125, 20.0),
        "metrics": {"gap": 0.25},
        "measured": {"latency_ms_p95": 5.0, "memory_mb": 80.0},
    }
    return TrialRecord(number, **(facts | changes))


def judged(number: int, value: float, **of_rules: float) -> TrialRecord:
    return trial(number, value=value, margins=of_rules)


def history(*trials: TrialRecord) -> History:
    return History(trials, Direction.MAXIMIZE)


def test_a_rule_is_soft_by_what_it_names() -> None:
    assert FAST.is_soft
    assert FAIR.is_soft
    assert not Rule("even", Expression("batch % 2 == 0")).is_soft
    assert not Rule("small", Expression("predicted.memory_mb < 8")).is_soft


def test_what_is_known_of_a_complete_trial() -> None:
    assert known(trial()) == {
        "measured.latency_ms_p95": 5.0,
        "measured.memory_mb": 80.0,
        "measured.epoch_seconds": 2.0,
        "measured.epoch_money": 4.0,
        "measured.seconds": 10.0,
        "measured.kwh": 0.25,
        "measured.kgco2e": 0.125,
        "measured.money": 20.0,
        "metrics.gap": 0.25,
    }


def test_what_a_whole_training_takes_is_not_known_of_a_part() -> None:
    pruned = known(trial(state=TrialState.PRUNED))
    assert "measured.epoch_seconds" in pruned
    assert not {"measured.seconds", "measured.kwh", "measured.money"} & pruned.keys()


def test_margins_are_in_the_units_of_their_rule() -> None:
    assert margins(RULES, trial()) == {"fast": 3.0, "fair": pytest.approx(-0.15)}


def test_a_pruned_trial_has_margins_for_what_was_known_by_then() -> None:
    pruned = trial(state=TrialState.PRUNED, measured={"memory_mb": 80.0})
    assert margins(RULES, pruned) == {"fair": pytest.approx(-0.15)}


def test_a_trial_that_failed_at_once_has_none() -> None:
    failed = trial(
        state=TrialState.FAILED,
        value=None,
        curve=(),
        metrics={},
        measured={},
        failure=Failure.KILLED,
    )
    assert margins(RULES, failed) == {}


def test_a_complete_trial_breaks_what_it_cannot_be_shown_to_fulfil() -> None:
    unmeasured = trial(measured={}, metrics={"gap": math.nan})
    assert margins(RULES, unmeasured) == {"fast": -1.0, "fair": -1.0}


def test_a_silent_rule_has_no_margin() -> None:
    rules = RuleBook(
        (
            Rule("light", Expression("metrics.gap <= momentum")),
            Rule("large", FAIR.require, when=Expression("batch > 8")),
        )
    )
    assert margins(rules, trial()) == {}


def test_the_scale_is_the_typical_violation() -> None:
    seen: list[dict[str, float]] = [{"a": -1.0}, {"a": -3.0}, {"a": -500.0}, {"a": 70.0}]
    assert scales([*seen, {"b": 2.0}, {"b": 4.0}, {"c": 0.0}, {"c": -math.inf}]) == {
        "a": 3.0,
        "b": 2.0,
    }


@pytest.mark.parametrize(
    ("margin", "scale", "value"),
    [
        (-3.0, 3.0, 1.0),
        (6.0, 3.0, -2.0),
        (0.0, 3.0, 0.0),
        (-math.inf, 3.0, 100.0),
        (math.inf, 3.0, -100.0),
        (-math.ulp(0.0), 3.0, 1e-9),
        (-1.0, math.ulp(0.0), 100.0),
    ],
)
def test_a_constraint_is_of_order_one_and_keeps_its_side(
    margin: float, scale: float, value: float
) -> None:
    assert constraint(margin, scale) == value


def test_nearest_is_the_smallest_sum_of_scaled_violations() -> None:
    # In their own units `far` would be the nearest: 20 of `slow` is next to nothing.
    far = judged(0, 0.9, slow=0.0, gap=-0.4)
    near = judged(1, 0.5, slow=-20.0, gap=0.1)
    typical = judged(2, 0.7, slow=-200.0, gap=-0.1)
    farther = judged(3, 0.7, slow=-300.0, gap=-0.1)
    assert nearest(history(far, near, typical, farther)) == near


def test_among_equals_the_better_one_is_the_nearest() -> None:
    worse, better = judged(0, 0.4, fast=-1.0), judged(1, 0.6, fast=-1.0)
    assert nearest(history(worse, better)) == better


def test_a_trial_that_breaks_a_soft_rule_neither_wins_nor_leads() -> None:
    best, good = judged(0, 0.9, fast=-1.0), judged(1, 0.6, fast=1.0)
    pruned = trial(2, state=TrialState.PRUNED, margins={"fair": 1.0})
    seen = history(best, good, pruned)
    assert seen.complete == (best, good)
    assert (seen.feasible, seen.best, seen.leaders(3)) == ((good,), good, (good,))
    assert seen.ranking(3) == (good, best)
    assert seen.ranking(1) == (good,)


def test_the_shortfall_names_the_rule_and_the_nearest_trial() -> None:
    seen = history(judged(4, 0.9, fast=-3.5, fair=0.1), judged(7, 0.5, fast=-0.5, fair=-0.02))
    assert shortfall(seen) == (
        "no trial fulfils rule 'fast' (of 2 trials with a value); the closest, trial 7, breaks "
        "'fast' by 0.5 and 'fair' by 0.02"
    )


def test_rules_that_are_only_broken_in_turn_are_not_blamed_alone() -> None:
    seen = history(judged(0, 0.9, fast=-3.0, fair=0.1), judged(1, 0.5, fast=0.5, fair=-0.5))
    assert shortfall(seen).startswith("no trial fulfils all soft rules at once (of 2 trials")


def test_there_is_no_shortfall_where_a_trial_is_feasible_or_none_has_a_value() -> None:
    assert shortfall(history(judged(0, 0.9, fast=-3.0), judged(1, 0.5, fast=0.5))) == ""
    assert shortfall(history(trial(state=TrialState.FAILED, value=None))) == ""


def test_violations_in_words() -> None:
    told = violations({"fast": -3.0, "fair": -0.015, "small": 2.0})
    assert told == "'fast' by 3 and 'fair' by 0.015"
    assert violations({"small": 0.0}) == ""
