"""The names of measurements of trained models in soft rules.

A measurement has the name and the unit of its prediction: `measured.latency_ms_p95` is predicted by
`predicted.latency_ms_p95`.
"""

from __future__ import annotations

from satisfice.domain.rules import predicted

PREFIX = "measured."
METRICS = "metrics."  # followed by the name of a reported metric


def _measured(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(PREFIX + name.removeprefix(predicted.PREFIX) for name in names)


EPOCH_SECONDS, EPOCH_MONEY = _measured((predicted.EPOCH_SECONDS, predicted.EPOCH_MONEY))
INFERENCE = _measured(predicted.INFERENCE)  # a trial measures these only if a rule needs them
TOTALS = ("seconds", "kwh", "kgco2e", "money")  # of a whole training; fields of `Cost`
MEASURED = (*_measured(predicted.LEARNT), *(PREFIX + name for name in TOTALS))


def is_measured(name: str) -> bool:
    """Tell whether a name of the rule language is a measurement of a trained model."""
    return name.startswith((PREFIX, METRICS))
