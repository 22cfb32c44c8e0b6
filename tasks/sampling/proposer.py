"""Proposals that obey the rules: drawn by an Optuna sampler, checked, and repaired if need be.

Only the coordinator imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Excluded, Predict, RuleBook
from satisfice.domain.space.space import Space
from satisfice.domain.trials.history import Purpose
from satisfice.tasks.sampling.constraints import constrained
from satisfice.tasks.sampling.draws import Drawing, TrialTranslator
from satisfice.tasks.sampling.priced import PricedSampler, Terms
from satisfice.tasks.sampling.rule_search import PREDICTIONS, ExpertPriors, Proposal, RuleSearch
from satisfice.tasks.sampling.rule_tpe import RuleSampler, RuleTPE
from satisfice.tasks.sampling.samplers import SamplerFactory, tpe
from satisfice.tasks.storage.trial_records import BEGUN

# TPE counts the best tenth of all finished trials as good, and fills it up with pruned trials if
# there are too few complete ones. With at most this many pruned for each complete one it never is.
_PRUNED_PER_COMPLETE = 9


@dataclass
class Proposer:
    """Proposes the configurations of a study's trials one by one.

    The sampler draws whole configurations until one is allowed and new. After a bounded number of
    draws, an allowed neighbour of a draw is taken. A configuration is repeated only if no other is
    found. Each proposal makes a new sampler, so that the same trials and seed always give the same
    proposal.

    Attributes:
        study: The study. The sampler learns from its competing trials, and stores the state of
            its sequence, if it has one, in the study's attributes.
        space: The search space.
        rules: The rules that every proposal obeys.
        predict: Predicts `predicted.*` for a configuration; called only if a rule needs it and no
            other rule is broken.
        seed: The seed of the search, 0 or more.
        sampler: Makes a sampler from the seed of the search and that of the proposal.
        earlier: Trials of other studies to learn from as well.
        terms: The worth of a gain, if `PricedSampler` proposes; None: `sampler` does.
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
            NoAllowedConfiguration: No allowed configuration was found; the message counts the
                draws that each rule rejected.
        """
        trials = self.study.get_trials(deepcopy=False)
        number = len(trials)
        own_seed = int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])
        learnt = (*self.earlier, *_worth_learning(trials))
        lessons = constrained([self._lessons.of(one) for one in learnt])
        experts = ExpertPriors(self.space, lessons, np.random.default_rng(own_seed))
        evaluator = RuleEvaluator(self.rules, self.predict, PREDICTIONS)
        search = RuleSearch(self.space, evaluator, experts, trials)
        has_rules = self.rules.rules or any(one.constraints for one in lessons)
        known = (own_seed, self.space, evaluator.without_predictions, search.accepts)
        if self.terms is not None:
            sampler: BaseSampler = PricedSampler(*known, self.terms)
        elif self.sampler is tpe and has_rules:
            sampler = RuleTPE(*known)
        else:
            sampler = self.sampler(self.seed, own_seed)
        # Models of a few hundred trials gain nothing from more threads; on cores that are busy
        # training, threads waiting for each other make a proposal several times slower.
        with _pools().limit(limits=1, user_api="blas"):
            proposal = search.run(Drawing(sampler, self.study, lessons, self.space, number))
        if not isinstance(sampler, RuleSampler):
            return proposal
        # Priors and repairs may have changed the draw.
        proposal = replace(proposal, offer=sampler.offer(proposal.params))
        if sampler.without_rules is not None:
            broken = evaluator.judge(sampler.without_rules).broken
            example = Excluded(1, sampler.without_rules)
            excluded = proposal.excluded | dict.fromkeys(broken, example)
            proposal = replace(proposal, excluded=excluded)
        return proposal


@cache
def _pools() -> Any:
    return ThreadpoolController()


def _worth_learning(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that a sampler may learn from.

    A confirmation repeats a leader, so learning from it would count its good luck twice. An audit
    is a configuration that may not be proposed.
    """
    ours = [one for one in trials if _competes(one)]
    complete = sum(one.state is TrialState.COMPLETE for one in ours)
    pruned = [one.number for one in ours if one.state is TrialState.PRUNED]
    surplus = set(pruned[: max(len(pruned) - _PRUNED_PER_COMPLETE * complete, 0)])
    return [one for one in ours if one.number not in surplus] if surplus else ours


def _competes(trial: FrozenTrial) -> bool:
    begun = trial.user_attrs.get(BEGUN)
    return begun is None or Purpose(begun["purpose"]).competes
