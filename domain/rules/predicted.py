"""Predictions for a configuration before it is trained: names, stated priors, forecasts.

A prediction has the name and the unit of the later measurement, so that rules and gates look the
same: `predicted.latency_ms_p95` is the forecast of `latency_ms_p95`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

PREFIX = "predicted."

# Counted on the model itself, built without allocating memory: exact.
PARAMETERS = "predicted.parameters"
MACS = "predicted.macs"
SIZE = "predicted.size_bytes"
COUNTED = (PARAMETERS, MACS, SIZE)

# Learnt from the finished trials of the search, starting from a stated prior: uncertain.
MEMORY = "predicted.memory_mb"
CHECKPOINT = "predicted.checkpoint_bytes"
EPOCH_SECONDS = "predicted.epoch_seconds"
EPOCH_MONEY = "predicted.epoch_money"
LATENCY_P50 = "predicted.latency_ms_p50"
LATENCY_P95 = "predicted.latency_ms_p95"
ENERGY = "predicted.energy_wh_per_1000"
INFERENCE = (LATENCY_P50, LATENCY_P95, ENERGY)  # a trial measures these only if a rule needs them
LEARNT = (MEMORY, CHECKPOINT, EPOCH_SECONDS, EPOCH_MONEY, *INFERENCE)

PREDICTED = (*COUNTED, *LEARNT)

# Sizes of a model that are only counted for the forecasts.
ACTIVATIONS = "activation_bytes"  # the outputs of all operations of an inference on one example
LARGEST = "largest_bytes"  # inputs and outputs of the largest operation
OPERATIONS = "operations"  # their number
EXAMPLES = "examples"  # training examples of an epoch
Sizes: TypeAlias = Mapping[str, float]  # these and the counted ones, by name

_MIB = float(1 << 20)
_BATCH = 64  # assumed; a study that searches its batch size has a parameter that corrects it
_AT_ONCE = 256  # batch size of an evaluation, assumed

_LARGEST_LOG = 700.0  # `exp` overflows beyond it


@dataclass(frozen=True, slots=True)
class Forecast:
    """An uncertain prediction: its logarithm has a Student t distribution.

    Attributes:
        median: The median.
        spread: Scale of the distribution of the logarithm; 0.1 is about 10 %.
        freedom: Its degrees of freedom; the fewer, the heavier the tails.
        trials: The version of the prediction: how many trials it was learnt from; 0 is the prior.
    """

    median: float
    spread: float
    freedom: float
    trials: int

    def at(self, share: float) -> float:
        """Return a quantile."""
        from scipy.special import stdtrit  # reading a study does not need it

        ratio = self.spread * float(stdtrit(self.freedom, share))
        return self.median * math.exp(min(max(ratio, -_LARGEST_LOG), _LARGEST_LOG))


# Counted predictions are numbers, learnt ones are forecasts.
Predicted: TypeAlias = Mapping[str, float | Forecast]


def middles(predicted: Predicted) -> dict[str, float]:
    """Return the predictions as numbers: the medians of forecasts."""
    return {
        name: one.median if isinstance(one, Forecast) else one for name, one in predicted.items()
    }


@dataclass(frozen=True, slots=True)
class Quantity:
    """The stated prior of a quantity.

    Attributes:
        parts: Each a rate and the sizes that it is multiplied by; the prior mean is their sum.
        noise: Standard deviation of the logarithm between trials of one configuration.
        doubt: Standard deviation of the logarithm of each rate: 1 is a factor of 2.7.
        grain: An absolute error, independent of size, so that small values count less.
    """

    parts: tuple[tuple[float, tuple[str, ...]], ...]
    noise: float
    doubt: float = 1.0
    grain: float = 0.0


_EPOCH = Quantity(
    (
        (0.01, ()),  # seconds around an epoch
        (3 / 5e9, (MACS, EXAMPLES)),  # forward pass, and backward pass twice as long, on one core
        (3 * 1e-5 / _BATCH, (OPERATIONS, EXAMPLES)),  # overhead of an operation
        (5 / 1e10 / _BATCH, (SIZE, EXAMPLES)),  # the optimizer's pass over the weights
    ),
    noise=0.5,
    grain=0.05,  # other load on the machine
)
_LATENCY = Quantity(
    (
        (0.02, ()),  # milliseconds
        (0.01, (OPERATIONS,)),
        (1 / 5e6, (MACS,)),
        (1 / 1e7, (SIZE,)),  # weights are read once
    ),
    noise=0.5,
)
QUANTITIES: Mapping[str, Quantity] = {
    MEMORY: Quantity(
        (
            (4.0, ()),  # what a first training step sets up
            (4 / _MIB, (SIZE,)),  # weights, gradients, and two moments of an optimizer
            (_BATCH / _MIB, (ACTIVATIONS,)),  # kept for the backward pass
            (_AT_ONCE / _MIB, (LARGEST,)),
        ),
        noise=0.3,
        grain=2.0,  # choice of kernels, and caching of the allocator
    ),
    # Weights, and nothing, one or two moments of an optimizer: no more than a factor of two.
    CHECKPOINT: Quantity(((64.0, ()), (2.0, (SIZE,))), noise=0.05, doubt=0.5),
    EPOCH_SECONDS: _EPOCH,
    EPOCH_MONEY: _EPOCH,
    LATENCY_P50: _LATENCY,
    LATENCY_P95: replace(_LATENCY, noise=0.8, doubt=1.5),  # other load on the machine
    ENERGY: _LATENCY,
}


def counted_for(names: Iterable[str]) -> tuple[str, ...]:
    """Return what must be counted for some predictions: themselves, or the sizes they use."""
    wanted = dict.fromkeys(one for one in names if one not in QUANTITIES)
    for name in names:
        quantity = QUANTITIES.get(name)
        for _, sizes in quantity.parts if quantity else ():
            wanted |= dict.fromkeys(sizes)
    return tuple(wanted)
