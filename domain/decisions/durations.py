"""How long trials take, estimated from finished and running ones.

A running trial is a censored observation: it takes longer than it has run so far. Ignoring running
trials would bias the estimate downwards, because short trials finish first. The durations are
log-normal, fitted by expectation-maximisation (Dempster, Laird and Rubin 1977,
Maximum Likelihood from Incomplete Data via the EM Algorithm, section 4.2).
docs/decisions/0019 says what that gains in a search with many workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from satisfice.domain.arrays import Floats

_VARIANCE = 0.7  # of the logarithm, before any trial has finished
_WEIGHT = 5  # the number of trials that this prior counts for
_WIDEST = 6.0  # the largest variance
_ROUNDS = 50
_CLOSE = 1e-3  # the iteration ends at a smaller step of the logarithm


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal distribution of durations.

    Attributes:
        middle: Mean of the logarithm.
        variance: Variance of the logarithm.
    """

    middle: float
    variance: float

    @property
    def log_mean(self) -> float:
        """The logarithm of the mean; the mean itself may overflow."""
        return self.middle + self.variance / 2

    def beyond(self, reached: Floats) -> Floats:
        """Return the mean duration of trials that take longer than `reached`, each above 0."""
        spread = math.sqrt(self.variance)
        places = (np.log(reached) - self.middle) / spread
        return np.asarray(np.exp(self.log_mean + log_ndtr(spread - places) - log_ndtr(-places)))


def durations(ended: Floats, running: Floats) -> LogNormal:
    """Fit a log-normal distribution, its variance shrunk towards a prior.

    Running trials can only raise mean and variance: an unfinished trial is no evidence that trials
    are short or similar.

    Args:
        ended: Durations, at least one, above 0.
        running: How long the running trials have run so far, above 0.
    """
    logs, limits = np.log(ended), np.log(running)
    count = len(logs) + len(limits)
    of_ended, scatter = float(np.mean(logs)), float(np.var(logs)) * len(logs)
    narrowest = _shrunk(scatter, len(logs))
    fitted = LogNormal(of_ended, narrowest)
    for _ in range(_ROUNDS if limits.size else 0):
        expected, vary = _above(fitted, limits)
        middle = (len(logs) * of_ended + float(np.sum(expected))) / count
        around = float(np.sum((expected - middle) ** 2 + vary))
        around += scatter + len(logs) * (of_ended - middle) ** 2
        before, fitted = fitted, LogNormal(middle, max(_shrunk(around, count), narrowest))
        if abs(fitted.log_mean - before.log_mean) < _CLOSE:
            break
    return fitted


def _above(fitted: LogNormal, limits: Floats) -> tuple[Floats, Floats]:
    """Return means and variances of a normal variable truncated from below.

    Johnson, Kotz and Balakrishnan 1994, Continuous Univariate Distributions, volume 1, section
    13.10.1.
    """
    spread = math.sqrt(fitted.variance)
    places = (limits - fitted.middle) / spread
    hazards = np.exp(-(places**2) / 2 - log_ndtr(-places)) / math.sqrt(2 * math.pi)
    means = fitted.middle + spread * hazards
    return means, fitted.variance * np.maximum(1 + places * hazards - hazards**2, 0.0)


def _shrunk(scatter: float, count: int) -> float:
    return min((scatter + _WEIGHT * _VARIANCE) / (count + _WEIGHT), _WIDEST)
