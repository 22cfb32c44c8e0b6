"""How a trial stands in the store: JSON attributes of an Optuna trial, and back.

`satisfice` is written when the trial begins and never again, `satisfice_result` when it ends, and
`satisfice_attempt` when it is taken up again. All JSON is strict: what is not finite is written as
a word that `float()` reads (`nan`, `inf`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from optuna.trial import TrialState as OptunaState

from satisfice.domain.economics.cost import Cost, EnergyMode
from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import Params
from satisfice.domain.trials.history import (
    Audit,
    CurvePoint,
    Failure,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.tasks.storage.optuna_private import CONSTRAINT

BEGUN = "satisfice"
RESULT = "satisfice_result"
ATTEMPT = "satisfice_attempt"
_LARGEST = sys.float_info.max

Json = dict[str, Any]


def write_number(value: float) -> float | str:
    """Return the value, or the word for one that JSON has no number for."""
    return value if math.isfinite(value) else str(float(value))


def write_numbers(values: Mapping[str, float]) -> Json:
    """Return the values by name, as JSON can hold them."""
    return {name: write_number(value) for name, value in values.items()}


def read_numbers(values: Json) -> dict[str, float]:
    """Undo `write_numbers`."""
    return {name: float(value) for name, value in values.items()}


def write_begun(
    params: Params, seed: int, purpose: Purpose, verdict: Verdict, audit: Audit | None = None
) -> Json:
    """Return what is known of a trial when it begins.

    The parameters are in it although Optuna has a table for them: that one keeps whole numbers as
    floats, and cannot tell `True` from 1 among the choices of a parameter.
    """
    about = {} if audit is None else {"audit": asdict(audit)}
    return about | {
        "params": dict(params),
        "seed": seed,
        "purpose": purpose.value,
        "verdict": {
            "margins": write_numbers(verdict.margins),
            "predicted": write_numbers(verdict.predicted),
            "forecasts": {
                name: write_numbers(asdict(one)) for name, one in verdict.forecasts.items()
            },
        },
    }


def outside(audit: Audit) -> Json:
    """Return the system attribute by which Optuna's own tools never take an audit for the best."""
    return {CONSTRAINT + audit.rule: 1.0}  # above 0: not feasible


def write_result(record: TrialRecord) -> Json:
    """Return what a trial's end adds to `write_begun`."""
    cost = record.cost
    return {
        "state": record.state.value,
        "value": None if record.value is None else write_number(record.value),
        "curve": {
            "epoch": [point.epoch for point in record.curve],
            "value": [write_number(point.value) for point in record.curve],
            "seconds": [write_number(point.seconds) for point in record.curve],
        },
        "cost": {
            "seconds": write_number(cost.seconds),
            "kwh": write_number(cost.kwh),
            "kgco2e": write_number(cost.kgco2e),
            "money": write_number(cost.money),
            "energy": cost.energy.value,
        },
        "failure": None if record.failure is None else record.failure.value,
        "reason": record.reason,
        "metrics": write_numbers(record.metrics),
        "measured": write_numbers(record.measured),
        "margins": write_numbers(record.margins),
        "epochs": record.epochs,
    }


def constraints(margins: Mapping[str, float]) -> Json:
    """Return the margins of soft rules as Optuna keeps constraints: by key, above 0 where broken.

    They are in the units of the rules: feasible is the same on every scale
    (`domain.trials.feasibility`).
    """
    return {
        CONSTRAINT + rule: min(max(-margin, -_LARGEST), _LARGEST)
        for rule, margin in margins.items()
    }


def read_record(number: int, begun: Json, result: Json | None) -> TrialRecord:
    """Return the trial that `write_begun` and `write_result` wrote; without a result, it runs."""
    known: Json = {
        "number": number,
        "params": begun["params"],
        "seed": begun["seed"],
        "purpose": Purpose(begun["purpose"]),
        "audit": Audit(**begun["audit"]) if "audit" in begun else None,
    }
    if result is None:
        return TrialRecord(state=TrialState.RUNNING, **known)
    curve, cost, failure = result["curve"], dict(result["cost"]), result["failure"]
    energy = EnergyMode(cost.pop("energy"))
    return TrialRecord(
        state=TrialState(result["state"]),
        value=None if result["value"] is None else float(result["value"]),
        curve=tuple(
            CurvePoint(epoch, float(value), float(seconds))
            for epoch, value, seconds in zip(
                curve["epoch"], curve["value"], curve["seconds"], strict=True
            )
        ),
        cost=Cost(**read_numbers(cost), energy=energy),
        failure=None if failure is None else Failure(failure),
        reason=result["reason"],
        metrics=read_numbers(result["metrics"]),
        measured=read_numbers(result.get("measured", {})),  # a record of version 0.1.0 has none
        margins=read_numbers(result.get("margins", {})),
        epochs=result.get("epochs"),
        **known,
    )


def read_verdict(begun: Json) -> Verdict:
    """Return the verdict that a trial was begun with."""
    verdict = begun["verdict"]
    forecasts = {
        name: Forecast(
            float(one["median"]), float(one["spread"]), float(one["freedom"]), int(one["trials"])
        )
        for name, one in verdict.get("forecasts", {}).items()
    }
    return Verdict(read_numbers(verdict["margins"]), read_numbers(verdict["predicted"]), forecasts)


def for_optuna(record: TrialRecord) -> tuple[OptunaState, float | None, dict[int, float]]:
    """Return the state, the value and the intermediate values that Optuna's own tables get.

    Optuna refuses a value that is not a number, and takes an infinite one for the best: a trial
    that ended without a finite value has failed for everybody who learns from it.
    """
    steps = {point.epoch: point.value for point in record.curve}
    if record.has_value:
        return OptunaState.COMPLETE, record.value, steps
    if record.state is not TrialState.PRUNED:
        return OptunaState.FAIL, None, steps
    if not steps and record.value is not None:
        steps = {0: record.value}
    last = steps[max(steps)] if steps else math.nan
    return OptunaState.PRUNED, last if math.isfinite(last) else None, steps
