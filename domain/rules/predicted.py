"""What is predicted of a configuration before it is trained: names, stated priors, forecasts.

A prediction bears the name and the unit under which the same thing is measured later, so that a
rule and a gate read alike: `predicted.latency_ms_p95` is the forecast of `latency_ms_p95`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

PREFIX = "predicted."

# Counted on the model itself, built without memory: exact.
PARAMETERS = "predicted.parameters"
MACS = "predicted.macs"
SIZE = "predicted.size_bytes"
COUNTED = (PARAMETERS, MACS, SIZE)

# Learnt from the finished trials of the search, beginning with a stated prior: with an error.
MEMORY = "predicted.memory_mb"
CHECKPOINT = "predicted.checkpoint_bytes"
EPOCH_SECONDS = "predicted.epoch_seconds"
EPOCH_MONEY = "predicted.epoch_money"
LATENCY_P50 = "predicted.latency_ms_p50"
LATENCY_P95 = "predicted.latency_ms_p95"
ENERGY = "predicted.energy_wh_per_1000"
INFERENCE = (LATENCY_P50, LATENCY_P95, ENERGY)  # a trial measures these only where a rule asks
LEARNT = (MEMORY, CHECKPOINT, EPOCH_SECONDS, EPOCH_MONEY, *INFERENCE)

PREDICTED = (*COUNTED, *LEARNT)

# Sizes of a model that are counted for the forecasts alone.
ACTIVATIONS = "activation_bytes"  # all that the operations of one inference on one example make
LARGEST = "largest_bytes"  # what goes into and comes out of the largest of them
OPERATIONS = "operations"  # their number
EXAMPLES = "examples"  # training examples of an epoch
Sizes: TypeAlias = Mapping[str, float]  # these and what is counted, by name

_MIB = float(1 << 20)
_BATCH = 64  # assumed; a study that searches its batch size has a parameter that corrects it
_AT_ONCE = 256  # examples that an evaluation runs at once, assumed

_LARGEST_LOG = 700.0  # beyond it `exp` has no result


@dataclass(frozen=True, slots=True)
class Forecast:
    """A prediction that may be wrong: its logarithm has a Student t distribution.

    Attributes:
        median: As likely too high as too low.
        spread: Scale of the distribution of the logarithm; 0.1 is about 10 %.
        freedom: Its degrees of freedom; the fewer, the heavier the tails.
        trials: The version of the prediction: how many trials it has learnt from; 0 is the prior.
    """

    median: float
    spread: float
    freedom: float
    trials: int

    def at(self, share: float) -> float:
        """Return the value that the truth is below with this probability."""
        from scipy.special import stdtrit  # a study is read without it

        ratio = self.spread * float(stdtrit(self.freedom, share))
        return self.median * math.exp(min(max(ratio, -_LARGEST_LOG), _LARGEST_LOG))


# What is counted is a plain number, what is learnt a forecast.
Predicted: TypeAlias = Mapping[str, float | Forecast]


def middles(predicted: Predicted) -> dict[str, float]:
    """Return the predictions as plain numbers."""
    return {
        name: one.median if isinstance(one, Forecast) else one for name, one in predicted.items()
    }


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is known of a quantity before any trial: the stated prior.

    Attributes:
        parts: Each a rate and the sizes that it is multiplied by; the first figure is their sum.
        noise: Deviation of the logarithm between trials of one configuration.
        doubt: The same of each rate from the true one: 1 is a factor of 2.7.
        grain: What it may be off by whatever its size, so that small values count for less.
    """

    parts: tuple[tuple[float, tuple[str, ...]], ...]
    noise: float
    doubt: float = 1.0
    grain: float = 0.0


_EPOCH = Quantity(
    (
        (0.01, ()),  # seconds around an epoch
        (3 / 5e9, (MACS, EXAMPLES)),  # forwards, and backwards twice as long, on one core
        (3 * 1e-5 / _BATCH, (OPERATIONS, EXAMPLES)),  # calling an operation
        (5 / 1e10 / _BATCH, (SIZE, EXAMPLES)),  # the optimizer's way through the weights
    ),
    noise=0.5,
    grain=0.05,  # what else the machine does meanwhile
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
            (_BATCH / _MIB, (ACTIVATIONS,)),  # what the way back needs again
            (_AT_ONCE / _MIB, (LARGEST,)),
        ),
        noise=0.3,
        grain=2.0,  # which kernels are taken, and what an allocator keeps
    ),
    # Weights, and nothing, one or two moments of an optimizer: no more than a factor of two.
    CHECKPOINT: Quantity(((64.0, ()), (2.0, (SIZE,))), noise=0.05, doubt=0.5),
    EPOCH_SECONDS: _EPOCH,
    EPOCH_MONEY: _EPOCH,
    LATENCY_P50: _LATENCY,
    LATENCY_P95: replace(_LATENCY, noise=0.8, doubt=1.5),  # others get in the way
    ENERGY: _LATENCY,
}


def counted_for(names: Iterable[str]) -> tuple[str, ...]:
    """Return what has to be counted for some predictions: themselves, or what they rest on."""
    wanted = dict.fromkeys(one for one in names if one not in QUANTITIES)
    for name in names:
        quantity = QUANTITIES.get(name)
        for _, sizes in quantity.parts if quantity else ():
            wanted |= dict.fromkeys(sizes)
    return tuple(wanted)
