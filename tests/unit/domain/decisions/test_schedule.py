"""Whether to start a scheduled run, and the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from satisfice.domain.decisions import stopping
from satisfice.domain.decisions.schedule import Champion, Past, decide
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.economics.cost import Budget, EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import Failure, History, TrialRecord, TrialState

EUROS = Prices("EUR", hour=3.60)
SPREAD = (0.90, 0.93, 0.91, 0.95, 0.92, 0.97, 0.94)
PAST = Past("digits-3", repeats=9)


def situation(values: tuple[float | None, ...] = SPREAD, worth: float = 0.1) -> Situation:
    """Earlier trials of ten seconds, which cost 0.01 EUR."""
    trials = tuple(
        TrialRecord(
            number,
            {"x": number},
            TrialState.FAILED if value is None else TrialState.COMPLETE,
            value,
            cost=EUROS.of(10.0, 0.0, EnergyMode.UNKNOWN),
            failure=Failure.CRASHED if value is None else None,
        )
        for number, value in enumerate(values)
    )
    return Situation(History(trials, Direction.MAXIMIZE), Worth(worth), EUROS)


def on_new_data(before: tuple[float, ...], now: float) -> Past:
    return replace(PAST, champion=Champion(before, now))


def test_where_nothing_is_new_and_nothing_pays_it_is_not_worth_it() -> None:
    decision = decide(situation(worth=0.001), PAST)
    assert decision.stop
    assert decision.reason.startswith(
        "the data has not changed since digits-3: 1 more trial would bring 0.00"
    )
    assert "no number up to 100 would pay for itself" in decision.reason
    assert decision.evidence["expected_gain"] < decision.evidence["expected_cost"]


def test_on_the_same_data_it_starts_if_a_gain_is_worth_enough() -> None:
    decision = decide(situation(worth=100.0), PAST)
    assert not decision.stop
    assert decision.reason.endswith(", plus 0.1 EUR for confirmation")
    assert "most" not in decision.evidence  # the budget is that of any search


def test_a_search_that_pays_but_not_for_its_confirmation_does_not_begin() -> None:
    earlier = situation()
    alone = stopping.decide(earlier)
    left_over = alone.evidence["expected_gain"] - alone.evidence["expected_cost"]
    pays = int(left_over / 0.0105)  # a trial is forecast to cost a little more than it did
    few, many = (decide(earlier, Past("digits-3", repeats)) for repeats in (1, 2 * pays))
    assert pays > 1
    assert not alone.stop
    assert not few.stop
    assert many.stop
    assert many.evidence["confirming"] > left_over


@pytest.mark.parametrize(
    ("earlier", "told"),
    [
        (situation(SPREAD[:3]), "3 of at least 5 trials have a value"),
        (situation((None,) * 20), "none of 20 trials returned a value: 20 failed (crashed)"),
        (replace(situation(), left=Budget(money=0.001)), "the remaining budget is 0.001 EUR"),
    ],
    ids=["few", "failed", "unaffordable"],
)
@pytest.mark.parametrize("past", [PAST, on_new_data((0.97,), 0.97)], ids=["same", "new"])
def test_what_tells_nothing_is_no_reason_not_to_begin(
    earlier: Situation, told: str, past: Past
) -> None:
    decision = decide(earlier, past)
    assert not decision.stop
    assert decision.reason.startswith("digits-3 and earlier searches allow no forecast: ")
    assert told in decision.reason


def test_a_target_that_is_reached_ends_the_scheduled_runs() -> None:
    reached = replace(situation(worth=100.0), worth=Worth(100.0, target=0.96))
    assert decide(reached, PAST).stop
    assert decide(reached, on_new_data((0.97, 0.98), 0.96)).stop
    fallen = decide(reached, on_new_data((0.97, 0.97), 0.90))
    assert not fallen.stop
    assert fallen.evidence["retraining"] == pytest.approx(600.0)  # up to the target, no further


def test_what_the_champion_has_lost_is_to_be_gained() -> None:
    decision = decide(situation(worth=0.05), on_new_data((0.97, 0.97), 0.92))
    evidence = decision.evidence
    assert not decision.stop
    assert evidence["retraining"] == pytest.approx(5 * 0.05)
    assert evidence["most"] == evidence["expected_gain"] >= evidence["retraining"]
    assert evidence["expected_cost"] > evidence["confirming"]
    assert "the champion reaches 0.92 on it, its configuration reached 0.97" in decision.reason
    assert "retraining it would bring 0.25 EUR (5 points)" in decision.reason
    assert ", and the run may spend at most " in decision.reason


def test_a_run_may_spend_more_for_a_larger_loss() -> None:
    small, large = (decide(situation(), on_new_data((0.97,), now)) for now in (0.93, 0.80))
    lost = large.evidence["most"] - small.evidence["most"]
    assert lost == pytest.approx(13 * 0.1)


def test_further_trials_count_on_new_data_only_where_they_pay() -> None:
    for worth, pays in ((0.005, False), (100.0, True)):
        alone = stopping.decide(situation(worth=worth))
        decision = decide(situation(worth=worth), on_new_data((0.97,), 0.9))
        more = alone.evidence["expected_gain"] if pays else 0.0
        assert alone.stop is not pays
        assert decision.evidence["expected_gain"] == pytest.approx(7 * worth + more)
        assert ("more trials" in decision.reason) is pays


def test_a_champion_that_holds_on_new_data_leaves_nothing_to_gain() -> None:
    decision = decide(situation(worth=0.001), on_new_data((0.97, 0.97), 0.97))
    assert decision.stop
    assert decision.evidence["retraining"] == 0.0
    assert "most" not in decision.evidence


def test_luck_from_seed_to_seed_is_worth_an_expected_improvement() -> None:
    decision = decide(situation(worth=1.0), on_new_data((0.96, 0.98), 0.97))
    spread = 0.02 / 2**0.5 * 1.5**0.5
    assert decision.evidence["retraining"] == pytest.approx(100 * spread * 0.3989, rel=0.02)


@pytest.mark.parametrize(
    ("noise", "share"),
    [
        (0.001, 1 - 2 * (0.001 / 0.05) ** 2),
        (0.02, 1 - 2 * (0.02 / 0.05) ** 2),
        (0.04, 0.0),
        (9.5, 0.0),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_loss_is_shrunk_by_the_noise_of_both_splits(
    noise: float, share: float, sign: int
) -> None:
    """Otherwise new examples would look like a worse model half of the time."""
    deviation = noise * 10**0.5 * (9 / 10) ** 0.5  # of ten parts, half of them above
    parts = tuple(0.92 + (deviation if one % 2 else -deviation) for one in range(10))
    champion = Champion((0.92 + sign * 0.05,), 0.92, parts)
    assert champion.error == pytest.approx(noise)
    assert champion.lost == pytest.approx(share)
    decision = decide(situation(worth=1.0), replace(PAST, champion=champion))
    assert f"reaches 0.92 on it (± {noise:.2g}), its" in decision.reason
    gained = 5 * share if sign > 0 else 0.0
    assert decision.evidence["retraining"] == pytest.approx(gained, abs=1e-9)


def test_a_loss_to_be_minimised_is_lost_upwards() -> None:
    earlier = situation()
    minimised = replace(earlier, history=History(earlier.history.trials, Direction.MINIMIZE))
    assert decide(minimised, on_new_data((0.90,), 0.95)).evidence["retraining"] > 0
    assert decide(minimised, on_new_data((0.90,), 0.85)).evidence["retraining"] == 0


def test_halvings_of_an_error_are_weighed_on_its_logarithm() -> None:
    """From 8 % back to 4 % is one, whatever a lucky seed might reach."""
    halvings = replace(situation(), worth=Worth(3.0, Per.HALVING))
    back = decide(halvings, on_new_data((0.96, 0.96), 0.92))
    assert back.evidence["retraining"] == pytest.approx(3.0)
    worse = decide(halvings, on_new_data((0.99, 0.84), 0.84)).evidence["retraining"]
    assert worse > decide(halvings, on_new_data((0.99, 0.84), 0.92)).evidence["retraining"]
