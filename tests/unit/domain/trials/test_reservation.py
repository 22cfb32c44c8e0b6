"""Reservations of orders."""

from __future__ import annotations

import math

import pytest

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode
from satisfice.domain.trials.reservation import PATIENCE, limit_for, reservation, search_share

RATE = Cost(1.0, kwh=0.5, kgco2e=0.25, money=2.0, energy=EnergyMode.ESTIMATED)


def test_nothing_is_promised_where_nothing_is_short() -> None:
    promised = reservation(Budget(), RATE, None, 4)
    assert promised == Cost(seconds=math.inf, energy=EnergyMode.ESTIMATED)


def test_a_first_order_gets_a_share_of_what_is_left() -> None:
    promised = reservation(Budget(money=80.0), RATE, None, 4)
    assert promised is not None
    assert (promised.seconds, promised.money, promised.kwh, promised.kgco2e) == (10, 20, 5, 2.5)


def test_the_wall_clock_is_not_shared_since_it_passes_once_for_all() -> None:
    promised = reservation(Budget(seconds=80.0), RATE, None, 4)
    assert promised is not None
    assert promised.seconds == 80.0


def test_an_order_of_known_length_gets_a_multiple_of_it() -> None:
    promised = reservation(Budget(money=80.0), RATE, 5.0, 4)
    assert promised is not None
    assert promised.seconds == 5.0 * PATIENCE


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(Budget(money=14.0), 7.0), (Budget(kwh=3.5), 7.0), (Budget(seconds=7.0, money=99.0), 7.0)],
)
def test_an_order_gets_no_more_than_is_left(left: Budget, seconds: float) -> None:
    promised = reservation(left, RATE, 5.0, 1)
    assert promised is not None
    assert promised.seconds == seconds


@pytest.mark.parametrize(
    "left",
    [Budget(trials=0), Budget(money=9.9), Budget(kwh=2.4), Budget(seconds=4.9), Budget(money=0.0)],
)
def test_an_order_that_is_not_expected_to_fit_is_not_affordable(left: Budget) -> None:
    assert reservation(left, RATE, 5.0, 1) is None


def test_what_costs_nothing_is_not_limited_by_money() -> None:
    free = Cost(1.0)
    promised = reservation(Budget(money=1.0), free, 5.0, 1)
    assert promised is not None
    assert promised.seconds == math.inf


def test_the_clock_alone_ends_no_trial_before_its_time() -> None:
    promised = reservation(Budget(seconds=80.0), RATE, 5.0, 1)
    assert promised is not None
    assert promised.seconds == 80.0


def test_a_trial_as_long_as_others_is_not_cut_short_because_many_failed_early() -> None:
    promised = reservation(Budget(money=800.0), RATE, 0.2, 1, longest_seconds=12.0)
    assert promised is not None
    assert promised.seconds == 12.0 * PATIENCE


def test_the_share_of_the_search_leaves_the_rest_for_confirmations() -> None:
    whole = Budget(trials=10, seconds=60.0, kwh=1.0, money=8.0)
    assert search_share(whole, 0.25) == Budget(10, 45.0, 0.75, 6.0)
    assert search_share(Budget(), 0.25) == Budget()


def test_an_expected_cost_limits_the_duration_of_a_trial() -> None:
    spent = Cost(seconds=40.0, money=2.0)  # 20 s for 1 EUR
    assert limit_for(0.5, spent) == Budget(seconds=PATIENCE * 10.0)
    assert limit_for(0.0, spent) is None
    assert limit_for(0.5, Cost()) is None
