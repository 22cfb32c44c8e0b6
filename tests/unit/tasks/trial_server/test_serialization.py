"""Orders and quality attributes survive the way to another process."""

from __future__ import annotations

import math

import pytest

from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.quality import QualityAttributes
from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Audit, CurvePoint, Purpose, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.tasks.trial_server.serialization import from_json, to_json

ORDER = TrialOrder(
    search="digits-3",
    number=7,
    attempt=2,
    study="studies/digits",
    folder="trials/00007",
    control="control.json",
    params={"flag": True, "depth": 1, "lr": 1e-3, "optimizer": "sgd", "whole": 2.0},
    seed=2**40,
    purpose=Purpose.CONFIRMATION,
    verdict=Verdict(
        {"always": math.inf, "close": 1e-300},
        {"predicted.parameters": 12.0, "predicted.memory_mb": 80.5},
        {"predicted.memory_mb": Forecast(80.5, 0.25, 6.0, 2)},
    ),
    data_digest="0123",
    deadline_seconds=0.1,
    audit=Audit("fits", 3),
)
RESULT = TrialResult(
    7,
    2,
    TrialState.PRUNED,
    0.5,
    {"loss": 1.0},
    (CurvePoint(1, 0.25, 3.0), CurvePoint(2, 0.5, 6.0)),
)


QUALITY = QualityAttributes(1.0, 2.0, 3.0, EnergyMode.MEASURED, 4, 5, 6)


@pytest.mark.parametrize("value", [ORDER, RESULT, QUALITY])
def test_nothing_is_lost(value: object) -> None:
    back = from_json(type(value), to_json(value))
    assert back == value


def test_parameters_keep_their_types() -> None:
    params = from_json(TrialOrder, to_json(ORDER)).params
    assert [type(value) for value in params.values()] == [bool, int, float, str, float]
