"""When a search stops, and the reason."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from satisfice.domain.decisions.situation import NextTrialEstimate, Situation
from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import CurvePoint, Failure, History, TrialRecord, TrialState

EUROS = Prices("EUR", hour=0.60)
TENTH = Worth(0.1)  # EUR per point
SPREAD = [0.90, 0.93, 0.91, 0.95, 0.92, 0.97, 0.94]


def situation(values: list[float | None], worth: Worth = TENTH, seconds: float = 2.0) -> Situation:
    trials = tuple(
        TrialRecord(
            number,
            {"x": number},
            TrialState.FAILED if value is None else TrialState.COMPLETE,
            value,
            cost=EUROS.of(seconds, 0.0, EnergyMode.UNKNOWN),
            seed=number,
            failure=Failure.CRASHED if value is None else None,
        )
        for number, value in enumerate(values)
    )
    return Situation(History(trials, Direction.MAXIMIZE), worth, EUROS)


def test_a_cheap_trial_continues_and_an_expensive_one_stops() -> None:
    cheap, dear = decide(situation(SPREAD)), decide(situation(SPREAD, seconds=3600 * 20))
    assert not cheap.stop
    assert dear.stop
    assert cheap.evidence["expected_gain"] > cheap.evidence["expected_cost"]
    assert dear.evidence["expected_gain"] <= dear.evidence["expected_cost"]


def test_the_reason_is_a_sentence_with_its_numbers() -> None:
    decision = decide(situation([*SPREAD, 0.90], Worth(0.001), seconds=600))
    assert decision.stop
    assert decision.reason.startswith("1 more trial would bring 0.00")
    assert " EUR (" in decision.reason
    assert " points) and cost 0.1" in decision.reason
    assert decision.reason.endswith("; no number up to 100 would pay for itself")
    assert "e-" not in decision.reason


def test_hours_of_the_machine_are_shown_as_time() -> None:
    hours = replace(situation(SPREAD, seconds=3600.0), prices=Prices())
    assert decide(hours).reason.startswith(
        "1 more trial would bring 10 min (1.7 points) and cost 45 min"
    )


def test_the_evidence_has_what_a_picture_needs() -> None:
    evidence = decide(situation(SPREAD)).evidence
    assert {
        "expected_gain",
        "expected_cost",
        "horizon",
        "next_gain",
        "next_cost",
        "gain_low",
        "gain_high",
        "gain_upper",
        "incumbent",
        "noise",
        "replicates",
        "spent",
        "trials",
        "values",
        "pending",
    } == set(evidence)
    assert evidence["incumbent"] == 0.97
    assert evidence["spent"] == pytest.approx(7 * 2 / 3600 * 0.60)


def test_no_stop_before_the_minimum() -> None:
    few = situation([0.5, 0.6, 0.7, 0.8], seconds=1e9)
    assert not decide(few).stop
    assert decide(few).reason == "4 of at least 5 trials have a value"
    assert decide(few, StoppingPolicy(min_trials=4)).stop
    assert not decide(situation([0.5]), StoppingPolicy(min_trials=1)).stop


def test_nothing_but_failures_stops_with_a_reason_of_its_own() -> None:
    assert not decide(situation([None] * 14)).stop
    decision = decide(situation([None] * 15))
    assert decision.stop
    assert decision.reason == "none of 15 trials returned a value: 15 failed (crashed)"


def test_few_values_among_many_failures_are_judged_as_they_are() -> None:
    decision = decide(situation([0.5, 0.6, *[None] * 13], seconds=1e6))
    assert decision.stop
    assert "expected_gain" in decision.evidence


def test_a_reached_target_stops_even_before_the_minimum() -> None:
    decision = decide(situation([0.5, 0.993], Worth(1.0, target=0.99)))
    assert decision.stop
    assert "has reached the target of 0.99" in decision.reason


def test_a_target_of_a_loss_is_reached_from_above() -> None:
    history = replace(situation([0.5, 0.3]).history, direction=Direction.MINIMIZE)
    worth = Worth(1.0, Per.UNIT, target=0.2)
    assert not decide(replace(situation([]), history=history, worth=worth)).stop
    assert decide(replace(situation([]), history=history, worth=replace(worth, target=0.3))).stop


def test_equal_values_stop_and_say_so() -> None:
    decision = decide(situation([0.5] * 6))
    assert decision.stop
    assert decision.reason.startswith("all values so far are equal")


def test_a_metric_at_its_ceiling_promises_nothing_more() -> None:
    decision = decide(situation([0.9, 1.0, 0.95, 1.0, 1.0, 0.9, 1.0, 1.0]))
    assert decision.stop
    assert decision.reason.startswith("half of the first values equal the best, so 1 more")


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (Budget(trials=0), "0 trials, but one more trial would take 1 trial"),
        (Budget(seconds=1.0), "the remaining budget is 1 s"),
        (Budget(money=0.0001), "the remaining budget is 0.0001 EUR"),
    ],
)
def test_a_budget_for_no_further_trial_stops(left: Budget, said: str) -> None:
    decision = decide(replace(situation(SPREAD), left=left))
    assert decision.stop
    assert said in decision.reason
    assert decision.evidence["affordable"] == 0


def test_free_trials_go_on_while_they_may_bring_anything() -> None:
    assert not decide(situation(SPREAD, seconds=0.0)).stop


def breaking(count: int, values: list[float | None] = [], **situated: Any) -> Situation:  # noqa: B006
    """So many trials that break a soft rule, the first by 1, before some that break none."""
    before = situation([0.99] * count).history.trials
    broken = (replace(one, margins={"fast": -1.0 - one.number}) for one in before)
    after = situation([None] * count + values).history.trials[count:]
    history = History((*broken, *after), Direction.MAXIMIZE)
    return replace(situation([]), history=history, **situated)


def test_while_nothing_is_feasible_the_budget_decides() -> None:
    limited = decide(breaking(150, left=Budget(trials=1)))
    assert not limited.stop
    assert limited.reason == (
        "no trial fulfils rule 'fast' (of 150 trials with a value); the closest, trial 0, breaks "
        "'fast' by 1; until a trial is feasible no gain can be priced, and the budget decides"
    )
    assert (limited.evidence["values"], limited.evidence["infeasible"]) == (0, 150)
    assert not {"incumbent", "expected_gain"} & limited.evidence.keys()
    spent = decide(breaking(150, left=Budget(trials=0)))
    assert spent.stop
    assert spent.reason.startswith("no trial fulfils rule 'fast'")
    assert spent.reason.endswith(
        "the remaining budget is 0 trials, but one more trial would take 1 trial"
    )


def test_without_a_budget_a_search_that_finds_nothing_feasible_ends_all_the_same() -> None:
    assert not decide(breaking(99)).stop
    assert decide(breaking(100)).stop
    assert "without a budget the search ends after 100 trials" in decide(breaking(100)).reason
    assert not decide(breaking(98, [0.5])).stop
    assert decide(breaking(99, [0.5])).reason.startswith("a forecast needs at least two values")
    assert decide(breaking(99, [0.5])).stop


def test_a_target_is_not_reached_by_what_breaks_a_soft_rule() -> None:
    worth = Worth(0.1, target=0.98)
    assert not decide(breaking(5, [0.5] * 2, worth=worth)).stop
    assert "has reached the target" in decide(breaking(5, [0.985], worth=worth)).reason


def test_the_incumbent_is_feasible_and_few_of_many_are_worth_less() -> None:
    alone, among = decide(situation(SPREAD)), decide(breaking(21, list(SPREAD)))
    assert among.evidence["incumbent"] == alone.evidence["incumbent"] == 0.97
    assert among.evidence["values"] == 7
    share = among.evidence["next_gain"] / alone.evidence["next_gain"]
    # A trial brings a value in 7 of 28 cases; a quarter of a step is a bit more than its share.
    assert share == pytest.approx((7 + 0.5) / (28 + 0.5), rel=0.1)


def test_too_few_feasible_trials_are_counted_as_such() -> None:
    few = decide(breaking(3, [0.5, 0.6]))
    assert not few.stop
    assert few.reason == "2 of at least 5 trials meet the soft rules"


@pytest.mark.parametrize(("min_trials", "horizon"), [(0, 100), (5, 0)])
def test_a_policy_refuses_nonsense(min_trials: int, horizon: int) -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        StoppingPolicy(min_trials, horizon)


def test_a_search_that_pays_ends_between_a_hasty_and_a_stubborn_one() -> None:
    """Mean net worth over random searches: better than 5 trials and than 200, near hindsight."""
    random = np.random.default_rng(5)
    net, fixed, hindsight = [], [], []
    price, worth = 0.002, Worth(1.0, Per.UNIT)
    for _ in range(20):
        values = 1.0 - random.random(size=200) ** 0.6  # nears its end as measured searches do
        trials: list[TrialRecord] = []
        for number, value in enumerate(values.tolist()):
            cost = Cost(price, money=price)
            state = TrialState.COMPLETE
            trials.append(TrialRecord(number, {"x": number}, state, value, cost=cost))
            history = History(tuple(trials), Direction.MAXIMIZE)
            if decide(Situation(history, worth, Prices("EUR"))).stop:
                break
        worths = np.maximum.accumulate(values) - price * np.arange(1, 201)
        net.append(worths[len(trials) - 1])
        fixed.append(worths[[4, 199]])
        hindsight.append(worths.max())
    assert np.mean(net) > max(np.mean(fixed, axis=0))
    assert np.mean(net) > 0.7 * np.mean(hindsight)


def dear() -> Situation:
    return situation(SPREAD, seconds=3600 * 20)


def test_a_configuration_that_pays_goes_on_though_the_values_say_stop() -> None:
    alone = decide(dear())
    assert alone.stop
    decision = decide(replace(dear(), offer=NextTrialEstimate(gain=400.0, cost=12.0, least=3)))
    assert not decision.stop
    together = math.sqrt(400.0 * alone.evidence["next_gain"])
    assert together == pytest.approx(12.77, abs=0.01)
    assert decision.reason.startswith(
        "the next configuration would bring 13 EUR and cost 12 EUR, judged by the values and "
        "a model of the space together; judged by the values alone, 1 more trial would bring "
    )
    assert decision.evidence["offer_steps"] == pytest.approx(400.0 / 10.0)  # 10 EUR a unit
    assert decision.evidence["offer_cost"] == 12.0


def test_a_model_alone_does_not_outvote_the_values() -> None:
    decision = decide(replace(dear(), offer=NextTrialEstimate(gain=20.0, cost=12.0, least=3)))
    assert decision.stop
    assert decision.evidence["offer_steps"] == pytest.approx(2.0)


def test_a_configuration_that_does_not_pay_changes_nothing_but_the_evidence() -> None:
    alone = decide(dear())
    decision = decide(replace(dear(), offer=NextTrialEstimate(gain=11.0, cost=12.0, least=7)))
    assert decision.stop
    assert decision.reason == alone.reason
    assert decision.evidence["offer_cost"] == 12.0


def test_a_model_that_has_seen_too_little_is_not_believed_when_it_says_stop() -> None:
    decision = decide(replace(dear(), offer=NextTrialEstimate(gain=0.0, cost=12.0, least=8)))
    assert not decision.stop
    assert decision.reason.startswith(
        "7 of at least 8 trials needed for a model of the space have finished; "
    )


def test_trials_that_were_given_up_tell_the_model_something() -> None:
    curve = (CurvePoint(1, 0.5, 1.0),)
    begun = TrialRecord(7, {"x": 7}, TrialState.PRUNED, curve=curve)
    for trial, stops in ((begun, True), (replace(begun, curve=()), False)):
        few = replace(dear(), offer=NextTrialEstimate(gain=0.0, cost=12.0, least=8))
        history = History((*few.history.trials, trial), few.history.direction)
        assert decide(replace(few, history=history)).stop is stops


def test_where_the_values_say_go_on_no_offer_is_looked_at() -> None:
    decision = decide(replace(situation(SPREAD), offer=NextTrialEstimate(gain=0.0, cost=12.0)))
    assert not decision.stop
    assert "offer_cost" not in decision.evidence
