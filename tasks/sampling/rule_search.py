"""The search for an allowed configuration, among the draws of a sampler and near them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, islice
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.decisions.situation import NextTrialEstimate
from satisfice.domain.errors import NoAllowedConfiguration, UserError
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules.batch_repair import first_allowed, repair
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Excluded, Verdict, exclude
from satisfice.domain.space import priors
from satisfice.domain.space.repair import allowed_step_by_step, nearest_allowed, whole
from satisfice.domain.space.space import Domain, Float, Key, Params, Space, key_of
from satisfice.tasks.sampling.draws import Drawing, configuration_of

# A draw from a model takes milliseconds, a random one a tenth of that. A model that ignores
# the rules gains no more from further draws than from a repair.
_DRAWS_FROM_MODEL = 8
_DRAWS_AT_RANDOM = 48
_DRAWS_BEFORE_BATCHES = 8
_BATCHES = (1024, 8192, 8192, 16384)  # random points that are checked at once
_ATTEMPTS = 1000  # neighbours of a forbidden configuration, some microseconds each
_MENDINGS = 4  # draws from which the broken rules are repaired one by one
_STARTS = 8  # as a last resort: neighbours one by one, and one search for each rule
_STARTS_WHEN_REPEATED = 2  # of them, if an allowed configuration is known already
_KNOWN_STARTS = 4
PREDICTIONS = 1000  # the most for one proposal; each takes milliseconds


@dataclass(frozen=True)
class Proposal:
    """A configuration that the rules allow.

    Attributes:
        params: The active parameters.
        verdict: The verdict of the rules.
        excluded: By rule id, the draws that the rule rejected.
        draws: The number of configurations that the sampler drew.
        repaired: Whether it is a neighbour of a draw rather than a draw.
        notes: System attributes that the sampler wants the trial to have.
        repeated: Whether it was tried before.
        offer: Its expected gain and cost; None if they are not known.
    """

    params: Params
    verdict: Verdict
    excluded: dict[str, Excluded]
    draws: int
    repaired: bool
    notes: Mapping[str, Any] = field(default_factory=dict)
    repeated: bool = False
    offer: NextTrialEstimate | None = None


class ExpertPriors:
    """Replaces some draws by draws from the experts' priors: often at first, later rarely.

    Args:
        space: The space, with its priors.
        lessons: The trials so far.
        random: The generator for everything that the sampler itself does not draw.

    Attributes:
        exist: Whether any parameter has a prior.
        random: The generator.
    """

    def __init__(
        self, space: Space, lessons: Sequence[FrozenTrial], random: np.random.Generator
    ) -> None:
        self._space, self.random = space, random
        self.exist = any(one.prior is not None for one in space.parameters)
        finished = sum(one.state is TrialState.COMPLETE for one in lessons)
        self._trust = priors.trust(finished)

    def apply(self, params: Params) -> Params:
        """Return a draw unchanged, or with the parameters that have a prior drawn from it."""
        if not self.exist or self.random.random() >= self._trust:
            return params
        base = whole(params, self._space)
        kept: dict[str, Value] = {}
        for one in self._space.parameters:
            if one.is_active(kept):
                there = one.expected(float(self.random.random()), kept)
                kept[one.name] = one.value(base.get(one.name) if there is None else there, kept)
        return kept


class RuleSearch:
    """Searches for one allowed configuration that was not tried before.

    Args:
        space: The space.
        evaluator: Checks the rules.
        experts: The experts' priors.
        trials: The trials so far.
    """

    def __init__(
        self,
        space: Space,
        evaluator: RuleEvaluator,
        experts: ExpertPriors,
        trials: Sequence[FrozenTrial],
    ) -> None:
        self._space, self._evaluator, self._trials = space, evaluator, trials
        self._experts = experts
        self._repeated: list[Params] = []

    def run(self, drawing: Drawing) -> Proposal:
        """Draw; failing that, repair; failing that, repeat an earlier configuration.

        Raises:
            NoAllowedConfiguration: No allowed configuration was found.
        """
        excluded: dict[str, Excluded] = {}
        drawn: list[Params] = []
        while len(drawn) < self._most_draws(drawing):
            params = self._experts.apply(drawing.draw())
            drawn.append(params)
            verdict = self._evaluator.judge(params)
            exclude(excluded, verdict.broken, params)
            if verdict.allowed and self._is_unlike(params):
                notes = drawing.notes
                return Proposal(params, verdict, excluded, len(drawn), repaired=False, notes=notes)
            notes = drawing.notes
            drawing.reject()
        repaired = None if drawing.listed else self._from_batches(drawing) or self._repair(drawn)
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
        """Draw the parameters that are not fixed.

        Args:
            drawing: The draws.
            fixed: Values by name; those of inactive parameters are ignored.

        Raises:
            UserError: The values are outside the space, or no draw of the others is allowed.
        """
        params: dict[str, Value] = {}
        for count in range(1, _DRAWS_AT_RANDOM + 1):
            drawn = whole(drawing.draw(), self._space)
            params.clear()
            for one in self._space.parameters:
                if one.is_active(params):
                    open_ = one.axis is None or one.name not in fixed
                    value = one.value(drawn.get(one.name), params) if open_ else fixed[one.name]
                    params[one.name] = value
            outside = self._space.outside(params)
            if outside:
                told = ", ".join(f"{name} = {params.get(name)!r}" for name in outside)
                raise UserError(f"a queued configuration is outside the space: {told}")
            verdict = self._evaluator.judge(params)
            if verdict.allowed:
                return Proposal(params, verdict, {}, count, repaired=False, notes=drawing.notes)
            drawing.reject()
        near = self._repair([params])
        raise UserError(
            f"a queued configuration breaks {', '.join(map(repr, verdict.broken))}: {params}",
            "" if near is None else f"the nearest allowed configuration is {near}",
        )

    def _from_batches(self, drawing: Drawing) -> Params | None:
        """Draw thousands of points at once, if the sampler draws at random anyway."""
        if not self._draws_at_random(drawing):
            return None
        rules = self._evaluator.without_predictions
        for count in _BATCHES:
            places = self._experts.random.random((count, len(self._space.axes)))
            found = first_allowed(places, self._space, rules, self.accepts)
            if found is not None or self._repeated:
                return found
        return None

    def _draws_at_random(self, drawing: Drawing) -> bool:
        return drawing.at_random and not self._experts.exist

    def _most_draws(self, drawing: Drawing) -> int:
        if drawing.listed:
            return drawing.listed
        if self._draws_at_random(drawing):
            return _DRAWS_BEFORE_BATCHES
        if not drawing.joint:
            return _DRAWS_AT_RANDOM
        return 1 if drawing.repeats else _DRAWS_FROM_MODEL

    def _repair(self, drawn: Sequence[Params]) -> Params | None:
        starts = list(self._starts(drawn))
        for start in starts[: _STARTS_WHEN_REPEATED if self._repeated else _MENDINGS]:  # draws
            mended = repair(start, self._space, self._evaluator.without_predictions, self.wants)
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
        """Yield the draws, then the default and earlier trials, which may be nearer."""
        unlike = list({key_of(params): params for params in drawn}.values())
        yield from unlike[: _STARTS - _KNOWN_STARTS]
        known = chain([self._space.defaults()], map(configuration_of, reversed(self._trials)))
        inside = (one for one in known if one is not None and not self._space.outside(one))
        yield from islice(inside, _KNOWN_STARTS)

    def accepts(self, drawn: Params) -> bool:
        """Tell whether a draw is allowed and new."""
        return self._evaluator.allows(drawn) and self._is_unlike(drawn)

    def wants(self, params: Params) -> bool:
        """Tell whether a configuration that was not drawn is allowed and new."""
        return self._evaluator.allows(params) and self._is_new(params)

    def _is_unlike(self, drawn: Params) -> bool:
        # A real number is never drawn twice, so the trials need not be read.
        return self._has_real(drawn) or self._is_new(drawn)

    def _is_new(self, params: Params) -> bool:
        """Tell whether an allowed configuration is new, and remember it if it is not."""
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
        f"no allowed configuration was found, neither among the draws nor near them: {by_rule}",
        "Loosen one of these rules or widen the space; `satisfice check` shows what share of it "
        "each rule allows",
    )
