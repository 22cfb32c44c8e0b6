"""The chart of gain over cost in a terminal."""

from __future__ import annotations

import math

import pytest

from satisfice.flows.terminal.chart import chart


def rows(lines: list[str]) -> dict[str, str]:
    """The rows of a chart by their label."""
    split = (line.split("|") for line in lines[1:-1])
    return {label.strip(): drawn for label, drawn in split}


def test_what_pays_lies_on_or_above_the_line_of_1() -> None:
    drawn = chart([(5, 10.0), (6, 1.0), (7, 0.1)])
    assert drawn == [
        "expected gain over expected cost; above 1 it pays to go on",
        "   10 |*",
        "      |",
        "    1 |-*-",
        "      |",
        "  0.1 |  *",
        "       5 7 trials",
    ]


@pytest.mark.parametrize("ratio", [0.99, 0.5, 1e-9, 0.0])
def test_what_does_not_pay_never_lies_on_the_line(ratio: float) -> None:
    assert "*" not in rows(chart([(1, ratio), (2, ratio)]))["1"]


@pytest.mark.parametrize("ratio", [0.0, 1e-30, 1e30, math.inf])
def test_it_has_at_most_four_decades(ratio: float) -> None:
    drawn = chart([(1, ratio), (2, 1.0)])
    assert len(drawn) <= 11
    assert sum(line.count("*") for line in drawn) == 2


def test_a_long_search_is_drawn_by_medians() -> None:
    drawn = chart([(at, 100.0 if at % 3 == 0 else 10.0) for at in range(5, 605)])
    assert max(map(len, drawn[1:])) <= 7 + 60 + len(" trials")
    assert rows(drawn)["10"].count("*") == 60
    assert drawn[-1].split() == ["5", "604", "trials"]


def test_a_single_moment_is_no_chart() -> None:
    assert chart([]) == chart([(5, 2.0)]) == []
