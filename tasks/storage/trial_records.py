"""Trials in the store, as JSON in user attributes of Optuna's trials.

`satisfice` is written once when the trial begins, `satisfice_result` when it ends, and
`satisfice_attempt` when it is resumed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from optuna.trial import TrialState as OptunaState

from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import Params
from satisfice.domain.trials.history import (
    Audit,
    CurvePoint,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.tasks.files.codec import decode, decode_fields, encode
from satisfice.tasks.storage.optuna_private import CONSTRAINT

BEGUN = "satisfice"
RESULT = "satisfice_result"
ATTEMPT = "satisfice_attempt"
_LARGEST = sys.float_info.max

Json = dict[str, Any]


def write_begun(
    params: Params, seed: int, purpose: Purpose, verdict: Verdict, audit: Audit | None = None
) -> Json:
    """Return what is known of a trial when it begins.

    The parameters are included although Optuna has a table for them, because that table stores
    whole numbers as floats and cannot distinguish `True` from 1 among the choices.
    """
    begun = {"params": params, "seed": seed, "purpose": purpose, "verdict": verdict}
    written: Json = encode(begun if audit is None else begun | {"audit": audit})
    return written


def outside(audit: Audit) -> Json:
    """Return the system attribute that keeps Optuna's own tools from counting an audit as best."""
    return {CONSTRAINT + audit.rule: 1.0}  # above 0: not feasible


def write_result(record: TrialRecord) -> Json:
    """Return what is known of a trial when it ends, in addition to `write_begun`."""
    curve = record.curve
    written: Json = encode(
        {
            "state": record.state,
            "value": record.value,
            "curve": {
                "epoch": [point.epoch for point in curve],
                "value": [point.value for point in curve],
                "seconds": [point.seconds for point in curve],
            },
            "cost": record.cost,
            "failure": record.failure,
            "reason": record.reason,
            "metrics": record.metrics,
            "measured": record.measured,
            "margins": record.margins,
            "epochs": record.epochs,
        }
    )
    return written


def constraints(margins: Mapping[str, float]) -> Json:
    """Return the margins of soft rules as Optuna's constraints: by key, above 0 if violated.

    They are in the units of the rules, since feasibility does not depend on the scale
    (`domain.trials.feasibility`).
    """
    return {
        CONSTRAINT + rule: min(max(-margin, -_LARGEST), _LARGEST)
        for rule, margin in margins.items()
    }


def read_record(number: int, begun: Json, result: Json | None) -> TrialRecord:
    """Return the trial that `write_begun` and `write_result` wrote; None: it is running."""
    known = decode_fields(TrialRecord, begun)
    if result is None:
        return TrialRecord(number, state=TrialState.RUNNING, **known)
    columns = dict(result)
    curve = columns.pop("curve")
    points = zip(curve["epoch"], curve["value"], curve["seconds"], strict=True)
    return TrialRecord(
        number,
        curve=tuple(CurvePoint(epoch, float(value), float(at)) for epoch, value, at in points),
        **known,
        **decode_fields(TrialRecord, columns),
    )


def read_verdict(begun: Json) -> Verdict:
    """Return the verdict that a trial was begun with."""
    verdict: Verdict = decode(Verdict, begun["verdict"])
    return verdict


def for_optuna(record: TrialRecord) -> tuple[OptunaState, float | None, dict[int, float]]:
    """Return the state, value and intermediate values for Optuna's own tables.

    Optuna refuses NaN and would take an infinite value for the best, so a trial that ends without a
    finite value counts as failed for its samplers.
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
