"""The decisions of one search: made after each trial, recorded in the store and the journal."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.decisions.replay import circumstances
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.summary import Ending
from satisfice.domain.trials.feasibility import shortfall
from satisfice.domain.trials.history import History
from satisfice.flows.coordination.next_trial import TrialQueue
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.storage.store import Search


class Decisions:
    """Decides whether a search goes on.

    Args:
        search: The search in the store.
        queue: Estimates the next trial.
        journal: Where decisions are noted for tracking.

    Attributes:
        last: The last decision.
    """

    def __init__(self, search: Search, queue: TrialQueue, journal: EventLog) -> None:
        self._search, self._queue, self._journal = search, queue, journal
        self.last = Decision.to_continue("no trial has finished yet")

    def decide(self, situation: Situation, after: int) -> DecisionRecord:
        """Decide by the values; if they say stop, by the estimate of the next trial as well.

        Args:
            situation: The search now.
            after: How many of its trials have finished.
        """
        decision = decide(situation)
        if decision.stop and self._queue.weighs_cost:
            situation = replace(situation, offer=self._queue.estimate())
            decision = decide(situation)
        evidence = {**decision.evidence, **circumstances(situation)}
        self.last = replace(decision, evidence=evidence)
        return DecisionRecord("search", after, self.last, time.time())

    def record(self, decided: DecisionRecord) -> None:
        """Record a decision that is not recorded with a trial."""
        self._search.decide(decided)
        self.note(decided)

    def note(self, decided: DecisionRecord) -> None:
        """Note a decision in the journal."""
        decision = asdict(decided.decision)
        self._journal.append("decision", place=decided.place, after=decided.after, **decision)

    def restore(self, after: int) -> bool:
        """Take over the last decision of an earlier process; return whether it still stands.

        Args:
            after: How many trials have finished.
        """
        records = self._search.decisions()
        if not records or "affordable" in records[-1].decision.evidence:
            return False  # the budget decided, and this process may have been given another one
        last = records[-1]
        stands = last.decision.stop or last.after == after
        if stands:
            self.last = last.decision
        return stands

    def ending(self) -> Ending | None:
        """Return how the last decision ends the search; None where it goes on."""
        if not self.last.stop:
            return None
        spent = self.last.evidence.get("affordable") == 0
        return Ending.BUDGET_SPENT if spent else Ending.NOT_WORTH_CONTINUING

    def nothing_more(self, history: History) -> Ending:
        """Return why no further trial can begin: the rules or the budget allow none."""
        why = self._queue.why_nothing(history)
        if why:
            reasons = filter(None, (shortfall(history), why))
            self.last = Decision.to_stop("; ".join(reasons))
            return Ending.NOTHING_ALLOWED
        return Ending.BUDGET_SPENT if history.trials else Ending.NOTHING_AFFORDABLE
