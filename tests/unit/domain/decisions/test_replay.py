"""Replayed decisions of a search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.decisions.replay import circumstances, replay
from satisfice.domain.decisions.situation import NextTrialEstimate, Pending, Situation
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.trials.history import Failure, History, TrialRecord, TrialState

PRICES = Prices("EUR", hour=3.60, kwh=0.30)
WORTH = Worth(0.05)
LEFT = Budget(trials=90, seconds=600.0, kwh=None, money=1.5)


def trials(count: int = 30) -> tuple[TrialRecord, ...]:
    generator = np.random.default_rng(1)
    made = []
    for number in range(count):
        failed = number % 7 == 3
        made.append(
            TrialRecord(
                number,
                {"x": float(generator.random())},
                TrialState.FAILED if failed else TrialState.COMPLETE,
                None if failed else float(0.9 + 0.02 * generator.random()),
                cost=PRICES.of(float(generator.lognormal(1.0)), 0.0001, EnergyMode.ESTIMATED),
                failure=Failure.CRASHED if failed else None,
            )
        )
    return tuple(made)


def searched() -> tuple[History, list[DecisionRecord]]:
    """A past search as a coordinator records it: two workers, and less and less budget left."""
    history = History(trials(), Direction.MAXIMIZE)
    records = []
    for after in range(1, len(history.trials) + 1):
        situation = Situation(
            History(history.trials[:after], history.direction),
            WORTH,
            PRICES,
            replace(LEFT, trials=90 - after, money=max(0.12 - 0.004 * after, 0.0)),
            pending=(Pending(after, {}, Cost(money=1.0), elapsed=3.0 * after),) * (after % 2),
            workers=2,
        )
        decision = decide(situation)
        evidence = {**decision.evidence, **circumstances(situation)}
        records.append(DecisionRecord("search", after, replace(decision, evidence=evidence), 0.0))
    return history, records


def stops(
    history: History, records: list[DecisionRecord], worth: Worth, prices: Prices
) -> list[bool]:
    return [one.again.stop for one in replay(history, records, worth, prices)]


def without_elapsed(one: DecisionRecord) -> dict[str, float]:
    """The evidence of a search that did not record yet how long trials had run."""
    kept = one.decision.evidence.items()
    return {name: value for name, value in kept if not name.startswith("elapsed_")}


def test_a_replay_decides_the_same_with_the_same_reasons() -> None:
    history, records = searched()
    assert {one.decision.stop for one in records} == {False, True}
    for one in replay(history, records, WORTH, PRICES):
        assert one.again.stop == one.record.decision.stop
        assert one.again.reason == one.record.decision.reason
        kept = one.record.decision.evidence
        assert {name: kept[name] for name in one.again.evidence} == one.again.evidence


def test_what_was_left_and_pending_is_part_of_the_decision() -> None:
    history, records = searched()
    bare = [
        replace(one, decision=replace(one.decision, evidence={"workers": 1.0})) for one in records
    ]
    reasons = [one.again.reason for one in replay(history, bare, WORTH, PRICES)]
    assert reasons != [one.decision.reason for one in records]
    assert not any("the remaining budget" in one for one in reasons)
    assert any("the remaining budget" in one.decision.reason for one in records)


def test_a_gain_that_is_worth_more_stops_later_and_one_that_is_worth_nothing_at_once() -> None:
    history, records = searched()
    as_it_was = stops(history, records, WORTH, PRICES)
    assert sum(stops(history, records, Worth(500.0), PRICES)) < sum(as_it_was)
    assert stops(history, records, Worth(1e-9), PRICES).index(True) <= as_it_was.index(True)


def test_recorded_costs_are_priced_anew() -> None:
    history, records = searched()
    dear = replace(PRICES, hour=3600.0)
    again = next(replay(history, records[:1], WORTH, dear)).again
    assert again.evidence["spent"] == pytest.approx(
        history.trials[0].cost.seconds + 0.0001 * PRICES.kwh
    )


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (Budget(), {}),
        (LEFT, {"left_trials": 90.0, "left_seconds": 600.0, "left_money": 1.5}),
        (Budget(kwh=0.0), {"left_kwh": 0.0}),
    ],
)
def test_circumstances_are_numbers_and_leave_out_what_is_not_limited(
    left: Budget, kept: dict[str, float]
) -> None:
    situation = Situation(History((), Direction.MAXIMIZE), WORTH, PRICES, left, workers=4)
    assert circumstances(situation) == {**kept, "pending": 0.0, "workers": 4.0}


def test_a_decision_without_circumstances_is_replayed_without_limits() -> None:
    history, _ = searched()
    record = DecisionRecord("search", 30, Decision.to_continue("as before circumstances"), 0.0)
    (again,) = replay(history, [record], WORTH, PRICES)
    assert "the remaining budget" not in again.again.reason


def test_how_long_trials_had_run_is_part_of_the_decision() -> None:
    history, records = searched()
    older = [
        replace(one, decision=replace(one.decision, evidence=without_elapsed(one)))
        for one in records
    ]
    known, unknown = (
        [one.again.evidence.get("next_cost", 0.0) for one in replay(history, each, WORTH, PRICES)]
        for each in (records, older)
    )
    assert known != unknown
    assert all(one >= other for one, other in zip(known, unknown, strict=True))


def test_trials_that_counted_before_a_search_count_in_its_replay() -> None:
    whole, records = searched()
    before, own = whole.trials[:10], History(whole.trials[10:], whole.direction)
    later = [replace(one, after=one.after - 10) for one in records[10:]]
    assert [one.again for one in replay(own, later, WORTH, PRICES, before=before)] == [
        one.again for one in replay(whole, records[10:], WORTH, PRICES)
    ]


def test_what_a_model_expected_is_part_of_the_decision_and_priced_anew() -> None:
    history = History(trials(), Direction.MAXIMIZE)
    little = Worth(1e-9)
    offer = NextTrialEstimate(gain=1.4e11, cost=2.0)  # with the little that the values promise: 2.1
    situation = Situation(history, little, PRICES, offer=offer)
    decision = decide(situation)
    assert not decision.stop
    evidence = {**decision.evidence, **circumstances(situation)}
    record = DecisionRecord(
        "search", len(history.trials), replace(decision, evidence=evidence), 0.0
    )
    (same,) = replay(history, [record], little, PRICES)
    assert same.again.reason == decision.reason
    (half,) = replay(history, [record], Worth(0.5e-9), PRICES)
    assert half.again.stop
    (dearer,) = replay(history, [record], little, Prices("EUR", hour=7.20, kwh=0.60))
    assert dearer.again.stop
