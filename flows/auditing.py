"""Audits: now and then a training just outside of a rule, as its share pays for one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from domain.auditing import ROOM, left_of_share, partners
from domain.cost import Budget, Cost, Ledger, total
from domain.errors import ProblemFault
from domain.history import Audit, History, Purpose, TrialRecord
from domain.neighbours import just_outside
from domain.predicted import Predicted
from domain.rules import Rule
from domain.space import Params
from domain.study import Study
from flows.asking import Wanted
from tasks.events import Event, EventLog
from tasks.predicting import Predictor

_TRIES = 3  # trials around which nothing was found, before a rule is given up

# Reserves for an order of so many seconds within a budget, or says that it is not affordable.
Promise: TypeAlias = Callable[[Budget, float], Cost | None]
Begun: TypeAlias = tuple[Audit, Cost]  # an audit, and what it has taken or may take


class Auditor:
    """Orders audits; each is one more answer to the question what is trained next.

    Args:
        study: The specification.
        rules: Those that are audited.
        predictor: Gives `predicted.*`.
        journal: Where it is noted which rules cannot be audited.
        facts: What earlier processes have noted there.

    Attributes:
        in_vain: By rule id, why a rule cannot be audited.
    """

    def __init__(
        self,
        study: Study,
        rules: Iterable[Rule],
        predictor: Predictor,
        journal: EventLog,
        facts: Iterable[Event],
    ) -> None:
        self._study, self._predictor, self._journal = study, predictor, journal
        self._rules = tuple(rules)
        self._tried: dict[str, set[int]] = {rule.id: set() for rule in self._rules}
        self.in_vain: dict[str, str] = {
            fact["rule"]: fact["reason"] for fact in facts if fact["kind"] == "not audited"
        }

    def next(
        self, history: History, begun: Sequence[Begun], ledger: Ledger, promise: Promise
    ) -> Wanted | None:
        """Return the audit that is due; None where none is.

        Args:
            history: The finished trials.
            begun: All audits so far.
            ledger: The book of the search.
            promise: Reserves for it.
        """
        for rule in self._rules:
            if rule.id in self.in_vain:
                continue
            own = [(audit, cost) for audit, cost in begun if audit.rule == rule.id]
            taken = total(cost for _, cost in own)
            left = left_of_share(rule.audit, ledger, taken, len(own))
            used = self._tried[rule.id] | {audit.beside for audit, _ in own}
            wanted = self._beside_one_of(partners(history, used), rule, left, promise)
            if wanted is not None:
                return wanted
        return None

    def left(self, audit: Audit, begun: Sequence[Begun], ledger: Ledger) -> Budget:
        """Return what an audit that is taken up again may take of its rule's share."""
        rule = next(one for one in self._rules if one.id == audit.rule)
        others = [cost for one, cost in begun if one.rule == audit.rule and one != audit]
        return left_of_share(rule.audit, ledger, total(others), len(others))

    def _beside_one_of(
        self, trials: Sequence[TrialRecord], rule: Rule, left: Budget, promise: Promise
    ) -> Wanted | None:
        shortest = min((one.cost.seconds for one in trials), default=math.inf)
        if not trials or promise(left, ROOM * shortest) is None:  # margins take longer to say so
            return None
        beside = min(trials, key=lambda one: self._margin(rule, one.params))
        most = promise(left, ROOM * beside.cost.seconds)
        if most is None:
            return None
        wanted = self._outside(rule, beside, most)
        if wanted is None:
            self._tried[rule.id].add(beside.number)
        return wanted

    def _outside(self, rule: Rule, beside: TrialRecord, most: Cost) -> Wanted | None:
        space, rules = self._study.space, self._study.rules
        # What was trained can be built, wherever that is possible before training at all.
        predict = self._predictor if self._predictor.builds(beside.params) else _nothing
        why = "nothing was found near what was trained that breaks it and no other rule"
        try:
            params = just_outside(space, rules, rule, predict, beside.params)
        except ProblemFault as fault:
            params, why = None, f"no model can be built outside of it: {fault.message}"
        if params is None:
            if len(self._tried[rule.id]) + 1 >= _TRIES:
                self.in_vain[rule.id] = why
                self._journal.append("not audited", rule=rule.id, reason=why)
            return None
        verdict = rules.judge(params, predict(params))
        audit = Audit(rule.id, beside.number)
        return Wanted(params, verdict, Purpose.AUDIT, seed=beside.seed, audit=audit, most=most)

    def _margin(self, rule: Rule, params: Params) -> float:
        """Return how far a configuration is from the limit of a rule; infinity if it is silent."""
        if not rule.applies_to(params):
            return math.inf
        return rule.margin_under(params, self._predictor(params) if rule.needs_prediction else {})


def _nothing(_params: Params) -> Predicted:
    return {}
