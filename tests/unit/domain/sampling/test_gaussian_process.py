"""The Gaussian process: its gradient, its fit, and its prior."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from satisfice.domain.sampling.gaussian_process import Surrogate, _squares, _surprise

RANDOM = np.random.default_rng(3)
COLUMNS = RANDOM.random((40, 3))
AXES = np.array([0, 1, 2])
NUMBERS = 5.0 - 3.0 * (COLUMNS[:, 0] - 0.4) ** 2  # the other two say nothing


def test_the_gradient_is_that_of_the_posterior() -> None:
    apart = np.array([_squares(one, one) for one in COLUMNS.T[:, :, None]])
    middle, wide = np.zeros(5), np.ones(5)
    extra = RANDOM.random(40)
    for logs in RANDOM.normal(0, 0.5, (5, 5)):
        _, slopes = _surprise(logs, apart, NUMBERS, extra, middle, wide)
        by_hand = approx_fprime(
            logs, lambda at: _surprise(at, apart, NUMBERS, extra, middle, wide)[0], 1e-6
        )
        assert slopes == pytest.approx(by_hand, rel=1e-3, abs=1e-3)


def test_a_smooth_function_is_learnt() -> None:
    model = Surrogate.of(COLUMNS, AXES, NUMBERS, 0.01)
    fresh = RANDOM.random((200, 3))
    means, variances = model.at(fresh)
    truth = 5.0 - 3.0 * (fresh[:, 0] - 0.4) ** 2
    found = model.mean + model.spread * means
    assert np.mean((found - truth) ** 2) < 0.01 * np.var(truth)
    assert np.all(variances < 0.2)


def test_what_says_nothing_gets_a_long_lengthscale() -> None:
    model = Surrogate.of(COLUMNS, AXES, NUMBERS, 0.01)
    assert model._weights[0] > 2 * max(model._weights[1:])


def test_far_from_everything_it_knows_the_mean_and_no_more() -> None:
    model = Surrogate.of(COLUMNS, AXES, NUMBERS, 0.01)
    (mean,), (variance,) = model.at(np.full((1, 3), 1e6))
    assert mean == pytest.approx(0.0, abs=1e-6)
    assert variance == pytest.approx(model._signal)


def test_what_is_awaited_takes_doubt_away_and_moves_no_mean() -> None:
    model = Surrogate.of(COLUMNS[:8], AXES, NUMBERS[:8], 0.01)
    there = np.array([[0.95, 0.05, 0.5], [0.05, 0.95, 0.5]])
    means, variances = model.at(there)
    later_means, later = model.awaiting(there[:1]).at(there)
    assert later_means == pytest.approx(means)
    assert later[0] < variances[0] / 2
    assert later[1] <= variances[1] + 1e-9


def test_repeated_looks_are_averaged() -> None:
    same = np.zeros((20, 1))
    noisy = np.array([1.0, -1.0] * 10)
    model = Surrogate.of(same, np.array([0]), noisy, 0.01)
    (mean,), (variance,) = model.at(same[:1])
    assert mean == pytest.approx(0.0, abs=1e-6)
    assert variance < model.noise
    assert 0.3 < model.noise < 1.5


def test_a_look_that_is_in_doubt_says_less() -> None:
    ends, numbers = np.array([[0.0], [1.0]]), np.array([0.0, 1.0])
    columns, numbers = np.repeat(ends, 10, axis=0), np.repeat(numbers, 10)
    numbers[0] = 3.0
    doubts = np.where(numbers == 3.0, 100.0, 0.0)
    sure, doubtful = (
        Surrogate.of(columns, np.array([0]), numbers, 0.01, each) for each in (None, doubts)
    )
    at_sure, at_doubtful = (
        one.mean + one.spread * one.at(ends[:1])[0][0] for one in (sure, doubtful)
    )
    assert at_doubtful < at_sure / 3
    # What is doubtful of one look is no noise of the others.
    assert doubtful.noise < sure.noise / 3
