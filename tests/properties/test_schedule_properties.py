"""Properties of decisions to start a scheduled run, for arbitrary earlier searches."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from satisfice.domain.decisions import stopping
from satisfice.domain.decisions.schedule import Champion, Past, decide
from satisfice.domain.decisions.situation import Situation
from tests.properties.test_decision_properties import situations

VALUES = st.floats(-10, 10)
CHAMPIONS = st.builds(
    Champion,
    st.lists(VALUES, min_size=1, max_size=5).map(tuple),
    VALUES,
    st.lists(VALUES, max_size=10).map(tuple),
)
REPEATS = st.integers(0, 30)


@given(situations(), REPEATS, st.none() | CHAMPIONS)
def test_a_run_with_a_forecast_starts_only_if_its_gain_exceeds_its_cost(
    earlier: Situation, repeats: int, champion: Champion | None
) -> None:
    decision = decide(earlier, Past("digits-3", repeats, champion))
    evidence = decision.evidence
    assert decision.reason
    if "confirming" in evidence:
        pays = evidence["expected_gain"] > evidence["expected_cost"]
        assert decision.stop or pays
        if champion is not None or not stopping.decide(earlier).stop:
            assert decision.stop is not pays
        assert evidence["expected_cost"] >= evidence["confirming"] >= 0
    else:
        assert not decision.stop
    assert ("most" in evidence) is (
        "confirming" in evidence and champion is not None and not decision.stop
    )


@given(situations(), REPEATS)
def test_on_the_same_data_no_run_starts_if_the_search_would_have_stopped(
    earlier: Situation, repeats: int
) -> None:
    search, night = stopping.decide(earlier), decide(earlier, Past("digits-3", repeats))
    if search.stop and "expected_gain" in search.evidence:
        assert night.stop


@given(situations(), REPEATS, CHAMPIONS, st.floats(0, 10))
@settings(max_examples=50)
def test_a_champion_that_has_lost_more_never_lowers_the_gain(
    earlier: Situation, repeats: int, champion: Champion, lost: float
) -> None:
    worse = replace(champion, now=champion.now - earlier.history.direction.sign * lost)
    one, other = (decide(earlier, Past("digits-3", repeats, each)) for each in (champion, worse))
    assert one.stop or not other.stop
    gains = [each.evidence.get("retraining", 0.0) for each in (one, other)]
    assert gains[0] <= gains[1] * (1 + 1e-9)


@given(situations(), REPEATS, st.none() | CHAMPIONS)
@settings(max_examples=50)
def test_a_more_expensive_confirmation_never_starts_a_run(
    earlier: Situation, repeats: int, champion: Champion | None
) -> None:
    cheap, dear = (decide(earlier, Past("digits-3", n, champion)) for n in (repeats, 2 * repeats))
    assert not cheap.stop or dear.stop
