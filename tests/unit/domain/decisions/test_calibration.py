"""Forecasts compared with realised gains."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satisfice.domain.decisions.calibration import (
    HORIZONS,
    Calibration,
    Window,
    compare,
    main_tally,
    tallies,
    verdict,
    verdicts,
)
from satisfice.domain.decisions.forecast import outlooks
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.economics.cost import Budget, Cost, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import History, TrialRecord, TrialState

WORTH = Worth(2.0, Per.UNIT)


def situation(
    values: list[float | None],
    direction: Direction = Direction.MAXIMIZE,
    broken: tuple[int, ...] = (),
) -> Situation:
    trials = tuple(
        TrialRecord(
            at,
            {"x": at},
            TrialState.FAILED if value is None else TrialState.COMPLETE,
            value,
            cost=Cost(seconds=1.0, money=0.1),
            margins={"rule": -1.0} if at in broken else {},
        )
        for at, value in enumerate(values)
    )
    return Situation(History(trials, direction), WORTH, Prices("EUR"))


def window(came: float, trials: int = 1, gain: float = 1.0, high: float = 3.0) -> Window:
    return Window(after=5, trials=trials, gain=gain, low=0.0, high=high, realised=came)


def test_a_forecast_is_compared_with_the_best_later_value() -> None:
    end = situation([1.0, 3.0, 2.0, 2.5, 1.5, 1.0, 4.0, 3.5])
    found = list(compare(end))

    assert [(one.after, one.trials, one.realised) for one in found] == [
        (5, 1, 0.0),
        (6, 1, 2.0),  # from 3 to 4, at 2 a unit
        (7, 1, 0.0),
    ]
    known = replace(end, history=History(end.history.trials[:6], Direction.MAXIMIZE))
    (said,) = outlooks(known, 1)
    assert (found[1].gain, found[1].low, found[1].high) == (said.gain, said.low, said.high)


def test_later_trials_do_not_affect_a_forecast() -> None:
    values: list[float | None] = [1.0, 3.0, 2.0, 2.5, 1.5, 1.0]
    first = next(compare(situation([*values, 4.0])))
    assert first == next(compare(situation([*values, 400.0])))


def test_a_metric_may_be_minimised() -> None:
    up = list(compare(situation([1.0, 3.0, 2.0, 2.5, 1.5, 1.0, 4.0])))
    down = situation([-1.0, -3.0, -2.0, -2.5, -1.5, -1.0, -4.0], Direction.MINIMIZE)
    assert list(compare(down)) == up
    assert up[1].realised == 2.0


def test_only_feasible_values_are_a_gain() -> None:
    values: list[float | None] = [1.0, 3.0, None, 2.0, 2.5, 1.5, 9.0, None]
    found = list(compare(situation(values, broken=(6,))))
    assert [(one.after, one.realised) for one in found] == [(6, 0.0), (7, 0.0)]


@pytest.mark.parametrize("values", [[], [1.0], [None] * 30, [1.0, 2.0, 3.0, 4.0, 5.0]])
def test_what_has_not_gone_on_after_five_values_is_not_compared(
    values: list[float | None],
) -> None:
    assert list(compare(situation(values))) == []
    assert "too early to tell" in verdict(compare(situation(values)), "EUR")


def test_budget_and_pending_trials_are_not_looked_at() -> None:
    end = situation([1.0, 3.0, 2.0, 2.5, 1.5, 1.0, 4.0])
    assert list(compare(replace(end, left=Budget(trials=0)))) == list(compare(end))


@given(
    values=st.lists(st.none() | st.floats(-1e3, 1e3), max_size=60),
    direction=st.sampled_from(Direction),
)
@settings(max_examples=60, deadline=None)
def test_windows_of_one_length_never_overlap_and_lie_in_the_search(
    values: list[float | None], direction: Direction
) -> None:
    found = list(compare(situation(values, direction)))
    assert all(
        one.realised >= 0 and np.isfinite([one.gain, one.low, one.high]).all() for one in found
    )
    for horizon in HORIZONS:
        some = [one for one in found if one.trials == horizon]
        for one, following in itertools.pairwise(some):
            assert one.after + horizon <= following.after
        assert all(5 <= one.after <= len(values) - horizon for one in some)
    ones = [one for one in found if one.trials == 1]
    for one in found:  # a longer look ahead brings what the shorter ones in it bring
        inside = [each for each in ones if one.after <= each.after < one.after + one.trials]
        if len(inside) == one.trials:
            assert one.realised == pytest.approx(sum(each.realised for each in inside), abs=1e-6)


def test_of_a_long_search_forty_windows_of_a_length_are_taken_over_all_of_it() -> None:
    values: list[float | None] = np.random.default_rng(0).random(1000).tolist()
    found = [one for one in compare(situation(values)) if one.trials == 1]
    assert 30 <= len(found) <= 40
    assert found[0].after == 5
    assert found[-1].after > 950


def test_a_forecaster_that_knows_the_distribution_is_found_to_be_right() -> None:
    """The excesses of exponential values are what `domain.decisions.forecast` takes them for."""
    generator = np.random.default_rng(4)
    searches = [situation(generator.exponential(size=45).tolist()) for _ in range(40)]
    windows = [one for end in searches for one in compare(end)]
    for one in tallies(windows):
        assert one.covered.value > 0.8, one
    assert main_tally(windows) == tallies(windows)[-1]


def test_tallies_are_means_by_length() -> None:
    short = [window(0.0), window(4.0), window(2.0, gain=4.0)]
    one, five = tallies([*short, window(1.0, trials=5)])
    assert (one.trials, one.forecast, one.realised) == (1, 2.0, 2.0)
    assert (one.covered.count, one.covered.of) == (2, 3)
    assert (five.trials, five.covered.of) == (5, 1)


def test_both_ends_of_an_interval_belong_to_it() -> None:
    assert window(0.0).covered
    assert window(3.0).covered
    assert not window(3.1).covered


def test_the_longest_look_ahead_with_enough_windows_tells_most() -> None:
    ones, fives = [window(0.0)] * 30, [window(0.0, trials=5)] * 10
    for windows, trials in (
        (ones + fives + [window(0.0, trials=10)] * 9, 5),
        ([window(0.0)] * 3 + [window(0.0, trials=5)], 1),
    ):
        found = main_tally(windows)
        assert found is not None
        assert found.trials == trials
    assert main_tally([]) is None


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        (
            [window(0.0, trials=5)] * 9 + [window(2.0, trials=5)] * 11,
            (
                "the next 5 trials were forecast to bring 1 EUR on average and brought 1.1 EUR, "
                "1.1 times as much; the 90 % interval contained the realised gain in 20 of 20 "
                "cases, as it should"
            ),
        ),
        (
            [window(0.0)] * 4,
            (
                "the next trial was forecast to bring 1 EUR on average and brought nothing; "
                "the 90 % interval contained the realised gain in 4 of 4 cases, too few to judge"
            ),
        ),
        (
            [window(0.0, gain=0.0)] * 8 + [window(5.0, gain=0.0)] * 2,
            (
                "the next trial was forecast to bring nothing on average and brought 1 EUR; "
                "the 90 % interval contained the realised gain in 8 of 10 cases, fewer than it "
                "should, but within chance"
            ),
        ),
        (
            [window(0.0)] * 10 + [window(5.0)] * 10,
            (
                "the next trial was forecast to bring 1 EUR on average and brought 2.5 EUR, "
                "2.5 times as much; the 90 % interval contained the realised gain in 10 of 20 "
                "cases, which is too rare"
            ),
        ),
    ],
)
def test_the_verdict_is_one_sentence(windows: list[Window], told: str) -> None:
    assert verdict(windows, "EUR") == told


def test_earlier_searches_are_put_beside_the_search_itself() -> None:
    own, earlier = (window(0.0),) * 10, (window(5.0),) * 10
    alone = verdicts(Calibration(own), "EUR")
    both = verdicts(Calibration(own, earlier, 1), "EUR")
    three = verdicts(Calibration(own, earlier, 3), "EUR")

    assert [whose for whose, _ in alone] == ["this search"]
    assert both[0] == alone[0]
    assert [whose for whose, _ in both[1:] + three[1:]] == [
        "with 1 earlier search",
        "with 3 earlier searches",
    ]
    assert "contained the realised gain in 10 of 20 cases" in both[1][1]
