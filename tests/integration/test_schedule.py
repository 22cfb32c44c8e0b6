"""Scheduled runs over a real store: what they decide on, and what they start with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.economics.cost import Cost, EnergyMode
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.summary import Registration
from satisfice.domain.trials.history import Purpose, TrialRecord, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.stages.records import recorded
from satisfice.flows.stages.schedule import (
    ScheduledRun,
    begin,
    capped_budget,
    consider,
    head_start,
    record_skip,
)
from satisfice.tasks.files import outcome
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.sampling.warm_start import (
    HeadStart,
    code_digest,
    earlier_searches,
    known_before,
    merged,
    why_begun,
)
from satisfice.tasks.search_processes import Backstage
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import Search, Store, open_store
from satisfice.tasks.trial_server.client import ServerReady
from tests.e2e.service import write_study

DATA, NEW = "d1g35t", "n3w"
RULES = """\
rules:
  - {id: not-too-far, require: x <= 0.9, because: it breaks}
"""
NOBODY = cast(Backstage, None)  # what is decided without new data asks nobody
GO = Decision.to_continue("some reason")


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def study(tmp_path: Path) -> Study:
    folder = write_study(tmp_path / "tiny")
    file = folder / "study.yaml"
    file.write_text(file.read_text() + RULES)
    return read_study(folder)


def ready(digest: str) -> ServerReady:
    return ServerReady(digest, {}, "nothing", 0.0, Path("manifest.npz"), {}, 0.0)


def search_of(store: Store, study: Study, *values: float, data: str = DATA) -> Search:
    """A search whose trials at 0.0, 0.1, ... have left these values and took a second each."""
    search = store.begin(study, data, code_digest(study))
    for number, value in enumerate(values):
        add(search, study, number / 10, value)
    return search


def add(search: Search, study: Study, x: float, value: float, seed: int = 7) -> int:
    params = {"x": x, "act": "work"}
    verdict = study.rules.judge(params, {})
    number = search.begin_trial(params, study.space, seed, Purpose.SEARCH, verdict)
    cost = Cost(1.0, 0.0, 0.0, 99.0, EnergyMode.ESTIMATED)
    search.tell(TrialRecord(number, params, TrialState.COMPLETE, value, cost=cost))
    return number


def changed(study: Study, old: str, new: str, file: str = "study.yaml") -> Study:
    path = Path(study.folder) / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return read_study(study.folder)


# -- which searches asked the same ------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("0.001 EUR per point", "5 EUR per point", True),
        ("hour: 3.60 EUR", "hour: 7 EUR", True),
        ("because: it breaks", "because: we say so", True),
        ("trials: 200", "trials: 2", True),
        ("seeds: 1", "seeds: 3", True),
        ("x <= 0.9", "x <= 0.8", False),
        ("[0.0, 1.0]", "[0.0, 2.0]", False),
        ("metric: score", "metric: steps", None),
    ],
)
def test_worth_and_prices_may_change_but_not_the_search(
    store: Store, study: Study, old: str, new: str, same: bool | None
) -> None:
    search_of(store, study, 0.5)
    found = earlier_searches(store, changed(study, old, new))
    assert [one.same for one in found] == ([] if same is None else [same])


def test_a_search_with_other_code_is_not_continued(store: Store, study: Study) -> None:
    search_of(store, study, 0.5)
    (found,) = earlier_searches(store, changed(study, "EPOCHS = 4", "EPOCHS = 5", "problem.py"))
    assert not found.same


def test_sweeps_and_searches_without_a_trial_are_ignored(store: Store, study: Study) -> None:
    first = search_of(store, study, 0.5)
    search_of(store, study)
    add(store.begin(study, DATA, code_digest(study), "{}"), study, 0.1, 0.9)
    last = search_of(store, study, 0.5, data=NEW)
    names = [one.search.info.search for one in earlier_searches(store, study)]
    assert names == [first.info.search, last.info.search]
    assert len(earlier_searches(store, study, last.info)) == 1


def test_a_repeated_training_counts_once_and_costs_what_it_would_today(
    store: Store, study: Study
) -> None:
    search_of(store, study, 0.5, 0.6)
    second = search_of(store, study, 0.5)
    add(second, study, 0.0, 0.55, seed=8)
    history = merged(earlier_searches(store, study), study)
    assert [one.value for one in history.trials] == [0.5, 0.6, 0.55]
    assert {one.cost.money for one in history.trials} == {0.001}  # and not 99, as it was told


# -- whether it begins ------------------------------------------------------------------------


def test_the_reason_names_what_has_changed(store: Store, study: Study) -> None:
    nothing = consider(study, store, ready(DATA), NOBODY)
    search_of(store, study, *[0.5] * 8)
    code = changed(study, "EPOCHS = 4", "EPOCHS = 5", "problem.py")
    other_code = consider(code, store, ready(DATA), NOBODY)
    changed(study, "EPOCHS = 5", "EPOCHS = 4", "problem.py")
    other_rule = consider(changed(study, "x <= 0.9", "x <= 0.8"), store, ready(DATA), NOBODY)
    same = consider(changed(study, "x <= 0.8", "x <= 0.9"), store, ready(DATA), NOBODY)
    new = consider(study, store, ready(NEW), NOBODY)

    assert nothing.decision.reason == "tiny has not been searched yet"
    assert other_code.decision.reason == "problem.py has changed since tiny-1"
    assert other_rule.decision.reason == (
        "the space, a rule or the objective has changed since tiny-1"
    )
    assert new.decision.reason == (
        "the data has changed since tiny-1, and no champion was scored on it: "
        "no earlier search has registered a model"
    )
    assert same.decision.reason.startswith(
        "the data has not changed since tiny-1: all values so far are"
    )
    assert [one.decision.stop for one in (nothing, other_code, other_rule, new, same)] == [
        False, False, False, False, True]  # fmt: skip


def test_all_searches_on_the_same_data_count_as_one(store: Store, study: Study) -> None:
    search_of(store, study, 0.5, 0.5, 0.5)
    search_of(store, study, *[0.9] * 9, data="other")
    search_of(store, study, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    run = consider(study, store, ready(DATA), NOBODY)
    assert run.decision.stop
    assert run.decision.evidence["trials"] == 6  # those of the first are in the last
    assert [one.search.info.search for one in run.past] == ["tiny-1", "tiny-3"]


def test_a_skipped_run_is_recorded_with_the_last_search(store: Store, study: Study) -> None:
    search = search_of(store, study, *[0.5] * 8)
    run = consider(study, store, ready(DATA), NOBODY)
    record_skip(run)
    (record,) = search.decisions("schedule")
    assert record.decision == run.decision
    assert record.after == 8
    assert search.decisions() == ()
    assert why_begun(search) is None
    assert len(store.searches()) == 1


# -- what it begins with ----------------------------------------------------------------------


def test_a_run_continues_earlier_searches_with_another_seed(store: Store, study: Study) -> None:
    first = search_of(store, study, 0.5, 0.8, 0.6)
    by_hand = search_of(store, study, 0.4)
    run = ScheduledRun(GO, earlier_searches(store, study))
    search = begin(study, store, ready(DATA), run)
    start = head_start(study, store, search)

    assert search.info.seed == study.seed + 2
    assert why_begun(search) == GO
    assert [one.value for one in start.known] == [0.5, 0.8, 0.6]
    assert start.first == ({"x": 0.1, "act": "work"},)
    assert known_before(store, study, search) == start.known
    assert known_before(store, study, by_hand) == ()  # it began without looking back
    assert known_before(store, study, first) == ()


def test_on_new_data_the_best_configurations_are_tried_without_their_values(
    store: Store, study: Study
) -> None:
    search_of(store, study, 0.1, 0.7, 0.2, 0.8, 0.6, 0.5, 0.4)
    run = ScheduledRun(GO, earlier_searches(store, study))
    search = begin(study, store, ready(NEW), run)
    start = head_start(study, store, search)

    assert search.info.seed == study.seed
    assert start.known == ()
    assert [one["x"] for one in start.first] == [0.3, 0.1, 0.4, 0.5, 0.6]
    assert start.seconds == pytest.approx(1.0, rel=0.5)


@pytest.mark.parametrize("aliases", [("champion", "challenger"), ("challenger", "")])
def test_the_champion_is_tried_before_configurations_that_looked_better(
    store: Store, study: Study, aliases: tuple[str, str]
) -> None:
    for alias, x in zip(aliases, (0.0, 0.1), strict=True):
        handed_over(search_of(store, study, 0.1, 0.2, 0.9), alias, x)
    search = begin(study, store, ready(NEW), ScheduledRun(GO, earlier_searches(store, study)))
    assert [one["x"] for one in head_start(study, store, search).first] == [0.0, 0.2, 0.1]


def handed_over(search: Search, alias: str, x: float) -> None:
    """Let a search have confirmed and registered a configuration."""
    winner = Confirmed("trial 0", {"x": x, "act": "work"}, 0.5, (0.5,), (0.5,), (3,), 0.5, 0.4, 0.6)
    registration = Registration("tiny", "1" if alias else "", alias, "some reason")
    summary = replace(recorded(search), confirmed=(winner,), registration=registration)
    outcome.save(summary, search_folder(search.info.search) / "outcome.json")


def test_the_budget_is_capped_at_the_expected_gain(study: Study) -> None:
    limited = replace(study, budget=replace(study.budget, money=1.0))
    for most, money in ((0.3, 0.3), (3.0, 1.0)):
        capped = capped_budget(limited, replace(GO, evidence={"most": most}))
        assert capped.budget == replace(limited.budget, money=money)
    assert capped_budget(limited, GO) == limited


def test_known_configurations_are_trained_first_if_the_rules_allow_them(
    store: Store, study: Study
) -> None:
    """And the default after it, once, whatever is in flight."""
    best: tuple[Params, ...] = tuple({"x": x, "act": "work"} for x in (0.8, 0.95, 0.5, 0.8))
    few = replace(study, budget=replace(study.budget, trials=4))
    search = store.begin(few, DATA, code_digest(few))
    known = TrialRecord(0, {"x": 0.3, "act": "work"}, TrialState.COMPLETE, 0.99)
    coordinator = coordinator_of(search, few, HeadStart(first=best, known=(known,)))
    coordinator.run()
    coordinator.close()
    trials = search.history().trials

    assert [one.params["x"] for one in trials[:3]] == [0.8, 0.5, 0.1]
    assert [one.purpose for one in trials] == [
        Purpose.SEARCH, Purpose.SEARCH, Purpose.DEFAULT, Purpose.SEARCH]  # fmt: skip
    assert coordinator.queue.excluded["not-too-far"] >= 1
    assert [one.decision.evidence["trials"] for one in search.decisions()] == [2, 3, 4, 5]
    assert search.decisions()[-1].decision.evidence["incumbent"] == 0.99


def test_a_resumed_search_does_not_train_them_twice(store: Store, study: Study) -> None:
    start = HeadStart(first=({"x": 0.8, "act": "work"}, {"x": 0.5, "act": "work"}))
    search = store.begin(study, DATA, code_digest(study))
    for trials in (1, 4):
        few = replace(study, budget=replace(study.budget, trials=trials))
        coordinator = coordinator_of(search, few, start)
        coordinator.run()
        coordinator.close()
    assert [one.params["x"] for one in search.history().trials[:3]] == [0.8, 0.5, 0.1]


@pytest.mark.parametrize(("seconds", "deadline"), [(None, 0.5), (1.0, 3.0)])
def test_a_small_budget_is_not_split_below_the_known_cost_of_a_trial(
    store: Store, study: Study, seconds: float | None, deadline: float
) -> None:
    """Or the first trials of a run would all be cut short, with many workers."""
    budget = replace(study.budget, trials=None, seconds=None, money=0.008 / 0.75)  # eight seconds
    resources = replace(study.resources, workers=16, watts_per_core=0.0)
    small = replace(study, budget=budget, resources=resources)
    search = store.begin(small, DATA, code_digest(small))
    orders: list[TrialOrder] = []
    coordinator = coordinator_of(search, small, HeadStart(seconds=seconds), orders)
    coordinator.run()
    coordinator.close()
    assert orders[0].deadline_seconds == pytest.approx(deadline)


def coordinator_of(
    search: Search, study: Study, start: HeadStart, orders: list[TrialOrder] | None = None
) -> Coordinator:
    """A coordinator whose orders are done at once."""

    def submit(order: TrialOrder) -> Future[TrialResult]:
        if orders is not None:
            orders.append(order)
        done: Future[TrialResult] = Future()
        value = 1.0 - (float(cast(float, order.params["x"])) - 0.7) ** 2
        cost = study.prices.of(1.0, 0.0, EnergyMode.ESTIMATED)
        done.set_result(TrialResult(order.number, 1, TrialState.COMPLETE, value, cost=cost))
        return done

    def show(*_: Any) -> None:
        pass

    return Coordinator(study, search, DATA, submit, lambda _params: {}, show, start=start)


def test_why_tells_skipped_runs_from_the_one_that_started_the_search(
    store: Store, study: Study
) -> None:
    search = begin(study, store, ready(DATA), ScheduledRun(GO))
    later = Decision.to_stop("not worth it")
    search.decide(DecisionRecord("schedule", 5, later, time.time()))
    assert why_begun(search) == GO
