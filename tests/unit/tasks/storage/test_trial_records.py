"""Records of trials, also those of a version that knew less."""

from __future__ import annotations

from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Purpose, TrialRecord, TrialState
from satisfice.tasks.storage.trial_records import (
    read_record,
    read_verdict,
    write_begun,
    write_result,
)

FORECAST = Forecast(80.5, 0.25, 6.0, 2)
VERDICT = Verdict({"fits": 0.5}, {"predicted.memory_mb": 80.5}, {"predicted.memory_mb": FORECAST})


def test_a_record_without_what_was_measured_is_read() -> None:
    record = TrialRecord(0, {"x": 1}, TrialState.COMPLETE, 0.5, measured={"memory_mb": 81.25})
    begun = write_begun(record.params, record.seed, Purpose.SEARCH, VERDICT)
    result = write_result(record)
    assert read_record(0, begun, result) == record
    assert read_verdict(begun) == VERDICT
    del result["measured"], begun["verdict"]["forecasts"]
    assert read_record(0, begun, result).measured == {}
    assert read_verdict(begun) == Verdict(VERDICT.margins, VERDICT.predicted)
