"""Durations of trials, with some still running."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_ndtr

from satisfice.domain.decisions.durations import LogNormal, durations

NONE = np.zeros(0)


def test_without_running_ones_it_is_the_mean_of_the_logarithms_and_a_shrunk_variance() -> None:
    found = durations(np.array([1.0, math.e**2]), NONE)
    assert found == LogNormal(1.0, pytest.approx((2 * 1.0 + 5 * 0.7) / (2 + 5)))
    assert found.log_mean == pytest.approx(1.0 + 5.5 / 7 / 2)


def test_it_is_the_mode_of_the_posterior() -> None:
    """Against a search for the largest value of likelihood times prior."""
    ended, running = np.array([0.4, 1.0, 7.0, 2.0]), np.array([3.0, 9.0, 0.1])

    def surprise(at: tuple[float, float]) -> float:
        middle, variance = at[0], math.exp(at[1])
        places = (np.log(running) - middle) / math.sqrt(variance)
        lasting = -float(np.sum(log_ndtr(-places)))
        of_ended = float(np.sum((np.log(ended) - middle) ** 2)) / (2 * variance)
        prior = 5 * 0.7 / (2 * variance)
        return lasting + of_ended + prior + (len(ended) + 5) / 2 * at[1]

    best = minimize(surprise, (0.0, 0.0), method="Nelder-Mead", options={"xatol": 1e-6})
    found = durations(ended, running)
    assert found.middle == pytest.approx(best.x[0], abs=0.01)
    assert found.variance == pytest.approx(math.exp(best.x[1]), abs=0.02)


def test_short_ones_end_first_and_are_not_taken_for_all() -> None:
    """Sixteen begin together, four have ended: on average over searches, the middle is found."""
    random = np.random.default_rng(0)
    told, plain = [], []
    for _ in range(200):
        every = np.sort(random.lognormal(0.0, 1.5, 16))
        ended, running = every[:4], np.full(12, every[3])
        told.append(durations(ended, running).middle)
        plain.append(durations(ended, NONE).middle)
    assert np.mean(plain) < -1.5
    assert abs(np.mean(told)) < 0.6


def test_what_has_run_long_is_expected_to_run_on() -> None:
    found = LogNormal(0.0, 1.0)
    sample = np.random.default_rng(1).lognormal(0.0, 1.0, 200_000)
    for reached in (0.1, 1.0, 4.0):
        (expected,) = found.beyond(np.array([reached]))
        assert expected == pytest.approx(np.mean(sample[sample > reached]), rel=0.02)


def test_far_beyond_everything_seen_it_stays_a_number() -> None:
    found = durations(np.full(10_000, 1.0), np.array([1e12]))
    (expected,) = found.beyond(np.array([1e12]))
    assert 1e12 < expected < math.inf
