"""What a gain of the metric is worth."""

from __future__ import annotations

import math

import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.economics.worth import Amount, Direction, Per, Worth

UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE


@pytest.mark.parametrize(
    ("per", "before", "after", "direction", "steps"),
    [
        (Per.POINT, 0.90, 0.93, UP, 3),
        (Per.POINT, 0.07, 0.05, DOWN, 2),
        (Per.UNIT, 0.90, 0.93, UP, 0.03),
        (Per.UNIT, 12.0, 10.0, DOWN, 2),
        (Per.HALVING, 0.90, 0.95, UP, 1),  # the error goes from 0.10 to 0.05
        (Per.HALVING, 0.80, 0.95, UP, 2),
        (Per.HALVING, 0.08, 0.01, DOWN, 3),
    ],
)
def test_a_gain_is_counted_in_steps(
    per: Per, before: float, after: float, direction: Direction, steps: float
) -> None:
    assert Worth(2.5, per).of(before, after, direction) == pytest.approx(2.5 * steps)


@pytest.mark.parametrize("per", Per)
@pytest.mark.parametrize(("direction", "after"), [(UP, 0.4), (UP, 0.5), (DOWN, 0.6), (DOWN, 0.5)])
def test_what_is_no_better_is_worth_nothing(per: Per, direction: Direction, after: float) -> None:
    assert Worth(1.0, per).of(0.5, after, direction) == 0.0


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_a_value_that_is_no_number_is_worth_nothing(value: float) -> None:
    assert Worth(1.0).of(0.5, value, UP) == 0.0


@pytest.mark.parametrize(
    ("before", "after", "points"),
    [(0.90, 0.97, 5), (0.96, 0.99, 0), (0.90, 0.94, 4), (0.95, 0.97, 0)],
)
def test_beyond_the_target_nothing_is_worth_anything(
    before: float, after: float, points: float
) -> None:
    assert Worth(1.0, target=0.95).of(before, after, UP) == pytest.approx(points)


def test_a_target_of_what_is_minimised_lies_below() -> None:
    worth = Worth(1.0, Per.UNIT, target=2.0)
    assert worth.of(5.0, 1.0, DOWN) == pytest.approx(3.0)
    assert worth.of(1.5, 1.0, DOWN) == 0.0


@pytest.mark.parametrize(
    ("direction", "before", "after"), [(UP, 0.99, 1.0), (UP, 0.99, 1.5), (DOWN, 0.01, 0.0)]
)
def test_a_perfect_model_is_worth_much_and_not_infinitely_much(
    direction: Direction, before: float, after: float
) -> None:
    worth = Worth(1.0, Per.HALVING).of(before, after, direction)
    assert 30 < worth < 40  # the error falls from a hundredth to the least that counts


@pytest.mark.parametrize(
    ("amount", "money"),
    [(Amount(1800, "s"), 0.30), (Amount(2, "kWh"), 0.56), (Amount(3, "EUR"), 3.0)],
)
def test_amounts_become_money_by_the_prices(amount: Amount, money: float) -> None:
    assert amount.money(Prices("EUR", hour=0.60, kwh=0.28)) == pytest.approx(money)


def test_without_prices_an_hour_costs_an_hour() -> None:
    assert Amount(600, "s").money(Prices()) == pytest.approx(1 / 6)
