"""Properties of durations, for arbitrary finished and running trials."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.durations import durations

SECONDS = st.floats(1e-6, 1e6)
CLOSE = 0.02  # the fit ends where a step changes the logarithm of the mean by less than 0.001


@st.composite
def searches(draw: st.DrawFn) -> tuple[Floats, Floats]:
    return (
        np.array(draw(st.lists(SECONDS, min_size=1, max_size=20))),
        np.array(draw(st.lists(SECONDS, max_size=16))),
    )


@given(searches())
def test_running_trials_never_shorten_or_narrow_durations(
    seen: tuple[Floats, Floats],
) -> None:
    ended, running = seen
    without, beside = durations(ended, running[:0]), durations(ended, running)
    assert beside.middle >= without.middle - 1e-9
    assert beside.variance >= without.variance


@given(searches(), st.lists(st.floats(1, 1e3), min_size=2, max_size=4))
def test_a_longer_running_trial_makes_all_durations_longer(
    seen: tuple[Floats, Floats], factors: list[float]
) -> None:
    ended, running = seen
    longest = float(np.max(np.append(ended, running))) * 10
    means = [
        durations(ended, np.append(running, longest * factor)).log_mean
        for factor in sorted(factors)
    ]
    assert all(later >= earlier - CLOSE for earlier, later in pairwise(means))


@given(searches(), st.floats(1e-3, 1e3))
def test_the_unit_of_time_does_not_matter(seen: tuple[Floats, Floats], unit: float) -> None:
    ended, running = seen
    one, other = durations(ended, running), durations(ended * unit, running * unit)
    assert math.isclose(one.middle + math.log(unit), other.middle, abs_tol=1e-3 + CLOSE)
    assert math.isclose(one.variance, other.variance, abs_tol=1e-3 + CLOSE)


@given(searches(), st.lists(SECONDS, min_size=2, max_size=8))
def test_the_expected_duration_grows_with_the_elapsed_time(
    seen: tuple[Floats, Floats], reached: list[float]
) -> None:
    places = np.sort(reached)
    expected = durations(*seen).beyond(places)
    assert np.all(np.isfinite(expected))
    assert np.all(expected >= places * (1 - 1e-9))
    assert np.all(np.diff(expected) >= -1e-9 * expected[1:])
