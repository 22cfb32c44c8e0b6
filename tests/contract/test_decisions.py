"""Decisions in a store, on every backend."""

from __future__ import annotations

import math
from dataclasses import replace

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.summary import DecisionRecord
from satisfice.tasks.storage.store import Search, Store
from tests.contract.records import begin, record, study_named


def test_decisions_are_kept_in_the_order_in_which_they_were_made(
    store: Store, search: Search
) -> None:
    made = [
        DecisionRecord(
            "search", 5, Decision.to_continue("gain 2.1 > cost 0.3 💶", gain=2.1), 100.5
        ),
        DecisionRecord("trial", 5, Decision.to_stop("nothing to gain", gain=math.inf), 99.0),
        DecisionRecord("search", 6, Decision.to_stop("gain 0.1 < cost 0.3", next_cost=0.3), 98.0),
    ]
    other = store.begin(study_named())
    for one in made:
        search.decide(one)
        other.decide(made[0])
    again = store.open(search.info.search)
    assert again.decisions() == (made[0], made[2])
    assert again.decisions("trial") == (made[1],)
    assert len(other.decisions()) == 3


def test_a_trial_is_told_with_the_decision_that_follows(search: Search) -> None:
    number = begin(search)
    decided = DecisionRecord("search", 1, Decision.to_continue("worth it"), 1.0)
    search.tell(record(number), decided)
    search.tell(record(number), replace(decided, at=2.0))  # the first telling stands, whole
    assert search.decisions() == (decided,)
