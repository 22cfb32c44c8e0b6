"""Audits under the coordinator: what is ordered, what it may cost, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from domain.auditing import RuleAudit, findings
from domain.expressions import Expression
from domain.history import Failure, Purpose, TrialRecord, TrialState
from domain.orders import TrialOrder, TrialResult
from domain.rules import Rule, RuleBook
from domain.space import Params
from domain.study import Study
from domain.summary import Ending
from flows.coordinator import Coordinator
from flows.view import View
from tasks.store import Search, Store, open_store
from tests.integration.test_coordinator import Workers, study_of

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
        study, in_vain = coordinator.study, coordinator.auditor.in_vain
        found = findings(
            study.rules.rules, coordinator.audits, coordinator.history, study.worth, in_vain
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


def test_rules_are_found_to_cost_quality_and_to_hold(store: Store) -> None:
    study = study_with(*RULES, trials=60, workers=1, worth=1e6)
    done = run(store.begin(study), study, Diverging(study.prices))
    print([(o.number, o.audit, o.params) for o in done.audits])
    print(done.findings)
    assert 0
