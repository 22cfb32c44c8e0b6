"""Predictions of memory, time and energy of a training, learnt from finished trials.

The prior mean is a sum of parts, each a size of the model (counted exactly, before training) times
a stated rate: bytes of memory per byte of weights, seconds per multiply-accumulate. Each rate is
known up to a factor only, a machine may be faster or slower as a whole, and each parameter of the
study may shift the result. Finished trials correct all of these together by Bayesian linear
regression on the logarithm, with the variance estimated by expectation-maximisation (Bishop 2006,
Pattern Recognition and Machine Learning, section 9.3.4), linearised around its own solution
(Gauss-Newton). A forecast has Student's t distribution, because few trials say little about the
variance.

A trial that ran out of memory, or out of time before its first epoch ended, is a censored
observation: it needed more. It counts with its conditional expectation (Schmee and Hahn 1979, A
Simple Method for Regression Analysis with Censored Data).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from satisfice.domain.arrays import Floats
from satisfice.domain.rules import predicted
from satisfice.domain.rules.predicted import QUANTITIES, Forecast, Quantity, Sizes
from satisfice.domain.space.domains import same
from satisfice.domain.space.space import Choice, Params, Space
from satisfice.domain.trials.history import Failure, TrialRecord

_MACHINE = 0.7  # standard deviation of the logarithm of a machine's factor on the rates
_SLOPE = 0.3  # the same for half of a parameter's range
_PRIOR_TRIALS = 4.0
_ROUNDS = 50
_LARGEST_LOG = 700.0
_CLOSE = 1e-4


@dataclass(frozen=True, slots=True)
class Observation:
    """An observation of a quantity from one trial.

    Attributes:
        params: Its parameters.
        sizes: The sizes of its model.
        value: The measured value, above 0.
        at_least: Whether it is censored: the trial needed more, and failed for lack of it.
    """

    params: Params
    sizes: Sizes
    value: float
    at_least: bool = False


def observe(
    name: str, trial: TrialRecord, sizes: Sizes, memory_mb: float | None = None
) -> Observation | None:
    """Return the observation of a quantity from a finished trial; None without one.

    Args:
        name: The name of the prediction.
        trial: The trial, in any state.
        sizes: The sizes of its model.
        memory_mb: The limit on its memory, if there was one.
    """
    value, at_least = trial.measured.get(name.removeprefix(predicted.PREFIX)), False
    if name == predicted.MEMORY:
        at_least = trial.failure is Failure.OUT_OF_MEMORY
        if at_least:
            value = max(value or 0.0, memory_mb or 0.0)
        elif not trial.curve:
            value = None  # it did not finish an epoch
    if name in (predicted.EPOCH_SECONDS, predicted.EPOCH_MONEY):
        at_least = trial.failure is Failure.OVERRAN and not trial.curve
        value = trial.cost.seconds if at_least else trial.seconds_per_epoch
        if value and name == predicted.EPOCH_MONEY:
            value *= trial.cost.money / trial.cost.seconds if trial.cost.seconds > 0 else 0.0
    if value is None or not 0 < value < math.inf:
        return None
    return Observation(trial.params, sizes, value, at_least)


@dataclass(frozen=True)
class Model:
    """The model of one quantity: the prior, updated by trials.

    Attributes:
        quantity: The stated prior.
        space: The study's space.
        rate: A factor on the prior mean, such as the price of a second.
        trials: The number of trials it was fitted to.
        shifts: The corrections of the logarithm: one for each part, one for the machine, one for
            each coordinate of the space.
        covariance: Their covariance.
        variance: Variance of the logarithm between trials of one configuration.
        freedom: Degrees of freedom of a forecast.
    """

    quantity: Quantity
    space: Space
    rate: float
    trials: int
    shifts: Floats
    covariance: Floats
    variance: float
    freedom: float

    def forecast(self, params: Params, sizes: Sizes) -> Forecast:
        """Predict the quantity for a configuration.

        Args:
            params: The active parameters.
            sizes: The sizes of its model.
        """
        parts = _parts(self.quantity, self.rate, sizes)[None]
        level, slope = _expected(parts, _coordinates(self.space, params)[None], self.shifts)
        noise = self.variance * float(_noisier(self.quantity, self.rate, level)[0])
        spread = math.sqrt(noise + float((slope @ self.covariance @ slope.T)[0, 0]))
        return Forecast(math.exp(float(level[0])), spread, self.freedom, self.trials)


def learn(name: str, space: Space, observations: Iterable[Observation], rate: float = 1.0) -> Model:
    """Fit the model of a quantity; the order of the observations does not matter.

    Args:
        name: The name of the prediction.
        space: The study's space.
        observations: The observations; none: the prior alone.
        rate: A factor on the prior mean, above 0.
    """
    seen, quantity = list(observations), QUANTITIES[name]
    parts = np.array([_parts(quantity, rate, one.sizes) for one in seen])
    places = np.array([_coordinates(space, one.params) for one in seen])
    noisier = _noisier(quantity, rate, np.log([one.value for one in seen]))
    prior = np.concatenate(
        [
            np.full(len(quantity.parts), quantity.doubt),
            [_MACHINE],
            np.full(len(_coordinates(space, {})), _SLOPE),
        ]
    )
    freedom = _PRIOR_TRIALS + len(seen)
    shifts, variance = np.zeros(len(prior)), quantity.noise**2
    covariance: Floats = np.diag(prior**2)
    for _ in range(_ROUNDS if seen else 0):
        level, slope = _expected(parts, places, shifts)
        wanted = _targets(seen, level, np.sqrt(variance * noisier)) - level + slope @ shifts
        weighed = slope.T / (variance * noisier)
        information = np.diag(prior**-2.0) + weighed @ slope
        covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        found = covariance @ (weighed @ wanted)
        step = np.clip(found - shifts, -1.0, 1.0)  # the parts are not linear: limit the step
        misfits = (wanted - slope @ found) ** 2 + np.sum((slope @ covariance) * slope, axis=1)
        misfit = float(np.sum(misfits / noisier))
        variance = (_PRIOR_TRIALS * quantity.noise**2 + misfit) / freedom
        shifts = shifts + step
        if np.max(np.abs(step)) < _CLOSE:
            break
    return Model(quantity, space, rate, len(seen), shifts, covariance, variance, freedom)


def _parts(quantity: Quantity, rate: float, sizes: Sizes) -> Floats:
    return np.array(
        [rate * each * math.prod(sizes[one] for one in of) for each, of in quantity.parts]
    )


def _expected(parts: Floats, places: Floats, shifts: Floats) -> tuple[Floats, Floats]:
    """Return the expected logarithm of each row, and its gradient in the shifts."""
    count = parts.shape[1]
    shifted = parts * np.exp(shifts[:count])
    total = np.sum(shifted, axis=1)
    slope = np.hstack([shifted / total[:, None], np.ones((len(parts), 1)), places])
    return np.log(total) + slope[:, count:] @ shifts[count:], slope


def _noisier(quantity: Quantity, rate: float, level: Floats) -> Floats:
    """Return the factor on the variance of the logarithm that comes from the grain at a level."""
    shares = rate * quantity.grain * np.exp(-np.clip(level, -_LARGEST_LOG, _LARGEST_LOG))
    return 1.0 + np.minimum(shares, 1.0) ** 2 / quantity.noise**2


def _targets(seen: Sequence[Observation], level: Floats, deviation: Floats) -> Floats:
    """Return the logarithms to fit: measured ones, or expected ones if censored."""
    logs = np.log([one.value for one in seen])
    more = np.array([one.at_least for one in seen])
    beyond = (logs - level) / deviation
    # The mean of a normal distribution above a point (its inverse Mills ratio), by logarithms.
    hazard = np.exp(-(beyond**2) / 2 - math.log(2 * math.pi) / 2 - log_ndtr(-beyond))
    return np.where(more, level + deviation * hazard, logs)


def _coordinates(space: Space, params: Params) -> Floats:
    """Return a configuration as features: -1 to 1 for each range, one-hot for each choice.

    An absent parameter is in the middle of its range, and all zeros for a choice.
    """
    found: list[float] = []
    there = space.coordinates(params)
    for name, axis in space.axes.items():
        place = there.get(name)
        if isinstance(axis, Choice):
            found += [float(place is not None and same(place, one)) for one in axis.choices]
        else:
            found.append(0.0 if place is None else 2 * axis.place(float(place)) - 1)
    return np.array(found)
