"""Costs, prices and the ledger of a search."""

from __future__ import annotations

import pytest

from satisfice.domain.economics.cost import NOTHING, Budget, Cost, EnergyMode, Ledger, Prices

MEASURED, ESTIMATED, UNKNOWN = EnergyMode.MEASURED, EnergyMode.ESTIMATED, EnergyMode.UNKNOWN


def euros(money: float) -> Cost:
    return Cost(seconds=10.0, kwh=0.1, money=money, energy=MEASURED)


def test_work_is_priced_by_time_energy_and_emissions() -> None:
    prices = Prices("EUR", hour=0.6, kwh=0.3, kgco2e_per_kwh=0.4, kgco2e=0.1)
    cost = prices.of(seconds=1800, kwh=2, energy=MEASURED)
    assert (cost.seconds, cost.kwh, cost.energy) == (1800, 2, MEASURED)
    assert cost.kgco2e == pytest.approx(0.8)
    assert cost.money == pytest.approx(0.30 + 0.60 + 0.08)


def test_without_prices_work_costs_its_hours() -> None:
    assert Prices().of(1800, 2, ESTIMATED).money == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("one", "other", "sum_"),
    [
        (MEASURED, MEASURED, MEASURED),
        (MEASURED, ESTIMATED, ESTIMATED),
        (UNKNOWN, ESTIMATED, UNKNOWN),
        (UNKNOWN, MEASURED, UNKNOWN),
    ],
)
def test_a_sum_is_as_certain_as_its_least_certain_part(
    one: EnergyMode, other: EnergyMode, sum_: EnergyMode
) -> None:
    for pair in ((one, other), (other, one)):
        assert sum((Cost(energy=mode) for mode in pair), start=NOTHING).energy is sum_


def test_costs_add_and_scale() -> None:
    cost = Cost(1, 2, 3, 4, MEASURED)
    assert cost + cost == cost * 2 == Cost(2, 4, 6, 8, MEASURED)
    assert cost + NOTHING == cost


def test_a_reservation_counts_until_its_trial_is_settled() -> None:
    ledger = Ledger(Budget(trials=3, money=10.0, kwh=1.0)).reserve(0, euros(4.0))
    assert ledger.left() == Budget(trials=2, money=6.0, kwh=0.9)
    ledger = ledger.settle(0, euros(1.0))
    assert ledger.left() == Budget(trials=2, money=9.0, kwh=0.9)
    assert (ledger.spent, ledger.trials, ledger.promised) == (euros(1.0), 1, NOTHING)


def test_two_workers_cannot_reserve_the_same_money() -> None:
    ledger = Ledger(Budget(money=10.0)).reserve(0, euros(6.0))
    assert ledger.left().money == 4.0


def test_a_released_reservation_costs_nothing() -> None:
    ledger = Ledger(Budget(trials=1, money=10.0)).reserve(0, euros(6.0))
    assert ledger.left().trials == 0
    assert ledger.release(0) == Ledger(Budget(trials=1, money=10.0))


def test_a_trial_is_reserved_once_and_settled_once() -> None:
    ledger = Ledger(Budget()).reserve(3, euros(1.0))
    with pytest.raises(ValueError, match="trial 3 has a reservation already"):
        ledger.reserve(3, euros(1.0))
    with pytest.raises(ValueError, match="trial 3 has no reservation"):
        ledger.settle(3, euros(1.0)).settle(3, euros(1.0))


def test_the_wall_clock_is_set_and_not_summed() -> None:
    ledger = Ledger(Budget(seconds=60.0))
    for number in range(4):
        ledger = ledger.reserve(number, Cost(seconds=30.0))
    assert ledger.left().seconds == 60.0
    assert ledger.at(50.0).left().seconds == 10.0


def test_an_overspent_budget_leaves_zero() -> None:
    ledger = Ledger(Budget(trials=1, seconds=5.0, kwh=0.05, money=1.0)).at(7.0)
    ledger = ledger.reserve(0, euros(2.0)).settle(0, euros(3.0)).reserve(1, euros(1.0))
    assert ledger.left() == Budget(trials=0, seconds=0.0, kwh=0.0, money=0.0)


def test_nothing_limits_an_empty_budget() -> None:
    ledger = Ledger(Budget()).reserve(0, euros(1e9))
    assert ledger.left() == Budget()


def test_the_share_used_is_that_of_the_scarcest_resource() -> None:
    budget = Budget(trials=10, seconds=100.0, money=4.0)
    ledger = Ledger(budget, Cost(money=3.0, kwh=9.0), trials=5).at(60.0)
    assert ledger.share_used == 0.75
    assert ledger.at(1000.0).share_used == 1.0
    assert Ledger(Budget(), Cost(money=3.0)).share_used == 0.0
