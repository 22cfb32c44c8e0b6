"""Whatever is stored or sent comes back as it was."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.quality import QualityAttributes
from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Audit, CurvePoint, Purpose, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.tasks.files.codec import decode, decode_fields, from_json, to_json

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


def test_numbers_that_are_not_finite_are_words() -> None:
    values = {"most": math.inf, "least": -math.inf, "none": math.nan, "one": 1.0}
    text = to_json(values)
    assert text == '{"most":"inf","least":"-inf","none":"nan","one":1.0}'
    back = decode(Mapping[str, float], json.loads(text))
    assert math.isnan(back.pop("none"))
    assert back == {"most": math.inf, "least": -math.inf, "one": 1.0}


def test_what_was_not_written_has_its_default_and_what_is_unknown_is_ignored() -> None:
    written = {"number": 7, "attempt": 2, "state": "complete", "of_another_version": 1}
    assert decode(TrialResult, written) == TrialResult(7, 2, TrialState.COMPLETE)


def test_some_fields_of_a_dataclass() -> None:
    values = {"epoch": 3, "value": "nan", "seconds": 1, "other": 2}
    point = decode_fields(CurvePoint, values)
    assert math.isnan(point.pop("value"))
    assert point == {"epoch": 3, "seconds": 1.0}
    assert type(point["seconds"]) is float
