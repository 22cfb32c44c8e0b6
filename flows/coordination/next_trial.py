"""The next trial: known configurations first, then a plan or the sampler's proposals."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
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
        notes: What the sampler stores in the trial's system attributes.
        seconds: How long the proposal took.
        seed: The seed that it is trained with; None: a new one.
        audit: The rule that it audits, and beside which trial.
        most: The most that it may cost; None: as much as any trial.
        estimate: Its expected gain and cost; None where nothing is known.
    """

    params: Params
    verdict: Verdict
    purpose: Purpose = Purpose.SEARCH
    notes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    seed: int | None = None
    audit: Audit | None = None
    most: Cost | None = None
    estimate: NextTrialEstimate | None = None


class TrialQueue:
    """Gives the next trial, and counts the configurations that the rules reject.

    Args:
        study: The specification.
        search: The search in the store.
        predictor: Gives `predicted.*`; the coordinator teaches it.
        journal: Where rejected configurations are noted.
        facts: What earlier processes have noted there.
        plan: The configurations of a sweep, in order; None: the sampler proposes.
        start: What is known from earlier searches.

    Attributes:
        excluded: By rule id, how many configurations the rule has rejected.
        examples: By rule id, some of them.
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
        self._exhausted, self._why_exhausted = -1, ""  # number of trials when nothing was allowed
        self.excluded: Counter[str] = Counter()
        self.examples: defaultdict[str, list[Params]] = defaultdict(list)
        for fact in facts:
            if fact["kind"] == "excluded":
                self._count(fact["rules"], fact.get("examples", {}))

    @property
    def is_done(self) -> bool:
        """Whether all of a plan has begun; never true of a search."""
        return self._plan is not None and not self._plan

    @property
    def weighs_cost(self) -> bool:
        """Whether proposals come with an expected gain and cost."""
        return self._plan is None and self._study.sampler == PRICED

    def next(self, history: History, in_flight: int) -> TrialRequest | None:
        """Return the next trial; None where there is none at the moment.

        Args:
            history: The finished trials.
            in_flight: How many trials are running.

        Raises:
            NoAllowedConfiguration: The rules allow nothing, and no trial can change the predictions
                that they rest on; says which rule rejected how many.
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
            # Predictions change with every trial: they may rule out now what they allowed before.
            # Running trials may change that again, so the sampler is not asked until one finishes.
            self._exhausted, self._why_exhausted = len(history.trials), error.message
            return None
        seconds = time.perf_counter() - began
        self.exclude(proposal.excluded)
        return TrialRequest(
            proposal.params,
            proposal.verdict,
            notes=proposal.notes,
            seconds=seconds,
            estimate=proposal.offer,
        )

    def estimate(self) -> NextTrialEstimate | None:
        """Return the expected gain and cost of the next trial; None where nothing is known.

        Until another trial is told to the store, `next` proposes the same configuration.
        """
        try:
            return self._proposer.propose().offer
        except NoAllowedConfiguration:
            return None

    def why_nothing(self, history: History) -> str:
        """Return why the rules allow no further configuration; empty where they do."""
        return self._why_exhausted if self._exhausted == len(history.trials) else ""

    def exclude(self, excluded: Mapping[str, Excluded]) -> None:
        """Count rejected configurations by rule id, and note an example of each."""
        if excluded:
            rules = {rule: one.count for rule, one in excluded.items()}
            examples = {rule: dict(one.example) for rule, one in excluded.items()}
            self._count(rules, examples)
            self._journal.append("excluded", rules=rules, examples=examples)

    def _count(self, rules: Mapping[str, int], examples: Mapping[str, Params]) -> None:
        self.excluded.update(rules)
        for rule, params in examples.items():
            self.examples[rule].append(params)

    def _next_known(self) -> TrialRequest | None:
        """Return the next of the best known configurations, then the default, if allowed."""
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
        """Return the next of a plan that the rules still allow, by today's predictions."""
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
