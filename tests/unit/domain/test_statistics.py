"""Shares, means and differences, with their uncertainty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtr
from scipy.stats import binomtest

from satisfice.domain.statistics import Share, interval, welch


@pytest.mark.parametrize(
    ("count", "of"), [(0, 1), (1, 1), (0, 4000), (3, 4000), (845, 4000), (173, 200), (200, 200)]
)
def test_the_interval_is_wilsons(count: int, of: int) -> None:
    wilson = binomtest(count, of).proportion_ci(0.95, method="wilson")
    share = Share(count, of)
    assert share.value == count / of
    assert share.interval == pytest.approx((wilson.low, wilson.high), rel=1e-12, abs=1e-15)


def test_the_share_of_a_whole_population_is_exact() -> None:
    assert Share(12, 96, whole=True).interval == (0.125, 0.125)


def test_an_empty_sample_says_nothing() -> None:
    assert math.isnan(Share(0, 0).value)
    assert Share(0, 0).interval == (0.0, 1.0)


def test_an_interval_is_a_t_interval() -> None:
    # Four values of mean 5 and sample deviation 2; t of 3 degrees at 97.5 % is 3.182446.
    mean, low, high = interval([3.0, 4.0, 6.0, 7.0])
    assert mean == 5.0
    reach = 3.182446305 * math.sqrt(10 / 3) / 2
    assert (low, high) == pytest.approx((5 - reach, 5 + reach))


def test_an_interval_of_less_confidence_is_narrower() -> None:
    wide, narrow = interval([1.0, 2.0, 4.0]), interval([1.0, 2.0, 4.0], confidence=0.5)
    assert wide[1] < narrow[1] < narrow[0] < narrow[2] < wide[2]


def test_an_interval_has_its_nominal_coverage() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        _, low, high = interval(list(generator.normal(size=3)))
        held += low <= 0.0 <= high
    assert 0.93 < held / 2000 < 0.97


def test_the_interval_of_one_value_is_infinite_and_of_none_nan() -> None:
    assert interval([0.5]) == (0.5, -math.inf, math.inf)
    assert all(math.isnan(one) for one in interval([]))


def test_the_chance_of_a_difference_is_welchs() -> None:
    # Means 5 and 2, squared errors 5/6 and 1/3: t is 2.777460 with 4.840000 degrees of freedom.
    squares = 10 / 3 / 4, 1 / 3
    t = 3 / math.sqrt(sum(squares))
    freedom = sum(squares) ** 2 / (squares[0] ** 2 / 3 + squares[1] ** 2 / 2)
    assert welch([3.0, 4.0, 6.0, 7.0], [1.0, 2.0, 3.0]) == pytest.approx(2 * stdtr(freedom, -t))


def test_without_spread_there_is_no_chance() -> None:
    assert welch([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert welch([1.0, 1.0], [2.0, 2.0]) == 0.0
