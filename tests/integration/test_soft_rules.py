"""Soft rules in a search: checked after each trial, learnt from, and required of a winner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from satisfice.domain.decisions.replay import replay
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import Purpose, TrialRecord, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.coordination.snapshot import View
from satisfice.flows.stages.confirmation import confirm
from satisfice.tasks.files import events
from satisfice.tasks.sampling.proposer import Proposer
from satisfice.tasks.storage.store import Search, Store, open_store
from tests.integration.test_coordinator import Workers, study_of

FAIR = "metrics.gap <= 0.05"


def gap(params: Params) -> float:
    """What a training reports here; the best scores lie where it is too large."""
    return abs(float(params["x"]) - 0.3)


class Reporting(Workers):
    """Workers whose trainings report a gap, and which prune every fifth before it is known."""

    def _train(self, order: TrialOrder) -> TrialResult:
        result = super()._train(order)
        if order.purpose is Purpose.SEARCH and order.number % 5 == 4:
            return replace(result, state=TrialState.PRUNED, value=None)
        return replace(result, metrics={"score": result.value or 0.0, "gap": gap(order.params)})


def study_with(*requirements: str, **terms: Any) -> Study:
    numbered = enumerate(requirements, 1)
    rules = RuleBook(tuple(Rule(f"soft-{at}", Expression(one)) for at, one in numbered))
    return replace(study_of(**terms), soft_rules=rules, rules=RuleBook())


def coordinator_of(
    search: Search, study: Study, workers: Workers, plan: Sequence[Params] | None = None
) -> Coordinator:
    def submit(order: TrialOrder) -> Future[TrialResult]:
        return workers.submit(order)

    def show(_view: View, _finished: TrialRecord | None) -> None:
        pass

    return Coordinator(study, search, "0" * 16, submit, lambda _: {}, show, plan=plan)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


def test_the_winner_is_feasible_though_better_trials_are_not(store: Store) -> None:
    study = study_with(FAIR, trials=60, workers=2)
    search = store.begin(study)
    coordinator = coordinator_of(search, study, Reporting(study.prices))
    ending, decision = coordinator.run()
    history = coordinator.history
    assert ending in (Ending.BUDGET_SPENT, Ending.NOT_WORTH_CONTINUING)
    assert history.best is not None
    assert history.best.value is not None
    assert gap(history.best.params) <= 0.05
    assert max(one.value or 0.0 for one in history.complete) > history.best.value
    assert decision.evidence["incumbent"] == history.best.value
    confirmed = confirm(coordinator, ending)
    assert confirmed
    assert all(gap(one.params) <= 0.05 for one in confirmed if one.name != "default")
    assert all(len(one.margins) == len(one.numbers) for one in confirmed)


def test_margins_are_recorded_and_read_back(store: Store) -> None:
    study = study_with(FAIR, "measured.seconds <= 0.5", trials=12, workers=1)
    search = store.begin(study)
    coordinator = coordinator_of(search, study, Reporting(study.prices))
    coordinator.run()
    coordinator.close()
    trials = coordinator.history.trials
    assert [one.margins.keys() for one in trials] == [
        set() if one.state is TrialState.PRUNED else {"soft-1", "soft-2"} for one in trials
    ]
    for one in trials:
        if one.margins:
            assert one.margins["soft-1"] == pytest.approx(0.05 - gap(one.params))
            assert one.margins["soft-2"] == pytest.approx(-0.5)
    told = events.read(coordinator.folder / "journal.jsonl")[0]
    results = [one["margins"] for one in told if one["kind"] == "result"]
    assert results == [dict(one.margins) for one in trials]
    again = store.open(search.info.search)
    assert again.history() == coordinator.history
    plain = again.optuna_study.get_trials()
    assert [one.constraints for one in plain] == [
        {rule: -margin for rule, margin in one.margins.items()} for one in trials
    ]
    replayed = list(replay(again.history(), again.decisions(), study.worth, study.prices))
    assert replayed
    assert all(one.again.reason == one.record.decision.reason for one in replayed)
    proposals = [
        Proposer(one.optuna_study, study.space, study.rules, lambda _: {}, study.seed).propose()
        for one in (search, again)
    ]
    assert proposals[0] == proposals[1]


def test_orders_ask_for_what_the_soft_rules_need(store: Store) -> None:
    requirements = (FAIR, "measured.latency_ms_p95 <= 3", "metrics.bias <= 1 and x < 2")
    study = study_with(*requirements, trials=2, workers=1)
    silent = Rule("silent", Expression("metrics.other <= 1"), when=Expression("depth > 99"))
    study = replace(study, soft_rules=RuleBook((*study.soft_rules.rules, silent)))
    workers = Reporting(study.prices)
    coordinator_of(store.begin(study), study, workers).run()
    (order, *_) = workers.orders
    assert order.reported == {"gap": "soft-1", "bias": "soft-3"}
    assert order.measure_inferences
    assert not order.time_inferences
    plain = study_with(FAIR, trials=2, workers=1)
    workers = Reporting(plain.prices)
    coordinator_of(store.begin(plain), plain, workers).run()
    assert not workers.orders[0].measure_inferences


def test_a_search_without_a_feasible_trial_names_the_rule_and_the_nearest_trial(
    store: Store,
) -> None:
    study = study_with("metrics.gap <= -1", trials=25, workers=2)
    coordinator = coordinator_of(store.begin(study), study, Reporting(study.prices))
    ending, decision = coordinator.run()
    history = coordinator.history
    assert ending is Ending.NOTHING_FEASIBLE
    assert len(history.trials) == 25  # as long as the budget lasts
    nearest = min(history.complete, key=lambda one: gap(one.params))
    assert f"no trial fulfils rule 'soft-1' (of {len(history.complete)} trials" in decision.reason
    assert f"the closest, trial {nearest.number}, breaks 'soft-1' by 1" in decision.reason
    assert history.best is None
    assert confirm(coordinator, ending) == ()


def test_nothing_is_pruned_against_what_breaks_a_soft_rule(store: Store) -> None:
    study = study_with("metrics.gap <= -1", trials=6, workers=1)
    coordinator = coordinator_of(store.begin(study), study, Reporting(study.prices))
    coordinator.run()
    from satisfice.tasks.trial.pruning import read_snapshot

    snapshot = read_snapshot(coordinator.folder / "pruning.json")
    assert snapshot is not None
    assert snapshot.incumbent is None
    assert snapshot.curves


def test_a_sweep_trains_its_plan_even_if_soft_rules_are_broken(store: Store) -> None:
    study = study_with("metrics.gap <= -1", trials=30, workers=1)
    plan = [{"x": at / 10, "depth": 1, "act": "left"} for at in range(4)]
    workers = Reporting(study.prices)
    coordinator = coordinator_of(store.begin(study), study, workers, plan)
    ending, _ = coordinator.run()
    assert ending is Ending.PLAN_DONE
    assert [order.params for order in workers.orders] == plan
    assert coordinator.history.best is None
    assert len(coordinator.history.ranking(10)) == 4
    assert confirm(coordinator, ending) == ()


class Turncoats(Reporting):
    """Trainings that fulfil the rule in the search, and break it when they are repeated."""

    def _train(self, order: TrialOrder) -> TrialResult:
        result = super()._train(order)
        repeated = order.purpose is Purpose.CONFIRMATION and order.params["depth"] != 1
        return replace(result, metrics={"gap": 1.0}) if repeated else result


def test_a_leader_that_breaks_a_soft_rule_when_repeated_does_not_win(store: Store) -> None:
    study = study_with("metrics.gap <= 0.7", trials=8, workers=1)
    plan = [{"x": 0.7, "depth": 2, "act": "left"}, {"x": 0.2, "depth": 1, "act": "right"}]
    coordinator = coordinator_of(store.begin(study), study, Turncoats(study.prices), plan)
    coordinator.run()
    assert [one.params["depth"] for one in coordinator.history.leaders(2)] == [2, 1]
    first, second = confirm(coordinator, Ending.PLAN_DONE)
    assert (first.params["depth"], len(first.feasible)) == (1, study.confirming.seeds)
    assert (second.params["depth"], second.feasible) == (2, ())
