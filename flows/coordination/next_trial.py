"""What is trained next: what is known already, then a plan or what the sampler proposes."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from satisfice.domain.decisions.situation import NextTrialEstimate
from satisfice.domain.economics.cost import Cost
from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.rule import Excluded, Verdict
from satisfice.domain.space.space import Params, key_of
from satisfice.domain.study import Study
from satisfice.domain.trials.history import Audit, History, Purpose
from satisfice.tasks.files.events import Event, EventLog
from satisfice.tasks.sampling.priced import Terms
from satisfice.tasks.sampling.proposer import Proposer
from satisfice.tasks.sampling.samplers import PRICED, SAMPLERS, tpe
from satisfice.tasks.sampling.warm_start import HeadStart
from satisfice.tasks.storage.store import Search


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """A configuration that is to be trained.

    Attributes:
        params: The active parameters.
        verdict: What the rules say of it.
        purpose: What it is for.
        notes: What the sampler wants to find in the trial's system attributes later.
        seconds: How long it took to find.
        seed: The seed that it is trained with; None: one of its own.
        audit: What it is about, where it is an audit.
        most: The most that it may take; None: as much as any trial.
        offer: What it is expected to bring and to cost; None where nobody knows.
    """

    params: Params
    verdict: Verdict
    purpose: Purpose = Purpose.SEARCH
    notes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    seed: int | None = None
    audit: Audit | None = None
    most: Cost | None = None
    offer: NextTrialEstimate | None = None


class TrialQueue:
    """Says what is trained next, and counts what the rules have turned away on the way.

    Args:
        study: The specification.
        search: The search in the store.
        predictor: Gives `predicted.*`; whoever takes in results teaches it.
        journal: Where what rules turn away is noted.
        facts: What earlier processes have noted there.
        plan: The configurations of a sweep, in order; None: whatever the sampler proposes.
        start: What earlier searches have found out.

    Attributes:
        excluded: By rule id, how many configurations the rule has turned away.
    """

    def __init__(
        self,
        study: Study,
        search: Search,
        predictor: Predictor,
        journal: EventLog,
        facts: Iterable[Event],
        plan: Sequence[Params] | None,
        start: HeadStart,
    ) -> None:
        self._study, self._search, self._journal = study, search, journal
        self._predictor = predictor
        terms = Terms(study.worth, study.objective.direction) if study.sampler == PRICED else None
        self._proposer = Proposer(
            search.optuna_study,
            study.space,
            study.rules,
            predictor,
            study.seed,
            SAMPLERS[study.sampler] if terms is None else tpe,
            start.lessons,
            terms,
        )
        default = study.space.defaults()
        self._default = None if default is None else key_of(default)
        known = start.first if default is None else (*start.first, default)
        self._known = self._not_begun({key_of(one): one for one in known}.values())
        self._plan = None if plan is None else self._not_begun(plan)
        self._exhausted, self._why_exhausted = (
            -1,
            "",
        )  # after how many trials no rule allowed anything
        self.excluded: Counter[str] = Counter()
        for fact in facts:
            if fact["kind"] == "excluded":
                self.excluded.update(fact["rules"])

    @property
    def is_done(self) -> bool:
        """Whether all of a plan has been asked for; a search never is."""
        return self._plan is not None and not self._plan

    @property
    def weighs_cost(self) -> bool:
        """Whether proposals come with what they are expected to bring and to cost."""
        return self._plan is None and self._study.sampler == PRICED

    def next(self, history: History, in_flight: int) -> TrialRequest | None:
        """Return what is trained next; None where there is nothing at the moment.

        Args:
            history: The finished trials.
            in_flight: How many trials run.

        Raises:
            NoAllowedConfiguration: The rules allow nothing, and there is nothing to learn from that
                might change that; says which rule rejected how many.
        """
        if self._plan is not None:
            return self._next_of_plan(self._plan)
        known = self._next_known()
        if known is not None:
            return known
        if self._exhausted == len(history.trials):
            return None
        began = time.perf_counter()
        try:
            proposal = self._proposer.propose()
        except NoAllowedConfiguration as error:
            if not history.trials and not in_flight:
                raise
            # Predictions learn: what they allowed before they may rule out by now. What still runs
            # may teach them otherwise, so nobody asks again before it has.
            self._exhausted, self._why_exhausted = len(history.trials), error.message
            return None
        seconds = time.perf_counter() - began
        self.exclude(proposal.excluded)
        return TrialRequest(
            proposal.params,
            proposal.verdict,
            notes=proposal.notes,
            seconds=seconds,
            offer=proposal.offer,
        )

    def offer(self) -> NextTrialEstimate | None:
        """Return what the next proposal is expected to bring and to cost; None if nobody knows.

        The store knows all trials that have finished: the next proposal is this one.
        """
        try:
            return self._proposer.propose().offer
        except NoAllowedConfiguration:
            return None

    def why_nothing(self, history: History) -> str:
        """Say why the rules allow nothing any more; empty where that is not so."""
        return self._why_exhausted if self._exhausted == len(history.trials) else ""

    def exclude(self, excluded: Mapping[str, Excluded]) -> None:
        """Count what rules have turned away, by rule id, and note an example of each."""
        if excluded:
            rules = {rule: one.count for rule, one in excluded.items()}
            examples = {rule: dict(one.example) for rule, one in excluded.items()}
            self.excluded.update(rules)
            self._journal.append("excluded", rules=rules, examples=examples)

    def _next_known(self) -> TrialRequest | None:
        """Return the next of the best known configurations, and then the default, if allowed."""
        while self._known:
            params = self._known.popleft()
            is_default = key_of(params) == self._default
            verdict = self._study.rules.judge_asking(params, self._predictor)
            if verdict.allowed:
                purpose = Purpose.DEFAULT if is_default else Purpose.SEARCH
                return TrialRequest(params, verdict, purpose)
            if not is_default:
                self.exclude(dict.fromkeys(verdict.broken, Excluded(1, params)))
        return None

    def _next_of_plan(self, plan: deque[Params]) -> TrialRequest | None:
        """Return the next of a plan, without what a prediction that has learnt forbids by now."""
        while plan:
            params = plan.popleft()
            verdict = self._study.rules.judge_asking(params, self._predictor)
            if verdict.allowed:
                return TrialRequest(params, verdict)
            self.exclude(dict.fromkeys(verdict.broken, Excluded(1, params)))
        return None

    def _not_begun(self, plan: Iterable[Params]) -> deque[Params]:
        trials = (*self._search.history().trials, *self._search.running())
        begun = {key_of(one.params) for one in trials}
        return deque(one for one in plan if key_of(one) not in begun)
