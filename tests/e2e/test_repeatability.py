"""Real trainings under the coordinator, without Prefect: they repeat, and keep the budget."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import TrialRecord, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.stages.confirmation import confirm
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import open_store
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order
from tests.e2e.service import write_study

SECOND = 0.001  # EUR, as the study states it


@dataclass
class Outcome:
    """A search and what it left."""

    ending: Ending
    trials: tuple[TrialRecord, ...]
    confirmed: tuple[Confirmed, ...]
    decisions: list[Any]
    spent: float
    orders: list[TrialOrder] = field(default_factory=list)


def search(study: Study, server: TrialServer, epoch_seconds: float | None = None) -> Outcome:
    """Search with real trainings, and confirm."""
    orders: list[TrialOrder] = []
    with open_store() as store, ThreadPoolExecutor(study.resources.workers) as pool:

        def submit(order: TrialOrder) -> Future[TrialResult]:
            orders.append(order)
            return pool.submit(run_order, order, study.prices, server)

        coordinator = Coordinator(
            study,
            store.begin(study),
            server.ready().digest,
            submit,
            server.predict,
            lambda _view, _finished: None,
            epoch_seconds,
        )
        ending, _ = coordinator.run()
        confirmed = confirm(coordinator, ending)
        coordinator.close()
        again = store.open(coordinator.search.info.search)
        decisions = [(one.after, one.decision) for one in again.decisions()]
        assert again.history() == coordinator.history
        finished = (*again.history().trials, *again.confirmations())
        # What a process needs of memory is no part of the search, unless a rule speaks of it.
        trials = tuple(replace(one, measured={}) for one in finished)
        return Outcome(ending, trials, confirmed, decisions, coordinator.ledger.spent.money, orders)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("repeating") / "tiny"
    budget, worth = "trials: 200", "0.02 EUR per point"
    return read_study(write_study(folder, budget=budget, worth=worth, epochs=10, seeds=2))


@pytest.fixture(scope="module")
def server(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SATISFICE_HOME", str(tmp_path_factory.mktemp("server")))
        made = TrialServer(study)
    with made:
        yield made


@pytest.mark.parametrize(
    ("sampler", "states"),
    [("tpe", {TrialState.COMPLETE, TrialState.PRUNED}), ("priced", {TrialState.COMPLETE})],
)
def test_the_same_seed_and_the_same_costs_are_the_same_search_bit_for_bit(
    study: Study,
    server: TrialServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
    states: set[TrialState],
) -> None:
    study = replace(study, sampler=sampler)
    outcomes = []
    for name in ("one", "two"):
        monkeypatch.setenv("SATISFICE_HOME", str(tmp_path / name))
        outcomes.append(search(study, server, epoch_seconds=0.5))
    one, two = outcomes

    assert one.ending is Ending.NOT_WORTH_CONTINUING
    assert len(one.trials) > 10
    assert {trial.state for trial in one.trials} >= states
    assert one.trials == two.trials  # parameters, seeds, curves, values, costs, reasons
    assert one.decisions == two.decisions
    assert one.confirmed == two.confirmed


def test_another_seed_is_another_search(study: Study, server: TrialServer, home: Path) -> None:
    few = replace(study, budget=replace(study.budget, trials=4))
    one, two = (search(replace(few, seed=seed), server, epoch_seconds=0.5) for seed in (0, 1))

    assert one.trials[0].params == two.trials[0].params  # the default configuration
    assert [trial.params for trial in one.trials[1:4]] != [
        trial.params for trial in two.trials[1:4]
    ]


def test_four_workers_spend_no_more_than_the_budget_and_the_epochs_in_flight(
    study: Study, server: TrialServer, home: Path
) -> None:
    money = 0.010  # ten seconds of training
    limited = replace(
        study,
        worth=replace(study.worth, money=1e3),
        budget=replace(study.budget, trials=None, money=money),
        resources=replace(study.resources, workers=4),
    )
    outcome = search(limited, server)
    deadlines = {order.number: order.deadline_seconds for order in outcome.orders}

    assert outcome.ending is Ending.BUDGET_SPENT
    over = []
    for trial in outcome.trials:
        deadline = deadlines[trial.number]
        assert deadline is not None
        over.append(max(trial.cost.seconds - deadline, 0.0))
        assert all(point.seconds < deadline for point in trial.curve[:-1])  # none began after it
    assert outcome.spent <= money + SECOND * sum(sorted(over)[-4:])
    assert outcome.spent == pytest.approx(sum(trial.cost.money for trial in outcome.trials))
    assert outcome.spent > 0.5 * money
