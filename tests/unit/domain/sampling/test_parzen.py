"""The density of good trials is the one that Optuna's TPE builds."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

from satisfice.domain.arrays import Floats
from satisfice.domain.sampling.parzen import fit
from satisfice.domain.space.domains import Axis, Choice, Float, Int
from satisfice.tasks.storage.distributions import distribution

AXES: dict[str, Axis] = {
    "width": Int(8, 1024, log=True),
    "groups": Int(1, 16),
    "features": Int(4, 64, step=4),
    "rate": Float(1e-5, 1.0, log=True),
    "dropout": Float(0.0, 0.8),
    "optimizer": Choice(("sgd", "adamw", "lion")),
}
KINDS = {name: distribution(axis) for name, axis in AXES.items()}


def seen(count: int, seed: int) -> list[dict[str, Any]]:
    random = Random(seed)
    return [
        {
            name: random.choice(axis.choices)
            if isinstance(axis, Choice)
            else axis.at(random.random())
            for name, axis in AXES.items()
        }
        for _ in range(count)
    ]


def optunas(configurations: list[dict[str, Any]]) -> _ParzenEstimator:
    observed = {
        name: np.array([kind.to_internal_repr(one[name]) for one in configurations], float)
        for name, kind in KINDS.items()
    }
    parameters = TPESampler(multivariate=True)._parzen_estimator_parameters
    return _ParzenEstimator(observed, KINDS, parameters)


def places(samples: dict[str, Floats]) -> dict[str, Floats]:
    return {
        name: (samples[name] + 0.5) / len(axis.choices)
        if isinstance(axis, Choice)
        else np.array([axis.place(float(one)) for one in samples[name]])
        for name, axis in AXES.items()
    }


@pytest.mark.parametrize(("good", "bad"), [(1, 9), (5, 40), (2, 60)])
def test_candidates_are_ranked_as_optuna_ranks_them(good: int, bad: int) -> None:
    best, rest = seen(good, 1), seen(bad, 2)
    samples = optunas(best).sample(np.random.RandomState(0), 100)
    theirs = optunas(best).log_pdf(samples) - optunas(rest).log_pdf(samples)
    at = places(samples)
    ours = fit(AXES, best).log_density(at) - fit(AXES, rest).log_density(at)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_draws_are_spread_as_optunas() -> None:
    best = seen(4, 3)
    theirs = places(optunas(best).sample(np.random.RandomState(0), 2000))
    uniform = np.random.default_rng(0).random((4000, 1 + len(AXES)))
    ours = fit(AXES, best).draw(uniform)
    for name in AXES:
        quartiles = (25, 50, 75)
        near = np.percentile(ours[name], quartiles) - np.percentile(theirs[name], quartiles)
        assert np.abs(near).max() < (0.35 if name == "optimizer" else 0.06), name


def test_nothing_seen_is_spread_evenly() -> None:
    uniform = np.random.default_rng(0).random((4000, 1 + len(AXES)))
    drawn = fit(AXES, []).draw(uniform)
    assert all(abs(column.mean() - 0.5) < 0.03 for column in drawn.values())
