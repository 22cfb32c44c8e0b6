"""Properties of margins and constraints of soft rules, for arbitrary measurements."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from satisfice.domain.economics.worth import Direction
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.trials.feasibility import constraint, margins, nearest, scales
from satisfice.domain.trials.history import History, TrialRecord, TrialState

anything = st.floats(allow_nan=True, allow_infinity=True)
margin = st.floats(allow_nan=False, allow_infinity=True)
states = st.sampled_from([one for one in TrialState if one is not TrialState.RUNNING])
RULES = RuleBook(
    (
        Rule("close", Expression("abs(metrics.a - metrics.b) <= 0.1 * x")),
        Rule("ratio", Expression("metrics.a / metrics.b > 1 or measured.memory_mb < 8")),
    )
)


@given(st.lists(st.dictionaries(st.sampled_from("ab"), margin), max_size=8))
def test_constraints_keep_side_and_order_and_are_bounded(seen: list[dict[str, float]]) -> None:
    sizes = scales(seen)
    assert all(0 < one < math.inf for one in sizes.values())
    for rule in "ab":
        of_rule = sorted(one[rule] for one in seen if rule in one)
        values = [constraint(one, sizes.get(rule, 1.0)) for one in of_rule]
        assert all((one < 0) == (value > 0) for one, value in zip(of_rule, values, strict=True))
        assert all(-100 <= value <= 100 for value in values)
        assert values == sorted(values, reverse=True)


@given(st.lists(st.floats(max_value=-1e-300, allow_infinity=True), min_size=1))
def test_a_typical_violation_is_of_order_one(violations: list[float]) -> None:
    finite = [one for one in violations if math.isfinite(one)]
    sizes = scales({"a": one} for one in violations)
    values = sorted(constraint(one, sizes["a"]) for one in finite)
    if values:
        assert values[(len(values) - 1) // 2] == 1.0


@given(states, anything, anything, anything, st.sets(st.sampled_from(["a", "b", "memory_mb"])))
def test_any_measurement_is_judged_without_an_error(
    state: TrialState, a: float, b: float, memory: float, there: set[str]
) -> None:
    metrics = {name: one for name, one in {"a": a, "b": b}.items() if name in there}
    measured = {"memory_mb": memory} if "memory_mb" in there else {}
    trial = TrialRecord(0, {"x": 2.0}, state, 0.5, metrics=metrics, measured=measured)
    found = margins(RULES, trial)
    assert not any(math.isnan(one) for one in found.values())
    if state is TrialState.COMPLETE:
        assert found.keys() == {"close", "ratio"}
    else:
        assert ("close" in found) == ({"a", "b"} <= there)
    if found.keys() == {"close", "ratio"} and {"a", "b"} <= there and math.isfinite(a - b):
        assert (found["close"] >= 0) == (abs(a - b) <= 0.1 * 2.0)


@given(st.lists(st.tuples(margin, margin), min_size=1, max_size=8))
def test_the_nearest_is_feasible_if_any_trial_is(seen: list[tuple[float, float]]) -> None:
    trials = tuple(
        TrialRecord(at, {}, TrialState.COMPLETE, 0.5, margins=dict(zip("ab", one, strict=True)))
        for at, one in enumerate(seen)
    )
    history = History(trials, Direction.MAXIMIZE)
    found = nearest(history)
    assert found is not None
    assert bool(found.broken) == (not history.feasible)
