"""A Gaussian process for a few dozen configurations.

The kernel is a Matern kernel with a lengthscale for each axis (Rasmussen and Williams 2006,
Gaussian Processes for Machine Learning, equation 4.17 and section 5.1). The hyper-parameters have
priors and are set to their most probable values: five trials alone do not determine them.

Configurations are columns (`domain.sampling.encoding`), of which several may belong to one axis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from satisfice.domain.arrays import Floats, Ints

_ROOT = np.sqrt(5.0)
_JITTER = 1e-8
_STEPS = 25  # of the optimiser; more do not change a proposal
_FITTED = 80  # observations to fit hyper-parameters to; more take seconds and change little
_REACH = 4.0  # bounds of the hyper-parameters, in standard deviations of the prior
# Priors of the logarithms: mean and standard deviation. A lengthscale grows with the dimension, or
# all points would be far apart (Hvarfner et al. 2024, Vanilla Bayesian Optimization
# Performs Great in High Dimensions, section 4).
_LENGTH, _SIGNAL = (np.log(0.5), 0.8), (0.0, 0.7)
_NOISE_SPREAD = 1.5
_LEAST = 1e-12


@dataclass(frozen=True)
class Surrogate:
    """The posterior after some observations, on a scale of mean 0 and variance 1.

    Attributes:
        mean: The mean of the numbers, which was subtracted.
        spread: Their standard deviation, by which they were divided.
        noise: Noise variance of an observation, on the scale.
    """

    mean: float
    spread: float
    noise: float
    _columns: Floats  # of the observations, each divided by its lengthscale
    _weights: Floats  # the inverse lengthscale of each column
    _signal: float
    _root: Floats  # lower Cholesky factor of the kernel matrix
    _dual: Floats
    _noises: Floats  # noise variance of each observation, on the scale

    @classmethod
    def of(
        cls,
        columns: Floats,
        axes: Ints,
        numbers: Floats,
        noise: float,
        doubts: Floats | None = None,
    ) -> Surrogate:
        """Fit to observations.

        Args:
            columns: Shape (observations, columns).
            axes: Shape (columns,): the axis that each belongs to, counted from 0.
            numbers: Shape (observations,), finite; at least one.
            noise: The prior noise variance, as a share of the whole variance.
            doubts: Shape (observations,): additional known noise variance; None: none.
        """
        mean, spread = float(np.mean(numbers)), max(float(np.std(numbers)), _LEAST)
        scaled = (numbers - mean) / spread
        extra = np.zeros(len(scaled)) if doubts is None else doubts / spread**2
        some = np.unique(np.linspace(0, len(scaled) - 1, _FITTED).astype(int))
        lengths, signal, variance = _fitted(columns[some], axes, scaled[some], extra[some], noise)
        weights, noises = 1 / lengths[axes], variance + extra
        root = _root(columns * weights, signal, noises)
        dual = cho_solve((root, True), scaled)
        return cls(mean, spread, variance, columns * weights, weights, signal, root, dual, noises)

    def awaiting(self, columns: Floats) -> Surrogate:
        """Return the posterior once some configurations have been observed.

        They are assumed to show their expected values (Ginsbourger et al. 2010, Kriging Is
        Well-Suited to Parallelize Optimization, section 3.1): means stay, variances shrink.
        """
        both = np.concatenate([self._columns, columns * self._weights])
        dual = np.append(self._dual, np.zeros(len(columns)))
        noises = np.append(self._noises, np.full(len(columns), self.noise))
        root = _root(both, self._signal, noises)
        return replace(self, _columns=both, _root=root, _dual=dual, _noises=noises)

    def at(self, columns: Floats) -> tuple[Floats, Floats]:
        """Return posterior mean and variance without noise, on the scale.

        Args:
            columns: Shape (configurations, columns).
        """
        kernel, _, _ = _matern(_squares(columns * self._weights, self._columns))
        known = self._signal * kernel
        explained = solve_triangular(self._root, known.T, lower=True)
        variance = self._signal - np.sum(explained**2, axis=0)
        return known @ self._dual, np.maximum(variance, _LEAST)


def _root(near: Floats, signal: float, noises: Floats) -> Floats:
    kernel, _, _ = _matern(_squares(near, near))
    return np.asarray(np.linalg.cholesky(signal * kernel + np.diag(noises + _JITTER)))


def _fitted(
    columns: Floats, axes: Ints, scaled: Floats, extra: Floats, noise: float
) -> tuple[Floats, float, float]:
    """Return the most probable lengthscales (one per axis), signal and noise variance."""
    count = int(axes[-1]) + 1
    middle = np.array([*[_LENGTH[0] + np.log(count) / 2] * count, _SIGNAL[0], np.log(noise)])
    wide = np.array([*[_LENGTH[1]] * count, _SIGNAL[1], _NOISE_SPREAD])
    apart = np.array(
        [_squares(one, one) for one in (columns[:, axes == at] for at in range(count))]
    )
    found = minimize(
        _surprise,
        middle,
        (apart, scaled, extra, middle, wide),
        method="L-BFGS-B",
        jac=True,
        bounds=list(zip(middle - _REACH * wide, middle + _REACH * wide, strict=True)),
        options={"maxiter": _STEPS},
    ).x
    signal, variance = np.exp(found[count:])
    return np.exp(found[:count]), float(signal), float(variance)


def _squares(some: Floats, others: Floats) -> Floats:
    """Return squared distances, shape (some, others)."""
    lengths = np.sum(some**2, axis=1)[:, None] + np.sum(others**2, axis=1)
    return np.asarray(np.maximum(lengths - 2 * some @ others.T, 0.0))


def _matern(squared: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the kernel at squared distances, and the terms of its gradient."""
    far = _ROOT * np.sqrt(squared)
    fall = np.exp(-far)
    return (1 + far + far**2 / 3) * fall, far, fall


def _surprise(
    logs: Floats, apart: Floats, seen: Floats, extra: Floats, middle: Floats, wide: Floats
) -> tuple[float, Floats]:
    """Return the negative log posterior of the hyper-parameters, and its gradient.

    Rasmussen and Williams 2006, equations 5.8 and 5.9.
    """
    axes = len(apart)
    weights, signal, noise = np.exp(-2 * logs[:axes]), *np.exp(logs[axes:])
    kernel, far, fall = _matern(np.tensordot(weights, apart, 1))
    root = np.linalg.cholesky(signal * kernel + np.diag(noise + _JITTER + extra))
    inverse = cho_solve((root, True), np.eye(len(seen)))
    dual = inverse @ seen
    off = (logs - middle) / wide
    value = seen @ dual / 2 + np.sum(np.log(np.diag(root))) + off @ off / 2
    pull = (inverse - np.outer(dual, dual)) / 2
    by_length = pull * (signal * 5 / 3 * (1 + far) * fall)
    slopes = np.append(
        weights * np.tensordot(apart, by_length, 2),
        [signal * np.sum(pull * kernel), noise * np.trace(pull)],
    )
    return float(value), slopes + off / wide
