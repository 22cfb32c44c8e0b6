"""Proposals that obey the rules: drawn by an Optuna sampler, held against the rules, repaired.

Only the coordinator imports this module, and the coordinator needs Optuna anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from itertools import chain, islice
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from satisfice.domain.decisions.situation import NextTrialEstimate
from satisfice.domain.errors import NoAllowedConfiguration, UserError
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules.batch_repair import first_allowed, mend
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Excluded, Predict, RuleBook, Verdict, exclude
from satisfice.domain.space import priors
from satisfice.domain.space.repair import allowed_step_by_step, nearest_allowed, whole
from satisfice.domain.space.space import Domain, Float, Key, Params, Space, key_of
from satisfice.domain.trials.history import Purpose
from satisfice.tasks.sampling.constraints import constrained
from satisfice.tasks.sampling.draws import Drawing, TrialTranslator, configuration_of
from satisfice.tasks.sampling.priced import PricedSampler, Terms
from satisfice.tasks.sampling.rule_tpe import Sifter, SiftingTPE
from satisfice.tasks.sampling.samplers import SamplerFactory, tpe
from satisfice.tasks.storage.trial_records import BEGUN

__all__ = ["PREDICTIONS", "Predict", "Proposal", "Proposer", "RuleSearch"]

# A draw from a model costs milliseconds, one at random a tenth of that; and where a model has
# been told nothing of the rules, a repair does as well as patience.
_DRAWS_FROM_MODEL = 8
_DRAWS_AT_RANDOM = 48
_DRAWS_BEFORE_SCATTERING = 8
_SCATTERED = (1024, 8192, 8192, 16384)  # points at random that are held against the rules at once
_ATTEMPTS = 1000  # looks around one forbidden configuration, some microseconds each
_MENDINGS = 4  # starts from which the broken rules are mended one by one
_STARTS = 8  # the last resort: neighbours one by one, and one search for each rule
_STARTS_WHEN_REPEATED = 2  # of them, to avoid asking the same question twice
_KNOWN_STARTS = 4
PREDICTIONS = 1000  # a prediction takes milliseconds: no proposal asks for more than these

# TPE takes the best tenth of all finished trials for good ones, and fills it up with pruned trials
# where complete ones are short. With this many pruned for each complete one it never has to.
_PRUNED_PER_COMPLETE = 9


@dataclass(frozen=True)
class Proposal:
    """A configuration that the rules allow.

    Attributes:
        params: The active parameters.
        verdict: What the rules say of it.
        excluded: By rule id, what it turned away of the drawn configurations.
        draws: How many configurations the sampler drew.
        repaired: Whether it is a neighbour of a draw and not a draw itself.
        notes: What the sampler wants to find in the trial's system attributes later.
        repeated: Whether it was tried before.
        offer: What it is expected to bring and to cost; None where nobody knows.
    """

    params: Params
    verdict: Verdict
    excluded: dict[str, Excluded]
    draws: int
    repaired: bool
    notes: Mapping[str, Any] = field(default_factory=dict)
    repeated: bool = False
    offer: NextTrialEstimate | None = None


@dataclass
class Proposer:
    """Proposes the configurations of a study's trials, one after the other.

    The sampler draws whole configurations until one is allowed and new; after a bounded number of
    draws a near neighbour of a draw is taken. A configuration that was tried before comes up again
    only where no other was found. The same trials and the same seed give the same proposal, in
    whatever process and after whatever calls: each proposal has a sampler of its own.

    Attributes:
        study: The study. The sampler learns from its trials that compete; of what it says of the
            whole study (how far a sequence has come) the study keeps a note.
        space: The space to propose from.
        rules: The rules that each proposal obeys.
        predict: Gives `predicted.*` for a configuration; asked only where a rule needs it and no
            other rule is broken.
        seed: The seed of the search, not negative.
        sampler: Makes a sampler from the seed of the search and one of the proposal.
        earlier: Trials of other studies, which the sampler sees before this one's.
        terms: What a gain is worth, where gain is weighed against cost instead of asking `sampler`.
    """

    study: optuna.Study
    space: Space
    rules: RuleBook
    predict: Predict
    seed: int
    sampler: SamplerFactory = tpe
    earlier: Sequence[FrozenTrial] = ()
    terms: Terms | None = None
    _lessons: TrialTranslator = field(init=False)

    def __post_init__(self) -> None:
        self._lessons = TrialTranslator(self.space)

    def propose(self) -> Proposal:
        """Propose the configuration of the study's next trial.

        Raises:
            NoAllowedConfiguration: No allowed configuration was found; says which rule rejected how
                many.
        """
        trials = self.study.get_trials(deepcopy=False)
        number = len(trials)
        own_seed = int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])
        learnt = (*self.earlier, *_worth_learning(trials))
        lessons = constrained([self._lessons.of(one) for one in learnt])
        experts = Experts(self.space, lessons, np.random.default_rng(own_seed))
        evaluator = RuleEvaluator(self.rules, self.predict, PREDICTIONS)
        search = RuleSearch(self.space, evaluator, experts, trials)
        has_rules = self.rules.rules or any(one.constraints for one in lessons)
        known = (own_seed, self.space, evaluator.without_predictions, search.accepts)
        if self.terms is not None:
            sampler: BaseSampler = PricedSampler(*known, self.terms)
        elif self.sampler is tpe and has_rules:
            sampler = SiftingTPE(*known)
        else:
            sampler = self.sampler(self.seed, own_seed)
        # Models of some hundred trials gain nothing from more threads, and such as wait for each
        # other on cores that are training make a proposal take several times as long.
        with _pools().limit(limits=1, user_api="blas"):
            proposal = search.run(Drawing(sampler, self.study, lessons, self.space, number))
        if not isinstance(sampler, Sifter):
            return proposal
        # Experts' priors and repairs may have changed what was drawn.
        proposal = replace(proposal, offer=sampler.offer(proposal.params))
        if sampler.unruled is not None:
            turned_away = Excluded(1, sampler.unruled)
            broken = evaluator.judge(sampler.unruled).broken
            excluded = proposal.excluded | dict.fromkeys(broken, turned_away)
            proposal = replace(proposal, excluded=excluded)
        return proposal


@cache
def _pools() -> Any:
    return ThreadpoolController()


def _worth_learning(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that a sampler may learn from.

    A confirmation repeats a leader: learning from it would count the same good luck twice. An audit
    lies where nothing may be proposed.
    """
    ours = [one for one in trials if _competes(one)]
    complete = sum(one.state is TrialState.COMPLETE for one in ours)
    pruned = [one.number for one in ours if one.state is TrialState.PRUNED]
    surplus = set(pruned[: max(len(pruned) - _PRUNED_PER_COMPLETE * complete, 0)])
    return [one for one in ours if one.number not in surplus] if surplus else ours


def _competes(trial: FrozenTrial) -> bool:
    begun = trial.user_attrs.get(BEGUN)
    return begun is None or Purpose(begun["purpose"]).competes


class Experts:
    """Puts what experts expect in the place of some draws, often at first and then seldom.

    Args:
        space: The space, with the experts' priors.
        lessons: The trials so far.
        random: Where numbers come from; for all that is drawn besides the sampler's own draws.

    Attributes:
        speak: Whether there is any prior.
    """

    def __init__(
        self, space: Space, lessons: Sequence[FrozenTrial], random: np.random.Generator
    ) -> None:
        self._space, self.random = space, random
        self.speak = any(one.prior is not None for one in space.parameters)
        finished = sum(one.state is TrialState.COMPLETE for one in lessons)
        self._trust = priors.trust(finished)

    def advise(self, params: Params) -> Params:
        """Return a draw as it is, or with the parameters that experts speak of drawn anew."""
        if not self.speak or self.random.random() >= self._trust:
            return params
        base = whole(params, self._space)
        kept: dict[str, Value] = {}
        for one in self._space.parameters:
            if one.is_there(kept):
                there = one.expected(float(self.random.random()), kept)
                kept[one.name] = one.value(base.get(one.name) if there is None else there, kept)
        return kept


class RuleSearch:
    """The search for one allowed configuration that was not tried before."""

    def __init__(
        self,
        space: Space,
        evaluator: RuleEvaluator,
        experts: Experts,
        trials: Sequence[FrozenTrial],
    ) -> None:
        self._space, self._evaluator, self._trials = space, evaluator, trials
        self._experts = experts
        self._repeated: list[Params] = []

    def run(self, drawing: Drawing) -> Proposal:
        """Draw, then repair, then take what was tried before, then give up."""
        excluded: dict[str, Excluded] = {}
        drawn: list[Params] = []
        while len(drawn) < self._patience(drawing):
            params = self._experts.advise(drawing.draw())
            drawn.append(params)
            verdict = self._evaluator.judge(params)
            exclude(excluded, verdict.broken, params)
            if verdict.allowed and self._is_unlike(params):
                notes = drawing.notes
                return Proposal(params, verdict, excluded, len(drawn), repaired=False, notes=notes)
            notes = drawing.notes
            drawing.turn_away()
        repaired = None if drawing.listed else self._scatter(drawing) or self._repair(drawn)
        found = repaired or next(iter(self._repeated), None)
        if found is None:
            raise _nothing_allowed(excluded, len(drawn))
        return Proposal(
            found,
            self._evaluator.judge(found),
            excluded,
            len(drawn),
            repaired=found not in drawn,
            notes=notes,
            repeated=repaired is None,
        )

    def complete(self, drawing: Drawing, fixed: Params) -> Proposal:
        """Draw what somebody has left open of a configuration.

        Args:
            drawing: The draws.
            fixed: Values by name; of a parameter that is not there a value does not count.

        Raises:
            UserError: The values lie outside the space, or no draw of the others is allowed.
        """
        params: dict[str, Value] = {}
        for count in range(1, _DRAWS_AT_RANDOM + 1):
            drawn = whole(drawing.draw(), self._space)
            params.clear()
            for one in self._space.parameters:
                if one.is_there(params):
                    open_ = one.axis is None or one.name not in fixed
                    value = one.value(drawn.get(one.name), params) if open_ else fixed[one.name]
                    params[one.name] = value
            outside = self._space.outside(params)
            if outside:
                told = ", ".join(f"{name} = {params.get(name)!r}" for name in outside)
                raise UserError(f"a queued configuration lies outside the space: {told}")
            verdict = self._evaluator.judge(params)
            if verdict.allowed:
                return Proposal(params, verdict, {}, count, repaired=False, notes=drawing.notes)
            drawing.turn_away()
        near = self._repair([params])
        raise UserError(
            f"a queued configuration breaks {', '.join(map(repr, verdict.broken))}: {params}",
            "" if near is None else f"the nearest that is allowed: {near}",
        )

    def _scatter(self, drawing: Drawing) -> Params | None:
        """Go on drawing at random, thousands at once, where that is all that the sampler does."""
        if not self._may_scatter(drawing):
            return None
        rules = self._evaluator.without_predictions
        for count in _SCATTERED:
            places = self._experts.random.random((count, len(self._space.axes)))
            found = first_allowed(places, self._space, rules, self.accepts)
            if found is not None or self._repeated:
                return found
        return None

    def _may_scatter(self, drawing: Drawing) -> bool:
        return drawing.at_random and not self._experts.speak

    def _patience(self, drawing: Drawing) -> int:
        if drawing.listed:
            return drawing.listed
        if self._may_scatter(drawing):
            return _DRAWS_BEFORE_SCATTERING
        if not drawing.joint:
            return _DRAWS_AT_RANDOM
        return 1 if drawing.repeats else _DRAWS_FROM_MODEL

    def _repair(self, drawn: Sequence[Params]) -> Params | None:
        starts = list(self._starts(drawn))
        for start in starts[: _STARTS_WHEN_REPEATED if self._repeated else _MENDINGS]:  # draws
            mended = mend(start, self._space, self._evaluator.without_predictions, self.wants)
            if mended is not None:
                return mended
        for tried, start in enumerate(starts):
            if self._repeated and tried >= _STARTS_WHEN_REPEATED:
                return None
            if self.wants(start):
                return start
            near = nearest_allowed(start, self._space, self.wants, _ATTEMPTS)
            if near is not None:
                return near
        plain = self._evaluator.without_predictions.rules
        demands: list[Callable[[Params], bool]] = [
            *(partial(self._evaluator.fulfils, [one]) for one in plain),
            self.wants,
        ]
        for start in starts:
            far = allowed_step_by_step(start, self._space, demands, _ATTEMPTS)
            if far is not None:
                return far
        return None

    def _starts(self, drawn: Sequence[Params]) -> Iterator[Params]:
        """Yield draws, and after them what was chosen or tried: it may lie nearer."""
        unlike = list({key_of(params): params for params in drawn}.values())
        yield from unlike[: _STARTS - _KNOWN_STARTS]
        known = chain([self._space.defaults()], map(configuration_of, reversed(self._trials)))
        inside = (one for one in known if one is not None and not self._space.outside(one))
        yield from islice(inside, _KNOWN_STARTS)

    def accepts(self, drawn: Params) -> bool:
        """Tell whether a draw is allowed and new."""
        return self._evaluator.allows(drawn) and self._is_unlike(drawn)

    def wants(self, params: Params) -> bool:
        """Tell whether any configuration, the neighbour of a trial say, is allowed and new."""
        return self._evaluator.allows(params) and self._is_new(params)

    def _is_unlike(self, drawn: Params) -> bool:
        # Chance does not draw a real number twice, so there the trials need not be read.
        return self._has_real(drawn) or self._is_new(drawn)

    def _is_new(self, params: Params) -> bool:
        """Tell whether an allowed configuration is worth a trial, and remember it if it is not."""
        if key_of(params) not in self._tried:
            return True
        self._repeated.append(params)
        return False

    def _has_real(self, params: Params) -> bool:
        return any(_is_real(self._space[name].domain) for name in params)

    @cached_property
    def _tried(self) -> set[Key]:
        return {key_of(configuration_of(one)) for one in self._trials}


def _is_real(domain: Domain) -> bool:
    return isinstance(domain, Float) and domain.step is None and domain.low < domain.high


def _nothing_allowed(excluded: Mapping[str, Excluded], draws: int) -> NoAllowedConfiguration:
    most = sorted(excluded.items(), key=lambda one: -one[1].count)
    by_rule = "; ".join(f"rule {rule!r} rejected {one.count} of {draws}" for rule, one in most)
    return NoAllowedConfiguration(
        f"no allowed configuration was found, neither drawn nor near a draw: {by_rule}",
        "Loosen one of these rules or widen the space; `satisfice check` tells what each rule "
        "leaves of it",
    )
