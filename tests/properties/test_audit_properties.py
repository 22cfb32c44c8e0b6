"""Audits: their configurations break exactly one rule, and they never become the best trial."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from satisfice.domain.economics.worth import Direction
from satisfice.domain.rules.neighbours import just_outside
from satisfice.domain.space.space import key_of
from satisfice.domain.trials.history import Audit, History, Purpose, TrialRecord, TrialState
from satisfice.tasks.sampling.draws import random_configurations
from tests.properties.test_proposal_properties import Ruled, ruled_spaces


@settings(max_examples=150, deadline=None)
@given(ruled=ruled_spaces(), seed=st.integers(0, 2**32 - 1))
def test_a_configuration_just_outside_a_rule_breaks_only_that_rule(ruled: Ruled, seed: int) -> None:
    starts = random_configurations(ruled.space, 50, seed)
    start = next((one for one in starts if ruled.permitted(one)), None)
    assume(start is not None and ruled.twins)
    assert start is not None
    for at, twin in enumerate(ruled.twins):
        rule = ruled.rules.rules[at]
        found = just_outside(ruled.space, ruled.rules, rule, lambda _params: {}, start)
        if found is None:
            continue
        assert ruled.inside(found)
        assert twin(found) is False
        assert all(one(found) is not False for one in ruled.twins if one is not twin)
        assert ruled.rules.judge(found, {}).broken == (rule.id,)
        assert key_of(found) != key_of(start)


records = st.builds(
    TrialRecord,
    number=st.integers(0, 99),
    params=st.just({}),
    state=st.just(TrialState.COMPLETE),
    value=st.floats(0.0, 1.0),
    purpose=st.sampled_from([Purpose.SEARCH, Purpose.DEFAULT, Purpose.AUDIT, Purpose.CONFIRMATION]),
    audit=st.just(Audit("rule", 0)),
)


@given(trials=st.lists(records, max_size=8), direction=st.sampled_from(Direction))
def test_an_audit_is_never_the_best_trial_of_a_history(
    trials: list[TrialRecord], direction: Direction
) -> None:
    try:
        history = History(tuple(trials), direction)
    except ValueError:
        assert any(one.purpose in (Purpose.AUDIT, Purpose.CONFIRMATION) for one in trials)
    else:
        assert all(one.purpose in (Purpose.SEARCH, Purpose.DEFAULT) for one in trials)
        assert history.best is None or history.best in trials
