"""One search in progress: proposes trials, gives them to workers, records results, and decides.

The coordinator keeps in memory what a search needs (history, ledger, orders in flight). It writes
each fact to the store first, so that another coordinator can take over after a crash. Workers get a
`TrialOrder` and return a `TrialResult`; they never access the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.decisions.situation import Pending, Situation
from satisfice.domain.economics.cost import NO_LIMIT, Budget, Cost, Ledger
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import Params, key_of
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending, final_ending
from satisfice.domain.trials.feasibility import margins
from satisfice.domain.trials.history import Failure, History, Purpose, TrialRecord, TrialState
from satisfice.domain.trials.orders import (
    TrialOrder,
    TrialResult,
    record_of,
    trial_of,
    trial_seed,
)
from satisfice.domain.trials.reservation import limit_for
from satisfice.flows.coordination.audits import Auditor
from satisfice.flows.coordination.budget import BudgetTracker
from satisfice.flows.coordination.clock import SearchClock
from satisfice.flows.coordination.decisions import Decisions
from satisfice.flows.coordination.next_trial import TrialQueue, TrialRequest
from satisfice.flows.coordination.orders import (
    OrderBook,
    order_facts,
    result_facts,
    without_result,
)
from satisfice.flows.coordination.recovery import StaleTrials
from satisfice.flows.coordination.snapshot import View
from satisfice.flows.coordination.workers import Future, Workers
from satisfice.tasks.files import control, events
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.sampling.warm_start import HeadStart
from satisfice.tasks.storage.store import Search
from satisfice.tasks.trial.pruning import write_snapshot

_POLL = 0.2  # seconds between two views


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that is to be confirmed, with what the rules said of it."""

    params: Params
    verdict: Verdict


@dataclass
class Coordinator:
    """Runs the trials of one search.

    Attributes:
        study: The specification.
        search: The search in the store.
        digest: Digest of the data that passed the gate.
        submit: Gives an order to a worker.
        predict: Counts what is known of a configuration before it is trained. What is learnt from
            trials is added to that (`domain.prediction.predictor`).
        show: Called with a view a few times a second and with each finished trial.
        epoch_seconds: A fixed duration of an epoch, used in place of the clock.
        plan: The configurations of a sweep, in order; None: the sampler proposes. A plan is trained
            to its end: decisions are recorded, and do not stop it.
        start: What is known from earlier searches.
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
        study, search, info = self.study, self.search, self.search.info
        self.folder = search_folder(info.search)
        self.control = self.folder / "control.json"
        journal = self.folder / "journal.jsonl"
        facts, _ = events.read(journal)
        self.journal = events.EventLog(journal)
        self.history = search.history()
        self.confirmations = list(search.confirmations())
        self.phase = "searching"
        self.interrupted = False
        self.clock = SearchClock(info.elapsed)
        self.budget = BudgetTracker(
            study, self.clock, search.ledger(study.budget), self.start.seconds
        )
        self.predictor = Predictor(study, self.predict)
        self.predictor.learn(self.history.trials)
        self.queue = TrialQueue(
            study, search, self.predictor, self.journal, facts, self.plan, self.start
        )
        self.decisions = Decisions(search, self.queue, self.journal)
        self.auditor = Auditor(study, search, self.predictor, self.journal, facts)
        prunes = self.plan is None
        self.orders = OrderBook(study, info.search, self.digest, self.epoch_seconds, prunes)
        self.workers = Workers(self.submit, study.resources.workers)
        self._stale = StaleTrials(
            search, self.orders, self.auditor, self.budget, self.workers, self._give, self._record
        )
        self._saved = 0.0
        self._not_shown: list[TrialRecord] = []  # finished trials
        control.give(self.control, "run")

    # -- what a caller asks for ---------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """What is spent and reserved now."""
        return self.budget.now()

    def interrupt(self) -> None:
        """Let running trials save a checkpoint and end; the search can be resumed later."""
        self.interrupted = True
        control.give(self.control, "stop")

    def run(self) -> tuple[Ending, Decision]:
        """Search until the decision, the end of the plan, the budget or a user ends it.

        Returns:
            Why the search ended, and the last decision.
        """
        self._stale.find((Purpose.SEARCH, Purpose.DEFAULT, Purpose.AUDIT))
        self._restore_decision()
        ending: Ending | None = None
        while True:
            ending = self._ended_by_user() or ending
            self._resume_stale(ending)
            ending = ending or self._ended_by_decision() or self._fill_workers()
            if ending is not None and self._is_drained(ending):
                self._show()
                if ending is Ending.STOPPED_BY_HAND:
                    control.give(self.control, "run")  # so that confirmations may begin
                is_sweep = self.plan is not None
                return final_ending(ending, self.history, is_sweep=is_sweep), self.decisions.last
            self._step()

    def confirm(self, candidates: Sequence[Candidate], seeds: int) -> None:
        """Train configurations again with fresh seeds, as far as the whole budget allows.

        Each candidate gets its first seed before any gets a second one, so that a budget that runs
        out costs all of them alike. Confirmations of earlier processes count. The results are in
        `confirmations`.
        """
        self.phase = "confirming"
        self._stale.find((Purpose.CONFIRMATION,))
        known = [*(one.params for one in self.confirmations), *self._stale.params]
        todo = [
            one
            for turn in range(seeds)
            for one in candidates
            if turn >= sum(key_of(params) == key_of(one.params) for params in known)
        ]
        while True:
            ending = self._ended_by_user()
            self._resume_stale(ending)
            while todo and ending is None and self._is_free():
                cost = self._affordable(self.budget.for_repeats)
                if cost is None:
                    if not self.workers.orders:
                        todo.clear()
                    break
                one = todo.pop(0)
                self._begin(TrialRequest(one.params, one.verdict, Purpose.CONFIRMATION), cost)
            if (ending is not None or not todo) and self._is_drained(ending):
                self._show()
                return
            self._step()

    def situation(self) -> Situation:
        """Return all that a decision may look at."""
        reserved = dict(self.budget.ledger.reserved)
        elapsed = {one.number: one.seconds for one in self.workers.running()}
        pending = tuple(
            Pending(order.number, order.params, reserved[order.number], elapsed[order.number])
            for order in self.workers.orders
            if order.purpose.competes  # the others bring no gain
        )
        known = (*self.start.known, *self.history.trials)
        return Situation(
            history=History(known, self.history.direction),
            worth=self.study.worth,
            prices=self.study.prices,
            left=self.budget.expected_left(self.history),
            pending=pending,
            workers=self.study.resources.workers,
            space=self.study.space,
        )

    def view(self) -> View:
        """Return the search as it is now."""
        phase = self.phase
        if self.interrupted:
            phase = "saving"
        elif self.clock.paused:
            phase = "paused"
        planned = None if self.plan is None else len(self.plan)
        return View(
            phase, self.history, self.workers.running(), self.ledger, self.decisions.last, planned
        )

    def close(self) -> None:
        """Save the clock and close the journal."""
        self.search.advance(self.clock.elapsed())
        self.journal.close()

    # -- giving orders ------------------------------------------------------------------------

    def _resume_stale(self, ending: Ending | None) -> None:
        while self._stale.resume_next(ending, self.history):
            pass

    def _fill_workers(self) -> Ending | None:
        """Give every free worker an order; return why no further trial begins, if that is so."""
        while self._is_free():
            if self.queue.is_done:
                return Ending.PLAN_DONE
            if not self._begin_next():
                # Orders in flight may cost less than was reserved: then more becomes affordable.
                return None if self.workers.orders else self.decisions.nothing_more(self.history)
        return None

    def _begin_next(self) -> bool:
        """Begin the next trial; return whether another one may follow at once."""
        limits = self.budget.for_search
        cost, request = self._affordable(limits), None
        if cost is None:
            return False
        if self.plan is None:
            reserve = partial(self._affordable, limits)
            request = self.auditor.next(self.history, self.budget.ledger, reserve)
        request = request or self.queue.next(self.history, len(self.workers.orders))
        if request is not None:
            self._begin(request, request.most or self._limit_of(request, limits) or cost)
        return request is not None or self.queue.is_done

    def _limit_of(self, request: TrialRequest, limits: Budget) -> Cost | None:
        """Return the most that a trial may cost by its estimate; None where there is none."""
        estimate = request.estimate
        limit = None if estimate is None else limit_for(estimate.cost, self.history.spent)
        return None if limit is None else self._affordable(limits, limit, expected=0.0)

    def _begin(self, request: TrialRequest, cost: Cost) -> None:
        params, verdict, purpose = request.params, request.verdict, request.purpose
        seed = request.seed
        if seed is None:
            seed = trial_seed(self.study.seed, self.search.next_number())
        number = self.search.begin_trial(
            params, self.study.space, seed, purpose, verdict, request.notes, request.audit
        )
        if request.audit is not None:
            self.auditor.begin(number, request.audit)
        begun = TrialRecord(
            number, params, TrialState.RUNNING, seed=seed, purpose=purpose, audit=request.audit
        )
        self._give(self.orders.order(begun, verdict, 1, cost), cost, request.seconds)

    def _give(self, order: TrialOrder, cost: Cost, asking: float = 0.0) -> None:
        self.budget.reserve(order.number, cost)
        self.journal.append("trial", **order_facts(order, asking))
        self.workers.give(order)

    def _affordable(
        self, limits: Budget, share: Budget = NO_LIMIT, expected: float | None = None
    ) -> Cost | None:
        free = self.workers.free
        return self.budget.affordable(limits, self.history, free, share, expected)

    def _is_free(self) -> bool:
        return self.workers.free > 0 and not self.clock.paused

    def _is_drained(self, ending: Ending | None) -> bool:
        return not self.workers.orders and (not self._stale or ending is Ending.INTERRUPTED)

    # -- recording results --------------------------------------------------------------------

    def _step(self) -> None:
        """Show the search, wait a moment, and record what has finished.

        A worker that becomes free gets its next order before its last trial is shown.
        """
        self._show()
        finished = self.workers.wait(_POLL)
        if finished is not None:
            self._settle(*finished)
        self._keep_time()

    def _show(self) -> None:
        view = self.view()
        for record in self._not_shown:
            self.show(view, record)
        self._not_shown.clear()
        self.show(view, None)

    def _settle(self, order: TrialOrder, result: TrialResult | Exception) -> None:
        if isinstance(result, Exception):
            self._record(
                without_result(
                    trial_of(order),
                    order.search,
                    self.study.prices,
                    Failure.LOST,
                    f"the worker was lost: {result}",
                )
            )
        elif result.state is TrialState.RUNNING and self.interrupted:
            self.budget.release(order.number)  # RUNNING in the store: `resume` continues it
        else:
            self._record(record_of(order, result))

    def _record(self, record: TrialRecord) -> None:
        record = replace(record, margins=margins(self.study.soft_rules, record))
        counts = record.purpose is not Purpose.CONFIRMATION
        self.budget.settle(record.number, record.cost, counts)
        if record.purpose.competes:
            self._record_competing(record)
        else:
            self._tell(record)
            if record.purpose is Purpose.CONFIRMATION:
                self.confirmations.append(record)
            else:
                self.auditor.take_in(record)
        self._not_shown.append(record)

    def _record_competing(self, record: TrialRecord) -> None:
        self.history = History((*self.history.trials, record), self.history.direction)
        # A decision to stop stands, whatever the orders in flight bring; a plan goes on.
        decides = self.plan is not None or not self.decisions.last.stop
        if decides and not self.queue.weighs_cost:
            self._tell(record, self._decide())
        else:
            self._tell(record)
            if decides:  # after it is told, since the estimate of the next trial is learnt from it
                self.decisions.record(self._decide())
        self.predictor.learn([record])
        write_snapshot(
            self.folder / "pruning.json", self.history, self.study.worth, self.study.prices
        )

    def _tell(self, record: TrialRecord, decided: DecisionRecord | None = None) -> None:
        self.search.tell(record, decided)
        self.journal.append("result", **result_facts(record))
        if decided is not None:
            self.decisions.note(decided)

    def _keep_time(self) -> None:
        if control.command(self.control) == "pause":
            self.clock.pause()
        else:
            self.clock.go_on()
        if time.monotonic() - self._saved > 1.0:
            self.search.advance(self.clock.elapsed())
            self._saved = time.monotonic()

    # -- deciding -----------------------------------------------------------------------------

    def _decide(self) -> DecisionRecord:
        return self.decisions.decide(self.situation(), len(self.history.trials))

    def _restore_decision(self) -> None:
        """Take over the decision of an earlier process, or decide again."""
        count = len(self.history.trials)
        if count and not self.decisions.restore(count):
            self.decisions.record(self._decide())

    def _ended_by_user(self) -> Ending | None:
        if self.interrupted:
            return Ending.INTERRUPTED
        if control.command(self.control) == "stop":
            return Ending.STOPPED_BY_HAND
        return None

    def _ended_by_decision(self) -> Ending | None:
        return None if self.plan is not None else self.decisions.ending()
