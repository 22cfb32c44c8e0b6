"""Quality gates: a model passes if every condition holds on what was measured."""

from __future__ import annotations

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.quality import Gate, check_gates

GATES = tuple(Gate(Expression(text)) for text in ("latency_ms_p95 <= 20", "accuracy >= 0.9"))


def test_each_gate_reports_what_it_measured() -> None:
    fast, accurate = check_gates(GATES, {"latency_ms_p95": 12.0, "accuracy": 0.8, "macs": 7.0})
    assert (fast.gate, fast.passed, fast.measured) == (
        "latency_ms_p95 <= 20",
        True,
        {"latency_ms_p95": 12.0},
    )
    assert (accurate.passed, accurate.measured) == (False, {"accuracy": 0.8})


def test_a_value_that_was_not_measured_fails_its_gate() -> None:
    fast, accurate = check_gates(GATES, {"accuracy": 0.95})
    assert (fast.passed, fast.measured) == (False, {})
    assert accurate.passed
