"""Trials that were running when an earlier process ended: resumed from their checkpoints."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from satisfice.domain.economics.cost import Cost
from satisfice.domain.space.space import Params
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import Failure, History, Purpose, TrialRecord
from satisfice.domain.trials.orders import TrialOrder
from satisfice.flows.coordination.audits import Auditor
from satisfice.flows.coordination.budget import BudgetTracker
from satisfice.flows.coordination.orders import OrderBook, without_result
from satisfice.flows.coordination.workers import Workers
from satisfice.tasks.storage.store import Search


@dataclass
class StaleTrials:
    """Resumes the trials that an earlier process left running, as far as the budget allows.

    Attributes:
        search: The search in the store.
        orders: Writes their next orders.
        auditor: Knows what is left of each rule's share for audits.
        budget: The budget of the search.
        workers: The workers of the search.
        give: Gives an order to a worker, with the most that it may cost.
        record: Records a trial that is not resumed.
    """

    search: Search
    orders: OrderBook
    auditor: Auditor
    budget: BudgetTracker
    workers: Workers
    give: Callable[[TrialOrder, Cost], None]
    record: Callable[[TrialRecord], None]
    _left: deque[TrialRecord] = field(default_factory=deque, init=False)

    def __len__(self) -> int:
        return len(self._left)

    @property
    def params(self) -> list[Params]:
        """Their configurations."""
        return [one.params for one in self._left]

    def find(self, purposes: Iterable[Purpose]) -> None:
        """Find the running trials of some purposes in the store."""
        self._left = deque(one for one in self.search.running() if one.purpose in purposes)

    def resume_next(self, ending: Ending | None, history: History) -> bool:
        """Resume the next one, or record why not; return whether another one may follow.

        Args:
            ending: Why the search begins no further trial; None where it does.
            history: The finished trials.
        """
        if not self._left or ending is Ending.INTERRUPTED:
            return False
        if ending is Ending.STOPPED_BY_HAND:
            self._give_up(Failure.STOPPED, "stopped before it was resumed")
        elif not self.workers.free or self.budget.clock.paused:
            return False
        elif (cost := self._affordable(self._left[0], history)) is not None:
            self._resume(cost)
        elif self.workers.orders:
            return False  # these may cost less than was reserved for them
        else:
            self._give_up(Failure.LOST, "no budget was left to resume it")
        return True

    def _affordable(self, trial: TrialRecord, history: History) -> Cost | None:
        limits, free = self.budget.for_repeats, self.workers.free
        if trial.audit is None:
            return self.budget.affordable(limits, history, free)
        share = self.auditor.left_for(trial, self.budget.ledger)
        return self.budget.affordable(limits, history, free, share, expected=0.0)

    def _resume(self, cost: Cost) -> None:
        trial = self._left.popleft()
        verdict = self.search.verdict(trial.number)
        attempt = self.search.next_attempt(trial.number)
        self.give(self.orders.order(trial, verdict, attempt, cost), cost)

    def _give_up(self, failure: Failure, reason: str) -> None:
        trial = self._left.popleft()
        prices = self.orders.study.prices
        record = without_result(trial, self.search.info.search, prices, failure, reason)
        self.budget.reserve(trial.number, record.cost)  # what its attempts have cost
        self.record(record)
