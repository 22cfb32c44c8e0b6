"""What is known of a trial once it was trained: the names under which soft rules speak of it.

A measurement bears the name and the unit of its forecast: `measured.latency_ms_p95` is what
`predicted.latency_ms_p95` foretells.
"""

from __future__ import annotations

from satisfice.domain.rules import predicted

PREFIX = "measured."
METRICS = "metrics."  # and the name under which the training reports it


def _measured(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(PREFIX + name.removeprefix(predicted.PREFIX) for name in names)


EPOCH_SECONDS, EPOCH_MONEY = _measured((predicted.EPOCH_SECONDS, predicted.EPOCH_MONEY))
INFERENCE = _measured(predicted.INFERENCE)  # a trial measures these only where a rule asks
TOTALS = ("seconds", "kwh", "kgco2e", "money")  # of a whole training; fields of `Cost`
MEASURED = (*_measured(predicted.LEARNT), *(PREFIX + name for name in TOTALS))


def is_measured(name: str) -> bool:
    """Tell whether a name of the rule language stands for what only a trained trial has."""
    return name.startswith((PREFIX, METRICS))
