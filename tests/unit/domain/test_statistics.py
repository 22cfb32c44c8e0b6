"""How much of a space was found, and how sure that is."""

from __future__ import annotations

import math

import pytest
from scipy.stats import binomtest

from satisfice.domain.statistics import Share


@pytest.mark.parametrize(
    ("count", "of"), [(0, 1), (1, 1), (0, 4000), (3, 4000), (845, 4000), (173, 200), (200, 200)]
)
def test_the_interval_is_wilsons(count: int, of: int) -> None:
    wilson = binomtest(count, of).proportion_ci(0.95, method="wilson")
    share = Share(count, of)
    assert share.value == count / of
    assert share.interval == pytest.approx((wilson.low, wilson.high), rel=1e-12, abs=1e-15)


def test_what_was_counted_from_end_to_end_is_exact() -> None:
    assert Share(12, 96, whole=True).interval == (0.125, 0.125)


def test_nothing_is_known_where_nothing_was_looked_at() -> None:
    assert math.isnan(Share(0, 0).value)
    assert Share(0, 0).interval == (0.0, 1.0)
