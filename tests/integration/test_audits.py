"""Audits under the coordinator: what is ordered, what it costs, and what is found."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from satisfice.domain.audits.audit import Finding, RuleAudit, findings
from satisfice.domain.decisions.replay import replay
from satisfice.domain.economics.cost import total
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import Failure, Purpose, TrialRecord, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.coordination.snapshot import View
from satisfice.flows.stages.confirmation import confirm
from satisfice.tasks.storage.store import Search, Store, open_store
from tests.integration.test_coordinator import EPOCH, Workers, coordinator_of, study_of

NARROW = Rule("narrow", Expression("x <= 0.5"), "we always did it that way", audit=0.1)
SHALLOW = Rule("shallow", Expression("depth <= 10"), "deeper ones diverge", audit=0.1)
EVEN = Rule("even", Expression("depth % 2 == 0 or depth == 1"))
RULES = (NARROW, SHALLOW, EVEN)


class Diverging(Workers):
    """Workers whose best is at x = 0.7, and whose deep trainings fail."""

    def _train(self, order: TrialOrder) -> TrialResult:
        result = super()._train(order)
        if int(order.params["depth"]) <= 10 or result.state is TrialState.RUNNING:
            return result
        return replace(result, state=TrialState.FAILED, value=None, failure=Failure.NOT_A_NUMBER)


def study_with(*rules: Rule, **terms: float | None) -> Study:
    return replace(study_of(**terms), rules=RuleBook(rules))  # type: ignore[arg-type]


@dataclass
class Run:
    coordinator: Coordinator
    workers: Workers
    ending: Ending
    views: list[View]

    @property
    def audits(self) -> list[TrialOrder]:
        return [one for one in self.workers.orders if one.purpose is Purpose.AUDIT]

    @property
    def findings(self) -> dict[str, RuleAudit]:
        coordinator = self.coordinator
        study, not_auditable = coordinator.study, coordinator.auditor.not_auditable
        found = findings(
            study.rules.rules,
            coordinator.auditor.finished,
            coordinator.history,
            study.worth,
            not_auditable,
        )
        return {one.rule: one for one in found}


def run(
    search: Search,
    study: Study,
    workers: Workers,
    predict: Callable[[Params], dict[str, float]] = lambda _params: {},
    look: Callable[[Coordinator, View], None] = lambda _coordinator, _view: None,
) -> Run:
    views: list[View] = []

    def submit(order: TrialOrder) -> Future[TrialResult]:
        return workers.submit(order)

    def show(view: View, _finished: TrialRecord | None) -> None:
        views.append(view)
        look(coordinator, view)

    coordinator = Coordinator(study, search, "0" * 16, submit, predict, show)
    ending, _ = coordinator.run()
    return Run(coordinator, workers, ending, views)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


def test_a_rule_is_found_to_cost_quality_and_another_one_to_hold(store: Store) -> None:
    study = study_with(*RULES, trials=100, workers=1)
    done = run(store.begin(study), study, Diverging(study.prices))
    narrow, shallow = done.findings["narrow"], done.findings["shallow"]

    assert narrow.finding is Finding.COSTS_QUALITY, narrow.reason
    assert shallow.finding is Finding.HOLDS, shallow.reason
    assert shallow.failed == len([one for one in done.audits if one.params["depth"] > 10])
    assert {one.audit.rule for one in done.audits if one.audit} == {"narrow", "shallow"}


def test_an_audit_breaks_one_rule_beside_a_trial_that_breaks_none(store: Store) -> None:
    study = study_with(*RULES, trials=80, workers=3)
    done = run(store.begin(study), study, Diverging(study.prices))
    trials = {one.number: one for one in done.coordinator.history.trials}

    assert len(done.audits) >= 8
    for order in done.audits:
        assert order.audit is not None
        beside = trials[order.audit.beside]
        assert order.verdict.broken == (order.audit.rule,)
        assert study.rules.judge(order.params, {}).broken == (order.audit.rule,)
        assert study.rules.judge(beside.params, {}).allowed
        assert order.seed == beside.seed
        assert order.pruning is None
        if order.audit.rule == "narrow":  # of all that it forbids, what is near, but not too near
            assert 0.05 <= float(order.params["x"]) - float(beside.params["x"]) <= 0.55
        changed = [name for name in order.params if order.params[name] != beside.params[name]]
        assert changed == (["x"] if order.audit.rule == "narrow" else ["depth"])
    about = [one.audit for one in done.audits]
    assert len(set(about)) == len(about)  # no trial twice for one rule


def test_audits_are_never_best_and_never_learnt_from(store: Store) -> None:
    study = study_with(*RULES, trials=80, workers=1)
    search = store.begin(study)
    done = run(search, study, Diverging(study.prices))
    coordinator = done.coordinator
    confirmed = confirm(coordinator, done.ending)
    outside = {one.number for one in coordinator.auditor.finished}
    best = coordinator.history.best
    assert best is not None

    assert max(one.value or 0.0 for one in coordinator.auditor.finished) > (best.value or 0.0)
    assert not outside & {one.number for one in coordinator.history.trials}
    assert {one.params["x"] <= 0.5 for one in confirmed} == {True}
    assert coordinator.ledger.trials == 80  # but they are paid for like all others
    assert len(coordinator.history.trials) + len(outside) == 80
    everything = (
        *coordinator.history.trials,
        *coordinator.auditor.finished,
        *coordinator.confirmations,
    )
    spent = total(one.cost for one in everything)
    assert coordinator.ledger.spent.money == pytest.approx(spent.money)
    # The store says the same to whoever comes later.
    again = store.open(search.info.search)
    assert again.history() == coordinator.history
    assert again.audits() == tuple(coordinator.auditor.finished)
    assert again.ledger(study.budget).trials == 80
    # And Optuna's own tools do not take one of them for the best.
    assert again.optuna_study.best_trial.number not in outside


def test_decisions_are_the_same_when_they_are_replayed(store: Store) -> None:
    study = study_with(*RULES, workers=2, worth=3.0)
    search = store.begin(study)
    done = run(search, study, Diverging(study.prices))
    recorded = search.decisions()
    again = replay(done.coordinator.history, recorded, study.worth, study.prices)

    assert done.ending is Ending.NOT_WORTH_CONTINUING
    assert done.audits
    assert [one.again.stop for one in again] == [one.decision.stop for one in recorded]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_share_is_kept_at_every_moment(store: Store, workers: int) -> None:
    study = study_with(*RULES, money=150.0, workers=workers)
    uneven = Workers(
        study.prices, epochs=lambda order: random.Random(order.number).choice((1, 1, 3))
    )
    exceeded: list[tuple[str, float, float]] = []

    def look(coordinator: Coordinator, view: View) -> None:
        for rule in (NARROW, SHALLOW):
            settled = [
                one
                for one in coordinator.auditor.finished
                if one.audit and one.audit.rule == rule.id
            ]
            taken, spent = total(one.cost for one in settled), view.ledger.spent
            # A deadline lets the epoch in flight end.
            if taken.money > rule.audit * spent.money + EPOCH:
                exceeded.append((rule.id, taken.money, spent.money))

    done = run(store.begin(study), study, uneven, look=look)
    promised = [one.deadline_seconds or 0.0 for one in done.audits]
    assert len(done.audits) > 6
    assert sum(promised) < 0.5 * done.coordinator.ledger.spent.seconds
    assert exceeded == []


def test_another_coordinator_continues_the_audits(store: Store) -> None:
    study = study_with(*RULES, trials=60, workers=1)
    search = store.begin(study)
    slow = Diverging(study.prices, slow=lambda order: order.purpose is Purpose.AUDIT)

    def interrupt(coordinator: Coordinator, _view: View) -> None:
        if any(order.purpose is Purpose.AUDIT for order in slow.orders):
            coordinator.interrupt()

    first = run(search, study, slow, look=interrupt)
    first.coordinator.close()
    (left,) = search.running()
    assert first.ending is Ending.INTERRUPTED
    assert left.purpose is Purpose.AUDIT

    search = store.open(search.info.search)
    second = run(search, study, Diverging(study.prices))
    taken_up, *others = second.audits
    assert (taken_up.number, taken_up.attempt) == (left.number, 2)
    assert (taken_up.audit, taken_up.seed, taken_up.params) == (left.audit, left.seed, left.params)
    assert len(others) > 2
    about = [one.audit for one in second.audits]
    assert len(set(about)) == len(about)
    assert search.running() == ()


def test_a_rule_outside_which_no_model_can_be_built_is_not_audited(store: Store) -> None:
    def build(params: Params) -> dict[str, float]:
        if params["depth"] > 10:
            raise StudyCodeError("build(params) failed: too deep")
        return {}

    study = study_with(*RULES, trials=40, workers=1)
    search = store.begin(study)
    done = run(search, study, Diverging(study.prices), predict=build)
    done.coordinator.close()

    assert {one.audit.rule for one in done.audits if one.audit} == {"narrow"}
    assert done.findings["shallow"].finding is Finding.NOT_AUDITED
    assert done.findings["shallow"].reason == (
        "no model can be built outside it: build(params) failed: too deep"
    )
    again = run(store.open(search.info.search), study, Diverging(study.prices), predict=build)
    assert again.coordinator.auditor.not_auditable.keys() == {"shallow"}


def test_a_rule_that_no_configuration_breaks_alone_is_not_audited(store: Store) -> None:
    always = Rule("always", Expression("depth <= 99"), audit=0.2)
    study = study_with(always, EVEN, trials=30, workers=1)
    done = run(store.begin(study), study, Workers(study.prices))
    assert done.audits == []
    assert "near the trained configurations, none was found" in done.findings["always"].reason


def test_a_rule_on_a_prediction_is_audited_as_well(store: Store) -> None:
    fits = Rule("fits", Expression("predicted.parameters <= 1000"), audit=0.2)
    study = study_with(fits, EVEN, trials=40, workers=1)
    done = run(
        store.begin(study),
        study,
        Diverging(study.prices),
        predict=lambda params: {"predicted.parameters": 100.0 * float(params["depth"])},
    )
    assert len(done.audits) >= 3
    assert {one.params["depth"] for one in done.audits} == {12}  # the next even one above ten
    assert {one.verdict.predicted["predicted.parameters"] for one in done.audits} == {1200.0}
    assert done.findings["fits"].finding is Finding.HOLDS


def test_a_sweep_trains_its_plan_and_nothing_else(store: Store) -> None:
    study = study_with(*RULES, trials=100, workers=1)
    plan: list[Params] = [{"x": at / 100, "depth": 2, "act": "left"} for at in range(50)]
    workers = Workers(study.prices)
    coordinator = coordinator_of(store.begin(study), study, workers, plan=plan)
    coordinator.run()
    assert {one.purpose for one in workers.orders} == {Purpose.SEARCH}
    assert len(workers.orders) == 50
