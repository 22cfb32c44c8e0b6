"""Audits: trials just outside a rule, as often as the share of the rule pays for one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from satisfice.domain.audits.audit import ROOM, left_of_share, partners
from satisfice.domain.economics.cost import NOTHING, Budget, Cost, Ledger, total
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.neighbours import just_outside
from satisfice.domain.rules.predicted import Predicted
from satisfice.domain.rules.rule import Rule
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.trials.history import Audit, History, Purpose, TrialRecord
from satisfice.flows.coordination.next_trial import TrialRequest
from satisfice.tasks.files.events import Event, EventLog
from satisfice.tasks.storage.store import Search

_TRIES = 3  # trials beside which nothing was found, before a rule counts as not auditable

# Returns the most that an order of so many seconds may cost within a budget, if it is affordable.
Reserve: TypeAlias = Callable[[Budget, float], Cost | None]


class Auditor:
    """Proposes audits, and tracks what they cost.

    Args:
        study: The specification.
        search: The search in the store.
        predictor: Gives `predicted.*`.
        journal: Where rules that cannot be audited are noted.
        facts: What earlier processes have noted there.

    Attributes:
        finished: The finished audits.
        not_auditable: By rule id, why a rule cannot be audited.
    """

    def __init__(
        self,
        study: Study,
        search: Search,
        predictor: Predictor,
        journal: EventLog,
        facts: Iterable[Event],
    ) -> None:
        self._study, self._predictor, self._journal = study, predictor, journal
        self._rules = [rule for rule in study.rules.rules if rule.audit]
        self._tried: dict[str, set[int]] = {rule.id: set() for rule in self._rules}
        self.finished = list(search.audits())
        known = (*self.finished, *search.running())
        self._begun = {one.number: one.audit for one in known if one.audit is not None}
        self.not_auditable: dict[str, str] = {
            fact["rule"]: fact["reason"] for fact in facts if fact["kind"] == "not audited"
        }

    def next(self, history: History, ledger: Ledger, reserve: Reserve) -> TrialRequest | None:
        """Return the audit that is due; None where none is.

        Args:
            history: The finished trials.
            ledger: The ledger of the search.
            reserve: Says what an audit may cost.
        """
        for rule in self._rules:
            if rule.id not in self.not_auditable:
                beside = {one.beside for one in self._begun.values() if one.rule == rule.id}
                trials = partners(history, beside | self._tried[rule.id])
                request = self._beside_one_of(trials, rule, self._left(rule, ledger), reserve)
                if request is not None:
                    return request
        return None

    def begin(self, number: int, audit: Audit) -> None:
        """Register an audit that begins."""
        self._begun[number] = audit

    def take_in(self, record: TrialRecord) -> None:
        """Add a finished audit."""
        self.finished.append(record)

    def left_for(self, again: TrialRecord, ledger: Ledger) -> Budget:
        """Return what an audit that is resumed may cost, by the share of its rule."""
        about = self._begun[again.number]
        rule = next(one for one in self._rules if one.id == about.rule)
        return self._left(rule, ledger, but=again.number)

    def _left(self, rule: Rule, ledger: Ledger, but: int = -1) -> Budget:
        costs = dict(ledger.reserved) | {one.number: one.cost for one in self.finished}
        own = [at for at, one in self._begun.items() if one.rule == rule.id and at != but]
        taken = total(costs.get(number, NOTHING) for number in own)
        return left_of_share(rule.audit, ledger, taken, len(own))

    def _beside_one_of(
        self, trials: Sequence[TrialRecord], rule: Rule, left: Budget, reserve: Reserve
    ) -> TrialRequest | None:
        shortest = min((one.cost.seconds for one in trials), default=math.inf)
        # Checked first, since margins take longer to compute.
        if not trials or reserve(left, ROOM * shortest) is None:
            return None
        beside = min(trials, key=lambda one: self._margin(rule, one.params))
        most = reserve(left, ROOM * beside.cost.seconds)
        if most is None:
            return None
        request = self._outside(rule, beside, most)
        if request is None:
            self._tried[rule.id].add(beside.number)
        return request

    def _outside(self, rule: Rule, beside: TrialRecord, most: Cost) -> TrialRequest | None:
        space, rules = self._study.space, self._study.rules
        # If the model of a trained configuration can be built untrained, so can others.
        predict = self._predictor if self._predictor.builds(beside.params) else _nothing
        why = "near the trained configurations, none was found that breaks this rule and no other"
        try:
            params = just_outside(space, rules, rule, predict, beside.params)
        except StudyCodeError as error:
            params, why = None, f"no model can be built outside it: {error.message}"
        if params is None:
            if len(self._tried[rule.id]) + 1 >= _TRIES:
                self.not_auditable[rule.id] = why
                self._journal.append("not audited", rule=rule.id, reason=why)
            return None
        verdict = rules.judge(params, predict(params))
        audit = Audit(rule.id, beside.number)
        return TrialRequest(
            params, verdict, Purpose.AUDIT, seed=beside.seed, audit=audit, most=most
        )

    def _margin(self, rule: Rule, params: Params) -> float:
        """Return a configuration's margin under a rule; infinity where the rule does not apply."""
        if not rule.applies_to(params):
            return math.inf
        return rule.margin_under(params, self._predictor(params) if rule.needs_prediction else {})


def _nothing(_params: Params) -> Predicted:
    return {}
