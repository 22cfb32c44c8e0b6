"""What is predicted of a configuration before it is trained: the names, and how sure they are.

A prediction bears the name and the unit under which the same thing is measured later, so that a
rule and a gate read alike: `predicted.latency_ms_p95` is the forecast of `latency_ms_p95`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from scipy.special import stdtrit

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
        ratio = self.spread * float(stdtrit(self.freedom, share))
        return self.median * math.exp(min(max(ratio, -_LARGEST_LOG), _LARGEST_LOG))


# What is counted is a plain number, what is learnt a forecast.
Predicted: TypeAlias = Mapping[str, float | Forecast]


def middles(predicted: Predicted) -> dict[str, float]:
    """Return the predictions as plain numbers."""
    return {
        name: one.median if isinstance(one, Forecast) else one for name, one in predicted.items()
    }
