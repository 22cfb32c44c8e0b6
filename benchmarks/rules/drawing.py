"""Random configurations of a described space, drawn without the engine and without Optuna."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from benchmarks.rules.evaluator import Entry, Spec


def draw(spec: Spec, random: Random) -> dict[str, Any]:
    """Draw one configuration, uniform in each domain (of logarithms where they count)."""
    params: dict[str, Any] = {}
    for entry in spec.entries:
        if spec.present(entry, params):
            params[entry.name] = _value(entry, random)
    return params


def _value(entry: Entry, random: Random) -> Any:
    if entry.kind == "choice":
        return random.choice(entry.choices)
    if entry.kind == "int" and entry.log:
        low, high = math.log(entry.low - 0.5), math.log(entry.high + 0.5)
        return min(max(round(math.exp(random.uniform(low, high))), int(entry.low)), int(entry.high))
    if entry.kind == "int":
        return random.randrange(int(entry.low), int(entry.high) + 1, entry.step)
    if entry.log:
        value = math.exp(random.uniform(math.log(entry.low), math.log(entry.high)))
        return min(max(value, entry.low), entry.high)
    return random.uniform(entry.low, entry.high)
