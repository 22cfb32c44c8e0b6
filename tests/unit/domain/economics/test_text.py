"""Numbers for sentences."""

from __future__ import annotations

import pytest

from satisfice.domain.economics.text import counted, duration, money, number, percent, sums


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.000346, "0.00035"),
        (0.2, "0.2"),
        (0.9699, "0.97"),
        (0.999, "1"),
        (27.4, "27"),
        (1340.2, "1,340"),
        (-0.034, "-0.034"),
        (float("inf"), "inf"),
        (1e-300, "1e-300"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.000346, "0.035 %"),
        (0.0424, "4.2 %"),
        (0.2113, "21 %"),
        (0.906, "91 %"),
        (0.99904, "99.9 %"),
        (0.9996, "99.96 %"),
        (1.0, "100 %"),
    ],
)
def test_shares(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.13, "2.1 s"), (99.0, "99 s"), (660.0, "11 min"), (12_600.0, "3.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_money_in_hours_is_time() -> None:
    assert money(0.5, "h") == "30 min"
    assert money(0.5, "EUR") == "0.5 EUR"
    assert money(0.5, "kWh") == "0.5 kWh"


def test_counts() -> None:
    assert counted(1, "trial") == "1 trial"
    assert counted(27, "trial") == "27 trials"


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (1.0, 2.0, ("1 EUR", "2 EUR")),
        (0.00101, 0.00104, ("0.00101 EUR", "0.00104 EUR")),
        (12.0001, 12.0002, ("12.0001 EUR", "12.0002 EUR")),
        (0.5, 0.5, ("0.5 EUR", "0.5 EUR")),
        (0.0, 0.0, ("0 EUR", "0 EUR")),
    ],
)
def test_two_sums_differ_where_they_do(one: float, other: float, told: tuple[str, str]) -> None:
    assert sums(one, other, "EUR") == told
