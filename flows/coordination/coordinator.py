"""One search in progress: the only one who asks and tells.

The coordinator holds what a search needs in memory (history, ledger, orders in flight) and writes
each fact to the store first, so that another coordinator can take over after a crash. Workers get a
`TrialOrder` and return a `TrialResult`; they never see the store.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.decisions.replay import circumstances
from satisfice.domain.decisions.situation import Pending, Situation
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.economics.cost import NO_LIMIT, Budget, Cost, Ledger
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import Params, key_of
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.domain.trials.feasibility import margins, shortfall
from satisfice.domain.trials.history import Failure, History, Purpose, TrialRecord, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.domain.trials.reservation import PATIENCE
from satisfice.flows.coordination.audits import Auditor
from satisfice.flows.coordination.budget import BudgetTracker
from satisfice.flows.coordination.clock import SearchClock
from satisfice.flows.coordination.next_trial import TrialQueue, TrialRequest
from satisfice.flows.coordination.orders import (
    OrderBook,
    order_facts,
    record_of,
    result_facts,
    trial_of,
    without_result,
)
from satisfice.flows.coordination.snapshot import View
from satisfice.tasks.files import control, events
from satisfice.tasks.files.home import search_folder, trial_folder
from satisfice.tasks.files.live import LiveView
from satisfice.tasks.sampling.warm_start import HeadStart
from satisfice.tasks.storage.store import Search
from satisfice.tasks.trial.progress import LOG, Progress
from satisfice.tasks.trial.pruning import write_snapshot


class Future(Protocol):
    """What submitting an order gives back."""

    def result(self) -> TrialResult:
        """Return the result; raises what the worker raised."""

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Call `fn` when the result is there."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that is to be confirmed, with what the rules said of it."""

    params: Params
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Flight:
    order: TrialOrder
    future: Future


@dataclass
class Coordinator:
    """Runs the trials of one search.

    Attributes:
        study: The specification.
        search: The search in the store.
        digest: Digest of the data that the gate passed.
        submit: Hands an order to a worker.
        predict: Counts what is known of a configuration before it is trained; what is learnt of
            the trials comes on top (`domain.prediction.predictor`).
        show: Called with a view a few times a second and with each finished trial.
        epoch_seconds: A stated duration of an epoch in place of the clock's.
        plan: The configurations of a sweep, in order; None: whatever the sampler proposes. A plan
            is trained to its end: what decides of a search is recorded, and does not stop it.
        start: What earlier searches have found out.
    """

    study: Study
    search: Search
    digest: str
    submit: Callable[[TrialOrder], Future]
    predict: Callable[[Params], Mapping[str, float]]
    show: Callable[[View, TrialRecord | None], None]
    epoch_seconds: float | None = None
    plan: Sequence[Params] | None = None
    start: HeadStart = HeadStart()

    def __post_init__(self) -> None:
        info = self.search.info
        self.folder = search_folder(info.search)
        self.control = self.folder / "control.json"
        journal = self.folder / "journal.jsonl"
        facts, _ = events.read(journal)
        self.journal = events.EventLog(journal)
        prunes = self.plan is None
        self.orders = OrderBook(self.study, info.search, self.digest, self.epoch_seconds, prunes)
        self.history = self.search.history()
        self.predictor = Predictor(self.study, self.predict)
        self.predictor.learn(self.history.trials)
        self.asking = TrialQueue(
            self.study,
            self.search,
            self.predictor,
            self.journal,
            facts,
            self.plan,
            self.start,
        )
        self.auditor = Auditor(self.study, self.search, self.predictor, self.journal, facts)
        self.clock = SearchClock(info.elapsed)
        ledger = self.search.ledger(self.study.budget)
        self.purse = BudgetTracker(self.study, self.clock, ledger, self.start.seconds)
        self.live = LiveView()
        self.confirmations = list(self.search.confirmations())
        self.decision = Decision.to_continue("no trial has finished yet")
        self.phase = "searching"
        self.interrupted = False
        self._flights: dict[int, _Flight] = {}
        self._stale: deque[TrialRecord] = deque()  # in flight when an earlier process ended
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._saved = 0.0
        self._untold: list[TrialRecord] = []  # finished, and not shown yet
        control.give(self.control, "run")

    # -- what a caller asks for ---------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """What is spent and promised, as it stands."""
        return self.purse.now()

    def interrupt(self) -> None:
        """Let what runs save itself and end; the search can be resumed later."""
        self.interrupted = True
        control.give(self.control, "stop")

    def run(self) -> tuple[Ending, Decision]:
        """Search until the decision, the end of a plan, the budget or somebody says stop.

        Returns:
            Why the search ended, and the last decision.
        """
        self._reconcile((Purpose.SEARCH, Purpose.DEFAULT, Purpose.AUDIT))
        if self.history.trials:
            recorded = self._recorded()
            if recorded is None:
                decided = self._decide()
                self.search.decide(decided)
                self._note(decided)
            else:
                self.decision = recorded
        ending: Ending | None = None
        while True:
            ending = self._reason_to_leave() or ending
            self._take_up(ending)
            if ending is None and self.decision.stop and self.plan is None:
                spent = self.decision.evidence.get("affordable") == 0
                ending = Ending.BUDGET_SPENT if spent else Ending.NOT_WORTH_CONTINUING
            while ending is None and self._is_free():
                if self.asking.is_done:
                    ending = Ending.PLAN_DONE
                elif not self._begin_next():
                    # What runs may take less than was promised to it: then there is more to spend.
                    ending = None if self._flights else self._unaffordable()
                    break
            if ending is not None and self._is_drained(ending):
                self._show()
                if ending is Ending.STOPPED_BY_HAND:
                    control.give(self.control, "run")  # obeyed; confirmations may begin
                return self._ended(ending), self.decision
            self._step()

    def confirm(self, candidates: Sequence[Candidate], seeds: int) -> None:
        """Train configurations again with fresh seeds, as far as the whole budget allows.

        The seeds go round the candidates, so that a budget that runs out cuts all of them short
        alike. What an earlier process has confirmed already counts. The results are in
        `confirmations`.
        """
        self.phase = "confirming"
        self._reconcile((Purpose.CONFIRMATION,))
        known = self._confirming()
        todo = [
            one
            for turn in range(seeds)
            for one in candidates
            if turn >= sum(key_of(each) == key_of(one.params) for each in known)
        ]
        while True:
            leaving = self._reason_to_leave()
            self._take_up(leaving)
            while todo and leaving is None and self._is_free():
                cost = self._affordable(self.purse.for_repeats)
                if cost is None:
                    if not self._flights:
                        todo.clear()
                    break
                one = todo.pop(0)
                self._begin(TrialRequest(one.params, one.verdict, Purpose.CONFIRMATION), cost)
            if (leaving is not None or not todo) and self._is_drained(leaving):
                self._show()
                return
            self._step()

    def situation(self) -> Situation:
        """Return all that a decision may look at."""
        promised = dict(self.purse.ledger.reserved)
        taken = {one.number: one.seconds for one in self.live.refresh()}
        pending = tuple(
            Pending(number, flight.order.params, promised[number], taken[number])
            for number, flight in self._flights.items()
            if flight.order.purpose.competes  # the others bring no gain
        )
        known = (*self.start.known, *self.history.trials)
        return Situation(
            history=History(known, self.history.direction),
            worth=self.study.worth,
            prices=self.study.prices,
            left=self.purse.expected_left(self.history),
            pending=pending,
            workers=self._workers(),
            space=self.study.space,
        )

    def close(self) -> None:
        """Save the clock and close the journal."""
        self.search.advance(self.clock.elapsed())
        self.journal.close()

    # -- asking -------------------------------------------------------------------------------

    def _begin_next(self) -> bool:
        """Begin what is trained next; return whether there may be more at the moment."""
        budget = self.purse.for_search
        cost, wanted = self._affordable(budget), None
        if cost is None:
            return False
        if self.plan is None:
            promise = partial(self._affordable, budget)
            wanted = self.auditor.next(self.history, self.purse.ledger, promise)
        wanted = wanted or self.asking.next(self.history, len(self._flights))
        if wanted is not None:
            self._begin(wanted, wanted.most or self._at_most(wanted, budget) or cost)
        return wanted is not None or self.asking.is_done

    def _at_most(self, wanted: TrialRequest, budget: Budget) -> Cost | None:
        """Return the most that a trial may take of which something is expected; None: unknown."""
        spent = self.history.spent
        if wanted.offer is None or not (wanted.offer.cost > 0 and spent.money > 0):
            return None
        seconds = PATIENCE * wanted.offer.cost * spent.seconds / spent.money
        return self._affordable(budget, Budget(seconds=seconds), expected=0.0)

    def _begin(self, wanted: TrialRequest, cost: Cost) -> None:
        params, verdict, purpose = wanted.params, wanted.verdict, wanted.purpose
        seed = wanted.seed
        if seed is None:
            seed = self.orders.seed(self.search.next_number())
        number = self.search.begin_trial(
            params, self.study.space, seed, purpose, verdict, wanted.notes, wanted.audit
        )
        if wanted.audit is not None:
            self.auditor.begin(number, wanted.audit)
        begun = TrialRecord(
            number, params, TrialState.RUNNING, seed=seed, purpose=purpose, audit=wanted.audit
        )
        self._give(self.orders.order(begun, verdict, 1, cost), cost, wanted.seconds)

    def _give(self, order: TrialOrder, cost: Cost, asking: float = 0.0) -> None:
        self.purse.promise(order.number, cost)
        self.live.follow(order.number, order.params, Path(order.folder) / "events.jsonl")
        self.journal.append("trial", **order_facts(order, asking))
        future = self.submit(order)
        self._flights[order.number] = _Flight(order, future)
        future.add_done_callback(lambda _future: self._done.put(order.number))

    def _affordable(
        self, budget: Budget, share: Budget = NO_LIMIT, expected: float | None = None
    ) -> Cost | None:
        free = self._workers() - len(self._flights)
        return self.purse.affordable(budget, self.history, free, share, expected)

    # -- telling ------------------------------------------------------------------------------

    def _step(self) -> None:
        """Show how things stand, wait a moment, and take in what has finished.

        A worker that has become free gets its next order before anybody is told of the last one.
        """
        self._show()
        try:
            number = self._done.get(timeout=0.2)
        except queue.Empty:
            pass
        else:
            self._settle(self._flights.pop(number))
        self._keep_time()

    def _show(self) -> None:
        view = self.view()
        for record in self._untold:
            self.show(view, record)
        self._untold.clear()
        self.show(view, None)

    def _settle(self, flight: _Flight) -> None:
        order = flight.order
        self.live.forget(order.number)
        try:
            result = flight.future.result()
        except Exception as error:  # noqa: BLE001 - a lost worker must not end the search
            why = f"the worker was lost: {error}"
            self._take_in(self._without_result(trial_of(order), Failure.LOST, why))
            return
        if result.state is TrialState.RUNNING and self.interrupted:
            self.purse.release(order.number)
            return  # it stays RUNNING in the store: `resume` goes on from its checkpoint
        self._take_in(record_of(order, result))

    def _take_in(self, record: TrialRecord) -> None:
        record = replace(record, margins=margins(self.study.soft_rules, record))
        counts = record.purpose is not Purpose.CONFIRMATION
        self.purse.settle(record.number, record.cost, counts)
        if not record.purpose.competes:
            self._tell(record)
        if record.purpose is Purpose.CONFIRMATION:
            self.confirmations.append(record)
        elif record.purpose is Purpose.AUDIT:
            self.auditor.take_in(record)
        else:
            self.history = History((*self.history.trials, record), self.history.direction)
            # What still runs cannot call a search back that has ended; a plan goes on.
            decides = not self.decision.stop or self.plan is not None
            self._tell_and_decide(record) if decides else self._tell(record)
            self.predictor.learn([record])
            write_snapshot(
                self.folder / "pruning.json", self.history, self.study.worth, self.study.prices
            )
        self._untold.append(record)

    def _tell(self, record: TrialRecord, decided: DecisionRecord | None = None) -> None:
        self.search.tell(record, decided)
        self.journal.append("result", **result_facts(record))
        if decided is not None:
            self._note(decided)

    def _tell_and_decide(self, record: TrialRecord) -> None:
        if not self.asking.weighs_cost:
            self._tell(record, self._decide())
            return
        self._tell(record)  # what is proposed next, and its offer, are learnt from it
        decided = self._decide()
        self.search.decide(decided)
        self._note(decided)

    def _decide(self) -> DecisionRecord:
        """Decide by the values, and where these say stop, by the offer of the next proposal too."""
        situation = self.situation()
        decision = decide(situation)
        if decision.stop and self.asking.weighs_cost:
            situation = replace(situation, offer=self.asking.offer())
            decision = decide(situation)
        evidence = {**decision.evidence, **circumstances(situation)}
        self.decision = replace(decision, evidence=evidence)
        return DecisionRecord("search", len(self.history.trials), self.decision, time.time())

    def _note(self, decided: DecisionRecord) -> None:
        self.journal.append(
            "decision", place=decided.place, after=decided.after, **asdict(decided.decision)
        )

    def _reason_to_leave(self) -> Ending | None:
        if self.interrupted:
            return Ending.INTERRUPTED
        if control.command(self.control) == "stop":
            return Ending.STOPPED_BY_HAND
        return None

    def _unaffordable(self) -> Ending:
        why = self.asking.why_nothing(self.history)
        if why:
            said = filter(None, (shortfall(self.history), why))
            self.decision = Decision.to_stop("; ".join(said))
            return Ending.NOTHING_ALLOWED
        return Ending.BUDGET_SPENT if self.history.trials else Ending.NOTHING_AFFORDABLE

    def _ended(self, ending: Ending) -> Ending:
        trials = self.history.trials
        by_hand = ending in (Ending.INTERRUPTED, Ending.STOPPED_BY_HAND)
        if by_hand or not trials or self.history.feasible:
            return ending
        if self.history.complete:  # a plan is done all the same: it was not run for a winner
            return Ending.NOTHING_FEASIBLE if self.plan is None else ending
        if ending is Ending.BUDGET_SPENT and all(one.failure is Failure.OVERRAN for one in trials):
            return Ending.NOTHING_AFFORDABLE
        return Ending.NOTHING_WORKED

    # -- keeping house ------------------------------------------------------------------------

    def view(self) -> View:
        """Return how things stand."""
        phase = self.phase
        if self.interrupted:
            phase = "saving"
        elif self.clock.paused:
            phase = "paused"
        planned = None if self.plan is None else len(self.plan)
        return View(phase, self.history, self.live.refresh(), self.ledger, self.decision, planned)

    def _recorded(self) -> Decision | None:
        """Return the decision of an earlier process that still stands, if there is one."""
        records = self.search.decisions()
        if not records or "affordable" in records[-1].decision.evidence:
            return None  # this process may have been given another budget
        last = records[-1]
        current = last.after == len(self.history.trials)
        return last.decision if last.decision.stop or current else None

    def _reconcile(self, purposes: Iterable[Purpose]) -> None:
        """Find the trials that an earlier process left in flight."""
        left = self.search.running()
        self._stale = deque(one for one in left if one.purpose in purposes)

    def _take_up(self, ending: Ending | None) -> None:
        """Go on with what an earlier process left in flight, unless somebody says stop."""
        while self._stale and ending is not Ending.INTERRUPTED:
            if ending is Ending.STOPPED_BY_HAND:
                self._give_up(self._stale.popleft(), Failure.STOPPED, "stopped before it resumed")
            elif not self._is_free():
                return
            elif (cost := self._affordable_again(self._stale[0])) is not None:
                self._resume(self._stale.popleft(), cost)
            elif self._flights:
                return  # what runs may take less than was promised to it
            else:
                no_budget = "no budget was left to resume it"
                self._give_up(self._stale.popleft(), Failure.LOST, no_budget)

    def _affordable_again(self, left: TrialRecord) -> Cost | None:
        if left.audit is None:
            return self._affordable(self.purse.for_repeats)
        share = self.auditor.left_for(left, self.purse.ledger)
        return self._affordable(self.purse.for_repeats, share, expected=0.0)

    def _resume(self, left: TrialRecord, cost: Cost) -> None:
        verdict = self.search.verdict(left.number)
        attempt = self.search.next_attempt(left.number)
        self._give(self.orders.order(left, verdict, attempt, cost), cost)

    def _give_up(self, left: TrialRecord, failure: Failure, reason: str) -> None:
        """Record a trial that is not resumed, with what its attempts have cost."""
        record = self._without_result(left, failure, reason)
        self.purse.promise(left.number, record.cost)
        self._take_in(record)

    def _without_result(self, trial: TrialRecord, failure: Failure, reason: str) -> TrialRecord:
        progress = Progress(trial_folder(self.search.info.search, trial.number) / LOG)
        progress.follow()
        return without_result(trial, progress, self.study.prices, failure, reason)

    def _keep_time(self) -> None:
        if control.command(self.control) == "pause":
            self.clock.pause()
        else:
            self.clock.go_on()
        if time.monotonic() - self._saved > 1.0:
            self.search.advance(self.clock.elapsed())
            self._saved = time.monotonic()

    def _workers(self) -> int:
        return self.study.resources.workers

    def _is_drained(self, ending: Ending | None) -> bool:
        return not self._flights and (not self._stale or ending is Ending.INTERRUPTED)

    def _is_free(self) -> bool:
        return len(self._flights) < self._workers() and not self.clock.paused

    def _confirming(self) -> list[Params]:
        """Return the configurations that an earlier process has confirmed or begun to confirm."""
        return [one.params for one in (*self.confirmations, *self._stale)]
