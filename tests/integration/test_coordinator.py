"""The coordinator over a real store; its workers are threads that simulate trainings."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from satisfice.domain.decisions.decision import DecisionRecord
from satisfice.domain.decisions.replay import replay
from satisfice.domain.economics.cost import Budget, EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Excluded, Rule, RuleBook
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space
from satisfice.domain.study import Confirming, DataSource, Objective, Resources, Study
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import CurvePoint, Failure, Purpose, TrialRecord, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.coordination.snapshot import View
from satisfice.flows.stages.confirmation import confirm
from satisfice.tasks.files import control
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.storage.store import Search, Store, open_store
from satisfice.tasks.trial.progress import LOG

EPOCH = 1.0  # seconds
SPACE = Space(
    (
        Parameter("x", Float(0.0, 1.0), None, 0.1),
        Parameter("depth", Int(1, 20), None, 1),
        Parameter("act", Choice(("left", "right")), None, "left"),
    )
)
RULES = RuleBook((Rule("even", Expression("depth % 2 == 0 or depth == 1")),))


def study_of(
    money: float | None = None, trials: int | None = None, workers: int = 4, worth: float = 1e6
) -> Study:
    """A study whose second costs 1 EUR, energy included."""
    return Study(
        name="fake",
        folder="/nowhere",
        problem="problem.py",
        data=DataSource("nothing"),
        objective=Objective("score", Direction.MAXIMIZE),
        worth=Worth(worth, Per.POINT),
        prices=Prices("EUR", hour=3600.0),
        budget=Budget(trials=trials, money=money),
        space=SPACE,
        rules=RULES,
        confirming=Confirming(leaders=2, seeds=2, share=0.25),
        resources=Resources(workers=workers),
        seed=3,
    )


@dataclass
class Workers:
    """Threads that obey orders as trainings do: epochs, deadline, control file, and accidents.

    Attributes:
        prices: What resources cost.
        epochs: How many epochs a configuration takes.
        lost: Which orders lose their worker.
        slow: Which orders come to no end until somebody says stop.
        beats: The seconds that the log of an order tells from its beginning on.
        pruned: Which orders are given up after their first epoch.
        orders: All orders, as they came.
        flying: With each order, how many were in flight, itself included.
    """

    prices: Prices
    epochs: Callable[[TrialOrder], int] = lambda _order: 1
    lost: Callable[[TrialOrder], bool] = lambda _order: False
    slow: Callable[[TrialOrder], bool] = lambda _order: False
    beats: Callable[[TrialOrder], float] = lambda _order: 0.0
    pruned: Callable[[TrialOrder], bool] = lambda _order: False
    orders: list[TrialOrder] = field(default_factory=list)
    flying: list[int] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(64))

    def submit(self, order: TrialOrder) -> Future[TrialResult]:
        self.orders.append(order)
        return self._pool.submit(self._train, order)

    def _train(self, order: TrialOrder) -> TrialResult:
        if self.lost(order):
            raise ConnectionError("nobody answers")
        height = 1.0 - (float(order.params["x"]) - 0.7) ** 2
        noise = random.Random(order.seed).gauss(0.0, 0.01)
        curve: list[CurvePoint] = []
        state = TrialState.COMPLETE
        log = EventLog(Path(order.folder) / LOG)
        log.append("heartbeat", seconds=self.beats(order))
        log.close()
        while self.slow(order) and control.command(Path(order.control)) != "stop":
            time.sleep(0.005)
        for epoch in range(1, self.epochs(order) + 1):
            if order.deadline_seconds is not None and (epoch - 1) * EPOCH >= order.deadline_seconds:
                break
            if control.command(Path(order.control)) == "stop":
                state = TrialState.RUNNING
                break
            curve.append(CurvePoint(epoch, height + noise, epoch * EPOCH))
            if self.pruned(order):
                state = TrialState.PRUNED
                break
        seconds = max(len(curve) * EPOCH, 0.01)
        if not curve and state is TrialState.COMPLETE:
            state = TrialState.FAILED
        return TrialResult(
            number=order.number,
            attempt=order.attempt,
            state=state,
            value=curve[-1].value if curve and state is TrialState.COMPLETE else None,
            curve=tuple(curve),
            cost=self.prices.of(seconds, 0.0, EnergyMode.ESTIMATED),
            failure=Failure.OVERRAN if state is TrialState.FAILED else None,
            epochs=self.epochs(order),
        )


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


def coordinator_of(
    search: Search,
    study: Study,
    workers: Workers,
    show: Callable[[View, TrialRecord | None], None] = lambda _view, _finished: None,
    plan: Sequence[Params] | None = None,
) -> Coordinator:
    def submit(order: TrialOrder) -> Future[TrialResult]:
        workers.flying.append(len(coordinator.ledger.reserved))
        return workers.submit(order)

    coordinator = Coordinator(study, search, "0" * 16, submit, lambda _params: {}, show, plan=plan)
    return coordinator


def test_two_hundred_trials_on_four_workers(store: Store) -> None:
    study = study_of(money=1000.0, trials=200)
    workers = Workers(
        study.prices,
        epochs=lambda order: random.Random(order.seed).choice((1, 1, 2, 3, 9)),
        lost=lambda order: order.seed % 17 == 0,
    )
    search = store.begin(study)
    views: list[View] = []
    coordinator = coordinator_of(search, study, workers, lambda view, _: views.append(view))
    ending, decision = coordinator.run()
    coordinator.close()
    again = store.open(search.info.search)
    history = coordinator.history

    assert ending is Ending.BUDGET_SPENT
    assert decision.stop
    assert len(history.trials) == 200
    assert max(workers.flying) == 4
    assert sorted(one.number for one in history.trials) == list(range(200))
    assert [order.purpose for order in workers.orders].count(Purpose.DEFAULT) == 1
    assert len({order.seed for order in workers.orders}) == 200
    assert all(RULES.judge(order.params, {}).allowed for order in workers.orders)
    lost = [one for one in history.trials if one.failure is Failure.LOST]
    assert {one.number for one in lost} == {o.number for o in workers.orders if o.seed % 17 == 0}
    assert all("nobody answers" in one.reason for one in lost)
    assert again.history() == history
    assert again.running() == ()
    assert again.decisions() == search.decisions()
    assert [one.after for one in again.decisions()][-1] >= 197
    assert again.ledger(study.budget).spent == coordinator.ledger.spent
    assert coordinator.ledger.reserved == ()
    assert all(view.ledger.trials <= 200 for view in views)
    assert again.info.elapsed == pytest.approx(coordinator.clock.elapsed(), abs=1.0)


def test_four_workers_stay_within_a_budget_of_money(store: Store) -> None:
    study = study_of(money=160.0)  # 120 of it for the search
    workers = Workers(
        study.prices, epochs=lambda order: random.Random(order.seed).choice((1, 1, 1, 2, 40))
    )
    highest = 0.0

    def look(view: View, _finished: TrialRecord | None) -> None:
        nonlocal highest
        highest = max(highest, view.ledger.spent.money)
        flying = 4 * EPOCH  # what an epoch that has begun may take beyond a deadline
        assert view.ledger.spent.money <= 120.0 + flying
        assert (view.ledger.spent + view.ledger.promised).money <= 120.0 + flying

    coordinator = coordinator_of(store.begin(study), study, workers, look)
    ending, _ = coordinator.run()

    assert ending is Ending.BUDGET_SPENT
    assert highest > 90.0
    costs = {one.cost.money for one in coordinator.history.trials}
    assert max(costs) < 40.0  # deadlines were enforced
    assert max(workers.flying) == 4


def test_a_reservation_that_is_not_used_is_spent_by_later_trials(store: Store) -> None:
    study = study_of(money=20.0)  # 15 of it for the search: fifteen trials, one epoch each
    workers = Workers(study.prices)
    coordinator = coordinator_of(store.begin(study), study, workers)
    ending, _ = coordinator.run()

    assert ending is Ending.BUDGET_SPENT
    assert coordinator.ledger.spent.money > 13.0


def test_a_decision_to_stop_ends_a_search_and_stands_after_a_restart(store: Store) -> None:
    study = study_of(worth=1.0)
    workers = Workers(study.prices)
    search = store.begin(study)
    coordinator = coordinator_of(search, study, workers)
    ending, decision = coordinator.run()
    coordinator.close()
    recorded = search.decisions()

    assert ending is Ending.NOT_WORTH_CONTINUING
    assert decision == recorded[-1].decision
    assert [one.again.stop for one in replay(
        coordinator.history, recorded, study.worth, study.prices
    )] == [one.decision.stop for one in recorded]  # fmt: skip

    again = coordinator_of(store.open(search.info.search), study, workers)
    assert again.run() == (ending, decision)
    assert store.open(search.info.search).decisions() == recorded


@pytest.mark.parametrize("elapsed", [0.0, 300.0])
def test_a_trial_that_outlasts_the_others_raises_the_expected_cost(
    store: Store, elapsed: float
) -> None:
    """Three of four workers bring cheap results; the fourth has long been at its first trial."""
    study = study_of(worth=30.0, trials=60)
    enough = threading.Event()
    workers = Workers(
        study.prices,
        slow=lambda order: order.number == 1 and not enough.is_set(),
        beats=lambda order: elapsed if order.number == 1 else 0.0,
    )

    def look(view: View, _finished: TrialRecord | None) -> None:
        if view.decision.stop:
            enough.set()

    search = store.begin(study)
    coordinator = coordinator_of(search, study, workers, look)
    ending, _ = coordinator.run()
    recorded = search.decisions()
    replayed = list(replay(coordinator.history, recorded, study.worth, study.prices))

    assert ending is Ending.NOT_WORTH_CONTINUING
    assert recorded[-1].decision.evidence["elapsed_0"] == elapsed
    assert (len(recorded) < 10) is (elapsed > 0)
    assert [one.again.reason for one in replayed] == [one.decision.reason for one in recorded]


def test_another_coordinator_resumes_interrupted_trials(store: Store) -> None:
    study = study_of(trials=12)
    workers = Workers(study.prices, epochs=lambda _order: 5, slow=lambda order: order.number > 3)
    search = store.begin(study)

    def interrupt(view: View, _finished: TrialRecord | None) -> None:
        if len(view.history.trials) >= 4:
            first.interrupt()

    first = coordinator_of(search, study, workers, interrupt)
    ending, _ = first.run()
    first.close()
    left = search.running()

    assert ending is Ending.INTERRUPTED
    assert len(left) >= 3
    assert search.history() == first.history
    assert first.ledger.reserved == ()

    alone = Workers(study.prices, epochs=lambda _order: 5)
    one_worker = replace(study, resources=Resources(workers=1))
    second = coordinator_of(store.open(search.info.search), one_worker, alone)
    ending, _ = second.run()

    assert ending is Ending.BUDGET_SPENT
    assert max(alone.flying) == 1
    taken_up = alone.orders[: len(left)]
    assert [(one.number, one.attempt) for one in taken_up] == [(one.number, 2) for one in left]
    assert [(one.params, one.seed) for one in taken_up] == [(one.params, one.seed) for one in left]
    assert [one.attempt for one in alone.orders[len(left) :]].count(1) == len(
        alone.orders[len(left) :]
    )
    assert len(second.history.trials) == 12
    assert search.running() == ()


def test_without_budget_a_stale_trial_is_recorded_with_its_cost(store: Store) -> None:
    study = study_of(money=100.0, workers=2)
    search = store.begin(study)
    workers = Workers(study.prices)
    verdict = RULES.judge({"depth": 2}, {})
    params = {"x": 0.5, "depth": 2, "act": "left"}
    for number in range(2):
        search.begin_trial(params, SPACE, number, Purpose.SEARCH, verdict)
    log = Path(search.info.search)
    coordinator = coordinator_of(search, replace(study, budget=Budget(money=0.0)), workers)
    log = coordinator.folder / "trials" / "00001" / "events.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"kind":"started","attempt":1,"from_epoch":1}\n'
                   '{"kind":"epoch","epoch":1,"value":0.5,"metrics":{},"seconds":7.0,"kwh":0.0,'
                   '"energy":"estimated"}\n')  # fmt: skip
    ending, _ = coordinator.run()
    first, second = coordinator.history.trials

    assert ending is Ending.NOTHING_WORKED
    assert workers.orders == []
    assert (first.failure, second.failure) == (Failure.LOST, Failure.LOST)
    assert second.cost.money == pytest.approx(7.0)
    assert second.curve == (CurvePoint(1, 0.5, 7.0),)
    assert coordinator.ledger.spent.money == pytest.approx(7.0)
    assert search.history() == coordinator.history
    assert search.running() == ()


def test_a_search_that_is_stopped_by_hand_confirms_its_leaders(store: Store) -> None:
    study = study_of(trials=100)
    workers = Workers(study.prices, epochs=lambda _order: 3)
    search = store.begin(study)

    def stop(view: View, _finished: TrialRecord | None) -> None:
        if view.phase == "searching" and len(view.history.complete) >= 6:
            control.give(coordinator.control, "stop")

    coordinator = coordinator_of(search, study, workers, stop)
    ending, _ = coordinator.run()
    confirmed = confirm(coordinator, ending)

    assert ending is Ending.STOPPED_BY_HAND
    assert len(coordinator.history.trials) < 100
    assert [len(one.validation) for one in confirmed] == [2, 2, 2]
    assert confirmed[-1].name == "default"
    assert search.running() == ()


def test_confirmations_wait_for_reservations_to_be_settled(store: Store) -> None:
    study = study_of(money=28.0, workers=3)  # seven EUR are left for six confirmations
    workers = Workers(study.prices)
    coordinator = coordinator_of(store.begin(study), study, workers)
    ending, _ = coordinator.run()
    confirmed = confirm(coordinator, ending)

    assert ending is Ending.BUDGET_SPENT
    assert coordinator.ledger.spent.money <= 28.0
    assert [len(one.validation) for one in confirmed] == [2, 2, 2]


def test_if_all_trials_overrun_a_small_budget_nothing_is_affordable(
    store: Store,
) -> None:
    study = study_of(money=1e-9, workers=2)
    workers = Workers(study.prices, epochs=lambda _order: 0)
    coordinator = coordinator_of(store.begin(study), study, workers)
    ending, _ = coordinator.run()

    assert ending is Ending.NOTHING_AFFORDABLE


def test_the_clock_stops_while_a_search_is_paused(store: Store) -> None:
    study = study_of(trials=20)
    workers = Workers(study.prices)
    seen: list[tuple[str, float, int]] = []

    def pause(view: View, _finished: TrialRecord | None) -> None:
        seen.append((view.phase, view.ledger.elapsed, len(view.history.trials)))
        if [phase for phase, _, _ in seen].count("paused") == 4:
            control.give(coordinator.control, "run")
        elif len(view.history.trials) == 5:
            control.give(coordinator.control, "pause")

    coordinator = coordinator_of(store.begin(study), study, workers, pause)
    ending, _ = coordinator.run()
    paused = [(elapsed, trials) for phase, elapsed, trials in seen if phase == "paused"]

    assert ending is Ending.BUDGET_SPENT
    assert len(paused) >= 4
    assert len({elapsed for elapsed, _ in paused}) == 1
    assert max(trials for _, trials in paused) < 10
    assert len(coordinator.history.trials) == 20


def plan_of(count: int) -> list[Params]:
    return [{"x": at / count, "depth": 2, "act": "left"} for at in range(count)]


def test_a_plan_is_trained_to_its_end_whatever_the_decisions_say(store: Store) -> None:
    study = study_of(worth=1e-9)  # nothing is worth a second of training
    workers = Workers(study.prices)
    planned = plan_of(12)
    views: list[View] = []
    coordinator = coordinator_of(
        store.begin(study), study, workers, lambda view, _: views.append(view), planned
    )
    ending, decision = coordinator.run()
    decisions = coordinator.search.decisions()

    assert ending is Ending.PLAN_DONE
    assert [order.params for order in workers.orders] == planned
    assert [order.pruning for order in workers.orders] == [None] * 12
    assert {order.purpose for order in workers.orders} == {Purpose.SEARCH}
    assert [one.after for one in decisions] == list(range(1, 13))
    assert decisions[-1].decision == decision
    assert decisions[6].decision.stop  # and it went on
    assert {view.planned for view in views} == {12}


def test_another_coordinator_continues_a_plan(store: Store) -> None:
    study = study_of()
    planned = plan_of(10)

    def interrupt(_view: View, finished: TrialRecord | None) -> None:
        if finished is not None and len(first.history.trials) == 3:
            first.interrupt()

    workers = Workers(study.prices, slow=lambda order: order.number in (4, 5))
    first = coordinator_of(store.begin(study), study, workers, interrupt, planned)
    ending, _ = first.run()
    first.close()
    assert ending is Ending.INTERRUPTED
    left = {one.number for one in first.search.running()}
    assert {4, 5} <= left

    again = Workers(study.prices)
    second = coordinator_of(store.open("fake-1"), study, again, plan=planned)
    ending, _ = second.run()
    trained = [one.params for one in second.history.trials]

    assert ending is Ending.PLAN_DONE
    assert {order.number for order in again.orders if order.attempt == 2} == left
    assert sorted(trained, key=lambda one: one["x"]) == planned
    assert second.search.running() == ()


def test_the_budget_ends_a_plan(store: Store) -> None:
    study = study_of(money=10.0, workers=2)
    workers = Workers(study.prices)
    coordinator = coordinator_of(store.begin(study), study, workers, plan=plan_of(40))
    ending, _ = coordinator.run()

    assert ending is Ending.BUDGET_SPENT
    assert 5 <= len(coordinator.history.trials) <= 7  # a quarter is kept for confirmation
    assert coordinator.ledger.spent.money <= 7.5


def test_points_that_a_rule_forbids_by_now_are_skipped_and_counted(store: Store) -> None:
    study = study_of()
    odd: list[Params] = [{"x": 0.5, "depth": depth, "act": "left"} for depth in (2, 3, 5, 4, 7)]
    workers = Workers(study.prices)
    coordinator = coordinator_of(store.begin(study), study, workers, plan=odd)
    coordinator.queue.exclude({"even": Excluded(6, odd[1])})
    ending, _ = coordinator.run()

    assert ending is Ending.PLAN_DONE
    assert [order.params["depth"] for order in workers.orders] == [2, 4]
    assert coordinator.queue.excluded == {"even": 9}
    later = coordinator_of(coordinator.search, study, workers, plan=odd)
    assert later.queue.excluded == {"even": 9}


def test_a_plan_can_be_stopped_by_hand(store: Store) -> None:
    study = study_of()
    workers = Workers(study.prices, slow=lambda order: order.number >= 3)

    def stop(_view: View, finished: TrialRecord | None) -> None:
        if finished is not None:
            control.give(coordinator.control, "stop")

    coordinator = coordinator_of(store.begin(study), study, workers, stop, plan_of(20))
    ending, _ = coordinator.run()

    assert ending is Ending.STOPPED_BY_HAND
    assert len(coordinator.history.trials) < 20


@pytest.mark.parametrize(("worth", "again"), [(10.0, False), (2000.0, True)])
def test_leaders_are_repeated_while_the_gain_exceeds_the_cost(
    store: Store, worth: float, again: bool
) -> None:
    study = study_of(trials=30, worth=worth)
    workers = Workers(study.prices)
    search = store.begin(study)
    coordinator = coordinator_of(search, study, workers)
    coordinator.run()
    confirmed = confirm(coordinator, Ending.BUDGET_SPENT)
    asked_for = 3 * 2  # two leaders and the default, two seeds each

    assert (len(coordinator.confirmations) > asked_for) is again
    assert len(coordinator.confirmations) <= asked_for + 30
    assert confirmed[-1].name == "default"
    assert len(confirmed[-1].validation) == 2  # it leads nothing, and is not trained again
    assert sum(len(one.validation) for one in confirmed) == len(coordinator.confirmations)


def test_a_priced_search_decides_by_its_estimate_even_after_a_kill(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = replace(study_of(trials=60, worth=5.0, workers=1), sampler="priced")
    workers = Workers(study.prices)
    search = store.begin(study)
    decide = Search.decide

    def killed(self: Search, decided: DecisionRecord) -> None:
        if "offer_cost" in decided.decision.evidence:
            raise InterruptedError
        decide(self, decided)

    monkeypatch.setattr(Search, "decide", killed)
    with pytest.raises(InterruptedError):
        coordinator_of(search, study, workers).run()
    monkeypatch.undo()
    told = len(search.history().trials)
    assert max(one.after for one in search.decisions()) == told - 1

    again = store.open(search.info.search)
    ending, decision = coordinator_of(again, study, workers).run()
    offered = [one for one in again.decisions() if "offer_cost" in one.decision.evidence]
    assert ending is Ending.NOT_WORTH_CONTINUING
    assert "offer_cost" in decision.evidence
    assert offered[0].after == told


def test_if_most_trials_are_pruned_a_good_one_still_has_time_to_finish(store: Store) -> None:
    study = replace(study_of(trials=25, workers=1), sampler="priced")
    workers = Workers(study.prices, lambda _order: 40, pruned=lambda order: order.number > 4)
    coordinator_of(store.begin(study), study, workers).run()

    deadlines = [one.deadline_seconds for one in workers.orders if one.deadline_seconds is not None]
    assert len(deadlines) > 15
    assert min(deadlines) > 40 * EPOCH
