"""Properties of all decisions, for arbitrary searches."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from satisfice.domain.decisions import pruning
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.situation import Pending, Situation
from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.cost import Budget, Cost, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import CurvePoint, History, TrialRecord, TrialState

METRICS = st.one_of(
    st.floats(0, 1, width=32),
    st.floats(-1e6, 1e6, width=32),
    st.sampled_from([0.0, 0.5, 1.0, -1.0, 1e300, -1e300, 1e-300, math.inf, math.nan]),
)
SECONDS = st.one_of(st.floats(0, 1e5), st.sampled_from([0.0, 1e-9, 1.0]))
FACTORS = st.sampled_from([1.0, 1.5, 10.0, 1e6])


@st.composite
def trials(draw: st.DrawFn, number: int, metrics: st.SearchStrategy[float]) -> TrialRecord:
    state = draw(
        st.sampled_from([TrialState.COMPLETE] * 4 + [TrialState.FAILED, TrialState.PRUNED])
    )
    seconds, kwh = draw(SECONDS), draw(st.floats(0, 10))
    return TrialRecord(
        number,
        {"x": draw(st.integers(0, 30))},
        state,
        draw(metrics) if state is TrialState.COMPLETE else None,
        cost=Cost(seconds, kwh, 0.0, seconds * 1e-4 + kwh * 1e-2),
        seed=number,
    )


@st.composite
def situations(
    draw: st.DrawFn, metrics: st.SearchStrategy[float] = METRICS, targets: bool = True
) -> Situation:
    count = draw(st.integers(0, 25))
    records = tuple(draw(trials(number, metrics)) for number in range(count))
    limits = st.one_of(st.none(), st.floats(0, 1e6))
    return Situation(
        History(records, draw(st.sampled_from(Direction))),
        Worth(
            draw(st.floats(0, 1e3)),
            draw(st.sampled_from(Per)),
            draw(st.one_of(st.none(), st.floats(-2, 2))) if targets else None,
        ),
        Prices("EUR"),
        Budget(draw(st.one_of(st.none(), st.integers(0, 50))), draw(limits), None, draw(limits)),
        tuple(
            Pending(count + at, {}, Cost(), elapsed)
            for at, elapsed in enumerate(draw(st.lists(SECONDS, max_size=5)))
        ),
        draw(st.integers(1, 4)),
    )


def scaled_costs(situation: Situation, factor: float) -> Situation:
    """The same search with higher costs and an equally distant budget."""
    records = tuple(
        replace(one, cost=replace(one.cost, money=one.cost.money * factor))
        for one in situation.history.trials
    )
    money = situation.left.money
    return replace(
        situation,
        history=replace(situation.history, trials=records),
        left=replace(situation.left, money=None if money is None else money * factor),
    )


def with_metrics(situation: Situation, scale: float, shift: float) -> Situation:
    records = tuple(
        replace(one, value=None if one.value is None else one.value * scale + shift)
        for one in situation.history.trials
    )
    return replace(situation, history=replace(situation.history, trials=records))


def is_close_call(decision: Decision) -> bool:
    gain, cost = (decision.evidence.get(f"expected_{one}", 0.0) for one in ("gain", "cost"))
    return abs(gain - cost) <= 1e-4 * max(gain, cost)


@given(situations())
def test_every_decision_has_a_reason_and_finite_evidence(situation: Situation) -> None:
    decision = decide(situation)
    assert decision.reason
    assert "nan" not in decision.reason
    assert all(math.isfinite(one) for one in decision.evidence.values())


@given(situations(), FACTORS)
def test_a_higher_worth_never_stops_earlier(situation: Situation, factor: float) -> None:
    worth = replace(situation.worth, money=situation.worth.money * factor)
    dearer = replace(situation, worth=worth)
    assert decide(situation).stop or not decide(dearer).stop


@given(situations(), FACTORS)
def test_a_higher_price_never_stops_later(situation: Situation, factor: float) -> None:
    stops = [decide(one).stop for one in (situation, scaled_costs(situation, factor))]
    assert stops[1] or not stops[0]


@given(situations(), st.floats(0, 1e-2))
def test_a_more_expensive_second_never_stops_later(situation: Situation, more: float) -> None:
    records = tuple(
        replace(one, cost=replace(one.cost, money=one.cost.money + more * one.cost.seconds))
        for one in situation.history.trials
    )
    dearer = replace(situation, history=replace(situation.history, trials=records))
    before, after = decide(situation), decide(dearer)
    assert after.stop or not before.stop or is_close_call(before)


@given(
    situations(st.floats(0, 1, width=16), targets=False),
    st.floats(0.01, 100),
    st.floats(-5, 5),
    st.sampled_from([Per.POINT, Per.UNIT]),
)
def test_the_scale_of_the_metric_does_not_matter(
    situation: Situation, scale: float, shift: float, per: Per
) -> None:
    worth = Worth(situation.worth.money, per)
    one = replace(situation, worth=worth)
    other = replace(
        with_metrics(situation, scale, shift), worth=replace(worth, money=worth.money / scale)
    )
    before, after = decide(one), decide(other)
    spread = {trial.value for trial in one.history.complete}
    assume(len(spread) != 1)  # rounding makes equal values differ
    gains = before.evidence.get("expected_gain", 0.0), after.evidence.get("expected_gain", 0.0)
    assert before.stop == after.stop or is_close_call(before) or max(gains) < 1e-9
    assert math.isclose(*gains, rel_tol=1e-3, abs_tol=1e-6) or is_close_call(before)


@given(situations(targets=False), st.sampled_from([Per.POINT, Per.UNIT]))
def test_minimise_is_the_mirror_of_maximise(situation: Situation, per: Per) -> None:
    one = replace(situation, worth=replace(situation.worth, per=per))
    mirrored = with_metrics(one, -1.0, 0.0)
    other = (
        Direction.MINIMIZE if one.history.direction is Direction.MAXIMIZE else Direction.MAXIMIZE
    )
    mirrored = replace(mirrored, history=replace(mirrored.history, direction=other))
    before, after = decide(one), decide(mirrored)
    assert before.stop == after.stop
    ignored = {"incumbent"}
    assert {k: v for k, v in before.evidence.items() if k not in ignored} == {
        k: v for k, v in after.evidence.items() if k not in ignored
    }


@given(situations(st.sampled_from([0.1, 0.5, 0.9])), st.randoms(use_true_random=False))
def test_the_order_of_ties_does_not_matter(situation: Situation, random: object) -> None:
    """Which of several trials with one value holds it: its parameters and number are no matter.

    The order of the values themselves does: what came before a sampler learnt says more.
    """
    alike = tuple(
        replace(one, params={"x": one.number}, cost=Cost(1.0, money=0.1))
        for one in situation.history.trials
    )
    shuffled = list(alike)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    holders = {
        value: [one for one in shuffled if one.value == value]
        for value in {one.value for one in alike}
    }
    swapped = tuple(holders[one.value].pop() for one in alike)
    one = replace(situation, history=replace(situation.history, trials=alike))
    other = replace(situation, history=replace(situation.history, trials=swapped))
    before, after = decide(one), decide(other)
    assert before.stop == after.stop
    assert math.isclose(
        before.evidence.get("expected_gain", 0.0),
        after.evidence.get("expected_gain", 0.0),
        rel_tol=1e-9,
    )


@given(situations(), st.integers(1, 10), st.integers(1, 200))
def test_no_policy_raises(situation: Situation, least: int, horizon: int) -> None:
    decision = decide(situation, StoppingPolicy(least, horizon))
    assert 1 <= decision.evidence.get("horizon", 1) <= horizon


@st.composite
def curves(draw: st.DrawFn, epochs: int) -> pruning.Curve:
    values = draw(st.lists(METRICS, min_size=epochs, max_size=epochs))
    return tuple(CurvePoint(n + 1, value, float(n + 1)) for n, value in enumerate(values))


@st.composite
def standings(draw: st.DrawFn) -> pruning.Standing:
    epochs = draw(st.integers(1, 8))
    own = draw(curves(epochs))
    return pruning.Standing(
        own[: draw(st.integers(0, epochs))],
        epochs,
        tuple(draw(st.lists(curves(epochs), max_size=8))),
        draw(st.one_of(st.none(), METRICS.filter(math.isfinite))),
        draw(st.sampled_from(Direction)),
        Worth(draw(st.floats(0, 1e3)), draw(st.sampled_from(Per)), draw(st.none() | st.just(0.9))),
        draw(st.floats(0, 1)),
        draw(st.floats(0, 100)),
        "EUR",
    )


@settings(max_examples=150)
@given(standings(), FACTORS)
def test_a_higher_worth_never_prunes_earlier(standing: pruning.Standing, factor: float) -> None:
    dearer = replace(standing, worth=replace(standing.worth, money=standing.worth.money * factor))
    before, after = pruning.decide(standing), pruning.decide(dearer)
    assert before.stop or not after.stop
    assert before.reason
    assert all(math.isfinite(one) for one in before.evidence.values())
