"""Quality attributes of a trained model, and quality gates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.expressions.expression import Expression


@dataclass(frozen=True, slots=True)
class QualityAttributes:
    """The quality attributes of a model.

    Attributes:
        latency_ms_p50: Median latency of an inference at batch 1, in milliseconds, after a warm-up.
        latency_ms_p95: The 95th percentile of the latency.
        energy_wh_per_1000: Watt hours of a thousand inferences at batch 1.
        energy: How that energy was obtained.
        parameters: Number of weights.
        macs: Multiply-accumulate operations of one inference.
        size_bytes: Size of the saved weights.
    """

    latency_ms_p50: float
    latency_ms_p95: float
    energy_wh_per_1000: float
    energy: EnergyMode
    parameters: int
    macs: int
    size_bytes: int

    def values(self) -> dict[str, float]:
        """Return the numeric attributes by name."""
        return {name: float(value) for name, value in asdict(self).items() if name != "energy"}


GATED = (
    "latency_ms_p50",
    "latency_ms_p95",
    "energy_wh_per_1000",
    "parameters",
    "macs",
    "size_bytes",
)


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that a model must meet to be registered.

    Attributes:
        require: The condition, over quality attributes and the objective's metric on test data.
    """

    require: Expression

    def passes(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the condition holds; it fails without a value."""
        return all(name in values for name in self.require.names) and self.require.holds(values)


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of one gate for one model."""

    gate: str
    passed: bool
    measured: Mapping[str, float]


def check_gates(gates: Iterable[Gate], values: Mapping[str, float]) -> tuple[GateResult, ...]:
    """Check a model against quality gates.

    Args:
        gates: The gates.
        values: Its quality attributes and its metric, by name.
    """
    return tuple(
        GateResult(
            gate.require.text,
            gate.passes(values),
            {name: values[name] for name in gate.require.names if name in values},
        )
        for gate in gates
    )
