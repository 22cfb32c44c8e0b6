"""The expected gain and cost of more trials."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from satisfice.domain.decisions.forecast import expected_cost, outlooks
from satisfice.domain.decisions.noise import level_of
from satisfice.domain.decisions.situation import Pending, Situation
from satisfice.domain.economics.cost import Budget, Cost, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import History, TrialRecord, TrialState

ONE_UNIT = Worth(1.0, Per.UNIT)


def trial(number: int, value: float | None, money: float = 0.01, **facts: object) -> TrialRecord:
    state = TrialState.FAILED if value is None else TrialState.COMPLETE
    record = TrialRecord(
        number, {"x": number}, state, value, cost=Cost(money, 0, 0, money), seed=number
    )
    return replace(record, **facts)  # type: ignore[arg-type]


def situation(
    values: list[float | None], worth: Worth = ONE_UNIT, money: float = 0.01, **facts: object
) -> Situation:
    trials = tuple(trial(number, value, money) for number, value in enumerate(values))
    history = History(trials, Direction.MAXIMIZE)
    return replace(Situation(history, worth, Prices("EUR")), **facts)  # type: ignore[arg-type]


def landscape(random: np.random.Generator, count: int) -> np.ndarray:
    """Values whose best draws near an upper end as searches on measured tables do."""
    return 1.0 - random.random(count) ** 0.6


def test_the_gain_of_more_trials_is_what_more_draws_really_bring() -> None:
    """Random draws bring about half of it: the pace is that of samplers that learn, and wary."""
    random = np.random.default_rng(1)
    told, came = [], []
    for _ in range(300):
        values = landscape(random, 60)
        outlook = outlooks(situation(values[:40].tolist(), money=0.002), 20)[-1]
        assert outlook.trials == 20
        told.append(outlook.gain)
        came.append(max(values[40:].max() - values[:40].max(), 0.0))
    assert 1.0 < np.mean(told) / np.mean(came) < 2.5


def test_the_upper_end_holds_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    held, below = [], []
    for _ in range(300):
        values = landscape(random, 30)
        outlook = outlooks(situation(values[:10].tolist(), money=0.002), 20)[-1]
        came = max(values[10:].max() - values[:10].max(), 0.0)
        held.append(came <= outlook.upper)
        below.append(came <= outlook.high)
        assert outlook.low <= outlook.gain <= outlook.upper <= outlook.high
    assert 0.85 <= np.mean(held) <= 0.97
    assert np.mean(held) < np.mean(below)


def test_a_likely_zero_is_the_lower_end_and_where_it_is_sure_enough_the_upper_too() -> None:
    values = landscape(np.random.default_rng(6), 200).tolist()
    one, *_, many = outlooks(situation(values), 100)
    assert one.gain > 0
    assert (one.low, one.upper, one.high) == (0.0, 0.0, 0.0)  # a new best comes once in 200
    assert many.low == 0.0 < many.upper < many.high


def test_the_gap_is_measured_from_the_first_values() -> None:
    """A sampler that has learnt proposes near the best: the way is not shorter for that."""
    first, later = [0.1, 0.5, 0.3, 0.7, 0.2, 0.4, 0.3, 0.5, 0.2, 0.6], [0.69, 0.7, 0.68] * 6
    learnt, turned = situation(first + later), situation(later + first)
    assert outlooks(learnt, 1)[0].gain > 2 * outlooks(turned, 1)[0].gain


def test_where_the_best_values_crowd_little_is_left() -> None:
    """The way may be as long as its first reading says, so that the bound stays."""
    begun = [0.1, 0.5, 0.3, 0.7, 0.2, 0.4, 0.3, 0.5]
    spread = situation([*begun, 0.75, 0.80, 0.86, 0.95])
    crowded = situation([*begun, 0.93, 0.94, 0.949, 0.95])
    for wide, close in zip(outlooks(spread, 50), outlooks(crowded, 50), strict=True):
        assert close.gain < 0.75 * wide.gain
        assert close.upper == wide.upper
        assert close.low <= close.gain <= close.high


def test_values_far_apart_do_not_enlarge_the_gap() -> None:
    begun = [0.1, 0.5, 0.3, 0.7, 0.2, 0.4, 0.3, 0.5]
    one, other = situation([*begun, 0.0, 0.95]), situation([*begun, -9.0, 0.95])
    assert outlooks(one, 1)[0].gain == pytest.approx(outlooks(other, 1)[0].gain)


def test_ties_at_the_top_leave_half_a_step() -> None:
    """A metric with few steps: the next one up is nearer than where all are alike."""
    begun: list[float | None] = [0.50, 0.75, 0.50, 0.25, 0.75, 0.50]
    tied, finer = situation([*begun, *[0.875] * 4]), situation([*begun, 0.86, *[0.875] * 4])
    gains = [outlooks(one, 1)[0].gain for one in (situation([0.875] * 8), finer, tied)]
    assert 0.0 == gains[0] < gains[1] < gains[2]


def test_costs_with_a_large_variance_raise_the_expected_cost() -> None:
    even = situation([0.1, 0.5, 0.3, 0.7, 0.2, 0.4])
    costs = (0.0001, 0.03, 0.0003, 0.0296, 0.0, 0.0)
    uneven = tuple(
        replace(one, cost=Cost(money, 0, 0, money))
        for one, money in zip(even.history.trials, costs, strict=True)
    )
    wild = replace(even, history=replace(even.history, trials=uneven))
    loads = [
        outlooks(one, 1)[0].cost.money / expected_cost(one.history).money for one in (even, wild)
    ]
    assert 1.0 < loads[0] < 1.2 < loads[1]


def test_a_growing_grid_up_to_the_horizon() -> None:
    values: list[float | None] = [0.1, 0.5, 0.3, 0.7, 0.2]
    assert [one.trials for one in outlooks(situation(values), 20)] == [1, 2, 3, 5, 8, 13, 20]
    assert [one.trials for one in outlooks(situation(values), 1)] == [1]
    gains = [one.gain for one in outlooks(situation(values), 100)]
    assert gains == sorted(gains)
    assert gains[0] > 0


@pytest.mark.parametrize(
    ("left", "most"),
    [
        (Budget(trials=4), 4),
        (Budget(money=0.05), 4),
        (Budget(seconds=0.05), 4),
        (Budget(trials=0), None),
        (Budget(money=0.001), None),
    ],
)
def test_no_outlook_beyond_the_budget_left(left: Budget, most: int | None) -> None:
    found = outlooks(situation([0.1, 0.5, 0.3, 0.7, 0.2], left=left), 100)
    assert (found[-1].trials if found else None) == most


def test_workers_share_the_time_that_is_left() -> None:
    tight = situation([0.1, 0.5, 0.3, 0.7, 0.2], left=Budget(seconds=0.05))
    assert outlooks(replace(tight, workers=4), 100)[-1].trials > outlooks(tight, 100)[-1].trials


def test_pending_trials_leave_less_for_those_after_them() -> None:
    alone = situation([0.1, 0.5, 0.3, 0.7, 0.2])
    accompanied = replace(alone, pending=tuple(Pending(n, {}, Cost()) for n in (5, 6, 7)))
    for without, beside in zip(outlooks(alone, 50), outlooks(accompanied, 50), strict=True):
        assert beside.gain < without.gain
        assert beside.cost == without.cost


def in_flight(*elapsed: float) -> tuple[Pending, ...]:
    return tuple(Pending(100 + n, {}, Cost(), one) for n, one in enumerate(elapsed))


def next_cost(one: Situation) -> float:
    return outlooks(one, 1)[0].cost.money


def test_running_trials_may_be_the_expensive_ones() -> None:
    """Cheap trials come back first; what outlasts them says so, the more the longer it runs."""
    alone = situation([0.1, 0.5, 0.3, 0.7, 0.2])
    costs = [
        next_cost(replace(alone, pending=in_flight(*elapsed)))
        for elapsed in ((), (0.0, 0.0), (0.05, 0.0), (0.05, 0.05), (0.5, 0.05), (5.0, 0.05))
    ]
    assert costs[0] == costs[1]
    assert costs[1:] == sorted(set(costs[1:]))
    assert costs[-1] > 5.0 / 7  # the mean of seven of which one has taken so much already


def test_what_outlasts_the_others_makes_costs_differ_by_more() -> None:
    alone = situation([0.1, 0.5, 0.3, 0.7, 0.2])
    beside = replace(alone, pending=in_flight(5.0))
    loads = [
        next_cost(one) / expected_cost(one.history, one.pending).money for one in (alone, beside)
    ]
    assert loads[1] > 1.2 * loads[0]


def test_a_trial_just_started_does_not_hide_that_costs_grow() -> None:
    trials = tuple(trial(n, 0.1 * n, 0.01 if n < 30 else 0.05) for n in range(40))
    alone = replace(situation([]), history=History(trials, Direction.MAXIMIZE))
    beside = replace(alone, pending=in_flight(*[1e-4] * 15))
    assert next_cost(beside) == pytest.approx(next_cost(alone), rel=0.01)


def test_where_only_money_is_known_seconds_say_nothing() -> None:
    trials = tuple(trial(n, 0.1 * n, cost=Cost(money=0.01)) for n in range(5))
    alone = replace(situation([]), history=History(trials, Direction.MAXIMIZE))
    assert next_cost(replace(alone, pending=in_flight(5.0))) == next_cost(alone)


def test_a_higher_price_of_a_second_applies_to_running_trials() -> None:
    alone = situation([0.1, 0.5, 0.3, 0.7, 0.2], pending=in_flight(0.2))
    dear = tuple(
        replace(one, cost=replace(one.cost, money=3 * one.cost.money))
        for one in alone.history.trials
    )
    beside = replace(alone, history=History(dear, Direction.MAXIMIZE))
    assert next_cost(beside) == pytest.approx(3 * next_cost(alone))


def test_failures_cost_and_lower_the_chance() -> None:
    clean = situation([0.1, 0.5, 0.3, 0.7, 0.2])
    failing = situation([0.1, 0.5, None, None, 0.3, None, 0.7, None, 0.2])
    assert outlooks(failing, 1)[0].gain < outlooks(clean, 1)[0].gain


@pytest.mark.parametrize("values", [[], [0.5], [None, None], [None, 0.5]])
def test_fewer_than_two_values_say_nothing(values: list[float | None]) -> None:
    assert outlooks(situation(values), 10) == ()


def test_equal_values_promise_nothing() -> None:
    assert [one.gain for one in outlooks(situation([0.5] * 8), 10)] == [0.0] * 6


def test_a_target_caps_the_gain() -> None:
    values: list[float | None] = [0.90, 0.95, 0.92, 0.97, 0.98]
    free = outlooks(situation(values), 100)[-1]
    capped = outlooks(situation(values, Worth(1.0, Per.UNIT, target=0.981)), 100)[-1]
    assert 0 < capped.gain < 0.001
    assert capped.high <= 0.001 + 1e-12
    assert free.gain > capped.gain


def test_halvings_of_an_error_are_forecast_on_its_logarithm() -> None:
    random = np.random.default_rng(3)
    errors = np.exp2(-random.exponential(size=40))
    losses = History(
        tuple(trial(n, float(error)) for n, error in enumerate(errors)), Direction.MINIMIZE
    )
    logs = situation((-np.log2(errors)).tolist())
    halvings = replace(logs, history=losses, worth=Worth(1.0, Per.HALVING))
    for one, other in zip(outlooks(halvings, 30), outlooks(logs, 30), strict=True):
        assert one.gain == pytest.approx(other.gain, rel=1e-9)


def test_the_cost_follows_the_recent_trials() -> None:
    grown = [trial(n, 0.5, money=0.01 if n < 80 else 0.1) for n in range(100)]
    history = History(tuple(grown), Direction.MAXIMIZE)
    assert expected_cost(history).money >= 0.1
    assert expected_cost(history).seconds >= 0.1


def test_one_cheap_trial_does_not_promise_that_all_are() -> None:
    one = History((trial(0, 0.5, money=1.0),), Direction.MAXIMIZE)
    assert expected_cost(one).money == pytest.approx(math.exp(3.5 / 6 / 2))
    assert expected_cost(History((), Direction.MAXIMIZE)) == Cost(energy=Cost().energy.MEASURED)


def test_replicates_shrink_what_is_noise() -> None:
    random = np.random.default_rng(4)
    noisy = [
        trial(n, 0.5 + 0.1 * float(random.normal()), params={"x": n % 10}, seed=n)
        for n in range(40)
    ]
    told = History(tuple(noisy), Direction.MAXIMIZE)
    hidden = History(tuple(replace(one, params={"x": one.number}) for one in noisy), told.direction)
    level, blind = level_of(told, Per.UNIT), level_of(hidden, Per.UNIT)
    assert level is not None
    assert blind is not None
    assert level.replicates == 10
    assert level.noise == pytest.approx(0.1, rel=0.3)
    assert blind.replicates == 0
    assert blind.noise == 0
    assert level.values.max() < 0.55 < 0.6 < blind.values.max()


def test_the_same_seed_twice_is_no_replicate() -> None:
    twice = [trial(n, 0.1 * n, params={"x": 0}, seed=7) for n in range(2)]
    level = level_of(History(tuple(twice), Direction.MAXIMIZE), Per.UNIT)
    assert level is not None
    assert level.replicates == 0
