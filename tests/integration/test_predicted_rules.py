"""Rules on learnt predictions: what they allow, when they start to reject, what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.predicted import EPOCH_SECONDS, MEMORY, Forecast, Sizes
from satisfice.domain.rules.rule import ENOUGH, Rule, RuleBook
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import TrialRecord
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.coordination.snapshot import View
from satisfice.flows.stages.confirmation import confirm
from satisfice.tasks.files import events
from satisfice.tasks.storage.store import Search, Store, open_store
from tests.integration.test_coordinator import Workers, study_of

MIB = float(1 << 20)


def sizes(params: Params) -> Sizes:
    weights = float(params["depth"]) * MIB
    return {
        "predicted.size_bytes": weights,
        "predicted.macs": 1e6,
        "activation_bytes": 0.0,
        "largest_bytes": 0.0,
        "operations": 10.0,
        "examples": 100.0,
    }


def needed(params: Params) -> float:
    """The memory of a training here; the prior says 4 + 4 depth, and so less than half of it."""
    return 30.0 + 10.0 * float(params["depth"])


class Needy(Workers):
    """Workers whose trainings need memory, and tell."""

    def _train(self, order: TrialOrder) -> TrialResult:
        return replace(super()._train(order), measured={"memory_mb": needed(order.params)})


@dataclass
class Run:
    """A search that has run."""

    coordinator: Coordinator
    search: Search
    orders: list[TrialOrder]

    def forecast(self, order: TrialOrder, name: str = MEMORY) -> Forecast:
        return self.search.verdict(order.number).forecasts[name]


def study_with(require: str, confidence: float | None = None, **terms: int) -> Study:
    rule = Rule("fits-the-card", Expression(require), confidence=confidence)
    return replace(study_of(**terms), rules=RuleBook((rule,)))


def coordinator_of(search: Search, study: Study, workers: Workers) -> Coordinator:
    def submit(order: TrialOrder) -> Future[TrialResult]:
        return workers.submit(order)

    def show(_view: View, _finished: TrialRecord | None) -> None:
        pass

    return Coordinator(study, search, "0" * 16, submit, sizes, show)


def run(store: Store, study: Study) -> tuple[Run, Ending]:
    workers, search = Needy(study.prices), store.begin(study)
    coordinator = coordinator_of(search, study, workers)
    ending, _ = coordinator.run()
    return Run(coordinator, search, workers.orders), ending


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


def test_a_rule_on_memory_rejects_configurations_once_trials_have_finished(store: Store) -> None:
    study = study_with("predicted.memory_mb <= 105", confidence=0.9, trials=30, workers=2)
    done, ending = run(store, study)
    assert ending is Ending.BUDGET_SPENT
    versions = [done.forecast(order).trials for order in done.orders]
    assert versions[0] == 0
    assert versions == sorted(versions)
    assert versions[-1] >= 28
    knowing = [order for order in done.orders if done.forecast(order).trials >= ENOUGH]
    assert len(knowing) >= 23
    assert all(needed(order.params) <= 105 for order in knowing)
    assert all(done.forecast(order).at(0.9) <= 105 for order in knowing)
    assert len({order.params["depth"] for order in knowing}) >= 4  # what fits is still searched
    assert done.coordinator.queue.excluded["fits-the-card"] > 0


def test_a_verdict_keeps_the_predictions_that_it_rests_on(store: Store) -> None:
    study = study_with("predicted.memory_mb <= 105", confidence=0.9, trials=8, workers=1)
    done, _ = run(store, study)
    journal = events.read(done.coordinator.folder / "journal.jsonl")[0]
    told = [event for event in journal if event["kind"] == "trial"]
    assert len(told) == len(done.orders) == 8
    for version, (order, event) in enumerate(zip(done.orders, told, strict=True)):
        kept = done.search.verdict(order.number)
        assert kept == order.verdict
        said = kept.forecasts[MEMORY]
        assert said.trials == version
        assert kept.predicted[MEMORY] == said.median
        shown = event["verdict"]["forecasts"][MEMORY]
        assert shown == pytest.approx(
            {"low": said.at(0.05), "high": said.at(0.95), "trials": version}
        )


def test_a_resumed_search_predicts_as_before(store: Store) -> None:
    study = study_with("predicted.memory_mb <= 105", trials=7, workers=1)
    done, _ = run(store, study)
    done.coordinator.close()
    search = store.open(done.search.info.search)
    again = coordinator_of(search, study, Needy(study.prices))
    params = {"x": 0.5, "depth": 3, "act": "left"}
    assert again.predictor(params) == done.coordinator.predictor(params)
    assert [one.measured for one in again.history.trials] == [
        {"memory_mb": needed(one.params)} for one in again.history.trials
    ]


def test_configurations_with_slow_epochs_are_rejected(store: Store) -> None:
    class Slow(Workers):
        def _train(self, order: TrialOrder) -> TrialResult:
            result = super()._train(order)
            pace = float(order.params["depth"])
            curve = tuple(replace(one, seconds=one.seconds * pace) for one in result.curve)
            return replace(result, curve=curve)

    study = study_with("predicted.epoch_seconds <= 8", trials=40, workers=1)
    workers, search = Slow(study.prices, epochs=lambda _order: 3), store.begin(study)
    coordinator_of(search, study, workers).run()
    done = [search.verdict(order.number).forecasts[EPOCH_SECONDS] for order in workers.orders]
    assert all(one.median <= 8 for one in done[1:])
    late = [float(order.params["depth"]) for order in workers.orders[20:]]
    assert max(late) <= 12  # of 20; the middle of a forecast is no promise


def test_a_search_ends_when_no_configuration_is_allowed_any_more(store: Store) -> None:
    study = study_with("predicted.memory_mb <= 20", trials=40, workers=2)  # all need 40 or more
    done, ending = run(store, study)
    assert ending is Ending.NOTHING_ALLOWED
    assert 1 <= len(done.coordinator.history.trials) <= 10
    assert "fits-the-card" in done.coordinator.decisions.last.reason
    assert done.search.running() == ()
    confirmed = confirm(done.coordinator, ending)
    assert confirmed
    assert all(needed(one.params) > 20 for one in confirmed)
