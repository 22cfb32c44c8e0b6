"""Trials in a store, on every backend."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode
from satisfice.domain.economics.worth import Direction
from satisfice.domain.trials.history import (
    Audit,
    CurvePoint,
    Failure,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.tasks.storage.store import Search, Store
from tests.contract.records import ALLOWED, CHOICES, PARAMS, SPACE, begin, record, study_named, told

numbers = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
params = st.fixed_dictionaries(
    {},
    optional={
        "depth": st.integers(1, 2**53),
        "odd": st.sampled_from([1, 3, 5, 7, 9]),
        "lr": st.floats(1e-6, 1.0),
        "Länge": st.floats(-1.0, 1.0),
        "kind": st.sampled_from(CHOICES),
    },
)
curves = st.lists(st.tuples(numbers, finite), max_size=5).map(
    lambda points: tuple(CurvePoint(i + 1, *point) for i, point in enumerate(points))
)
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=200)
records = st.builds(
    TrialRecord,
    number=st.just(0),
    params=params,
    state=st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED]),
    value=st.none() | numbers,
    curve=curves,
    cost=st.builds(Cost, numbers, numbers, numbers, numbers, st.sampled_from(EnergyMode)),
    seed=st.integers(0, 2**80),
    purpose=st.sampled_from(Purpose),
    failure=st.none() | st.sampled_from(Failure),
    reason=st.text(),
    metrics=st.dictionaries(st.text(), numbers, max_size=4),
    audit=st.none() | st.builds(Audit, names, st.integers(0, 2**31)),
)


@given(some=st.lists(records, max_size=4), order=st.randoms(use_true_random=False))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_told_is_read_back_in_the_order_of_finishing(
    store: Store, some: list[TrialRecord], order: random.Random
) -> None:
    search = store.begin(study_named())
    begun = [
        replace(
            one,
            number=search.begin_trial(
                one.params, SPACE, one.seed, one.purpose, ALLOWED, audit=one.audit
            ),
        )
        for one in some
    ]
    assert [one.number for one in begun] == list(range(len(some)))
    order.shuffle(begun)
    for one in begun:
        search.tell(one)
    again = store.open(search.info.search)
    # `repr` tells types and signs of zero apart, and a NaN equals itself
    assert repr(again.history().trials) == repr(tuple(one for one in begun if one.purpose.competes))
    assert repr(again.confirmations()) == repr(
        tuple(one for one in begun if one.purpose is Purpose.CONFIRMATION)
    )
    assert repr(again.audits()) == repr(tuple(one for one in begun if one.purpose is Purpose.AUDIT))
    assert again.running() == ()


def test_an_audit_stays_apart_from_what_may_become_best(store: Store, search: Search) -> None:
    best = told(search)
    about = Audit("fits", best.number)
    verdict = replace(ALLOWED, margins={"fits": -0.5, "wide": math.inf})
    number = search.begin_trial(PARAMS, SPACE, 5, Purpose.AUDIT, verdict, audit=about)
    (running,) = search.running()
    assert (running.purpose, running.audit) == (Purpose.AUDIT, about)
    outside = record(number, purpose=Purpose.AUDIT, audit=about, value=0.99)
    search.tell(outside)

    again = store.open("digits-1")
    assert again.audits() == (outside,)
    assert again.history().trials == (best,)
    assert again.confirmations() == ()
    assert again.verdict(number).broken == ("fits",)
    ledger = again.ledger(Budget())
    assert (ledger.trials, ledger.spent) == (2, best.cost + outside.cost)
    assert again.optuna_study.best_trial.number == best.number  # Optuna's own tools agree


def test_records_are_equal_to_those_told(store: Store, search: Search) -> None:
    one = told(search)
    two = told(search, purpose=Purpose.DEFAULT)
    again = store.open(search.info.search)
    assert again.history() == search.history()
    assert again.history().trials == (one, two)


def test_the_history_knows_the_direction(store: Store) -> None:
    search = store.begin(study_named(direction=Direction.MINIMIZE))
    assert store.open(search.info.search).history().direction is Direction.MINIMIZE


def test_a_begun_trial_runs_until_it_is_told(store: Store, search: Search) -> None:
    numbers = [search.next_number()]
    numbers.append(begin(search))
    numbers.append(search.next_number())
    assert numbers == [0, 0, 1]
    running = TrialRecord(0, PARAMS, TrialState.RUNNING, seed=5)
    again = store.open(search.info.search)
    assert again.running() == (running,)
    assert again.verdict(0) == ALLOWED
    assert again.verdicts() == {0: ALLOWED}
    assert again.history().trials == ()
    search.tell(record(0))
    assert again.running() == ()


def test_attempts_count_on_in_every_process(store: Store, search: Search) -> None:
    begin(search)
    assert search.next_attempt(0) == 2
    assert store.open(search.info.search).next_attempt(0) == 3


def test_the_first_of_two_tellings_stands(store: Store, search: Search) -> None:
    number = begin(search)
    search.tell(record(number))
    search.tell(record(number))
    store.open(search.info.search).tell(record(number, state=TrialState.FAILED, value=None))
    assert search.history().trials == (record(number),)


def test_a_failure_keeps_what_the_trial_was_begun_with(search: Search) -> None:
    number = begin(search, seed=11)
    cost = Cost(3.0)
    search.tell(
        TrialRecord(
            number,
            {},
            TrialState.FAILED,
            cost=cost,
            failure=Failure.LOST,
            reason="the worker vanished",
        )
    )
    (one,) = search.history().trials
    assert one == TrialRecord(
        number,
        PARAMS,
        TrialState.FAILED,
        cost=cost,
        seed=11,
        failure=Failure.LOST,
        reason="the worker vanished",
    )


def test_what_makes_no_sense_is_refused(search: Search) -> None:
    with pytest.raises(ValueError, match="no trial 3"):
        search.tell(record(3))
    begin(search)
    with pytest.raises(ValueError, match="still running"):
        search.tell(record(0, state=TrialState.RUNNING))


def test_the_ledger_counts_confirmations_as_cost_and_not_as_trials(search: Search) -> None:
    costs = [told(search).cost, told(search, purpose=Purpose.CONFIRMATION).cost]
    begin(search)
    search.advance(9.0)
    ledger = search.ledger(Budget(trials=3, seconds=10.0))
    assert ledger.spent == costs[0] + costs[1]
    assert ledger.left() == Budget(trials=2, seconds=1.0)


def test_a_trial_takes_as_many_statements_at_the_end_of_a_search_as_at_its_beginning(
    search: Search,
) -> None:
    counts = []
    for _ in range(40):
        statements: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_: Any, to: Any = statements) -> None:
            to.append(statement)

        sqlalchemy.event.listen(search.database.engine, "before_cursor_execute", note)
        told(search)
        sqlalchemy.event.remove(search.database.engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts[0] > 0
    assert counts[-1] <= counts[0]
