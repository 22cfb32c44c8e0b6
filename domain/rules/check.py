"""What the rules of a study allow and forbid, and whether they make sense.

Configurations are checked against every rule. A rule on `predicted.*` is checked only for
configurations that the rules on parameters allow: others may not have a model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from satisfice.domain.rules.conflicts import Clash, find_clash
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.neighbours import allowed_near, forbidden_near
from satisfice.domain.rules.rule import Rule, implied_by
from satisfice.domain.space.space import Params, Space
from satisfice.domain.statistics import Share

PREDICTIONS = 200  # configurations that rules on predictions are checked for
_AT_A_GLANCE = 20  # predictions, some milliseconds each
_STARTS = 3  # configurations whose neighbourhood is searched
_CHANCE = 0.01  # no warning if chance explains it more often than this
_RARE = 0.05  # no warning if up to this share may have been missed


class Doubt(StrEnum):
    """What may be wrong with a rule, short of a conflict."""

    NEVER_TRUE = "never true"
    ALWAYS_TRUE = "always true"
    ADDS_NOTHING = "adds nothing"
    DEFAULT_BREAKS = "default breaks it"


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning about one rule.

    Attributes:
        rule: The rule's id.
        doubt: What may be wrong.
        beside: The id of the other rule that makes it redundant, if there is one.
    """

    rule: str
    doubt: Doubt
    beside: str = ""


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """The effect of one rule.

    Attributes:
        rule: The rule.
        allows: The share it allows by itself; where it does not apply, it allows. For a rule on
            predictions, of what the rules on parameters allow.
        applies: To how many of these it applies.
        forbidden: A configuration that it forbids, if possible one that no other rule forbids.
        nearest: The nearest configuration found that all rules allow.
    """

    rule: Rule
    allows: Share
    applies: int
    forbidden: Params | None = None
    nearest: Params | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """The effect of all rules.

    Attributes:
        rules: The effect of each rule, in the order of the study.
        together: The share that they allow together.
        seen: How many configurations were checked.
        whole: Whether these are all configurations of the space.
        predictions: How many predictions were made.
        default: The ids of the rules that the default configuration breaks; None without one.
        warnings: The warnings about single rules.
        clash: Rules that contradict each other, if nothing is allowed.
    """

    rules: tuple[RuleFinding, ...]
    together: Share
    seen: int
    whole: bool
    predictions: int
    default: tuple[str, ...] | None
    warnings: tuple[Warned, ...] = ()
    clash: Clash | None = None


def examine(
    space: Space, evaluator: RuleEvaluator, configurations: Iterable[Params], whole: bool = False
) -> Findings:
    """Examine the effect of the rules on a space.

    Args:
        space: The space.
        evaluator: Evaluates the rules; its prediction budget is set here.
        configurations: Random ones, or all of the space in random order.
        whole: Whether these are all of the space.

    Raises:
        StudyCodeError: No model can be built although the rules on parameters are fulfilled.
    """
    seen = _Seen(evaluator, configurations, whole)
    rules, predictions_made = evaluator.rules.rules, evaluator.predictions_made
    together = seen.share(range(seen.decided), frozenset(one.id for one in rules))
    found, warnings = [_finding(seen, rule) for rule in rules], list[Warned]()
    allowed: Clash | Params | None = seen.allowed
    if allowed is None and seen.all:
        allowed = find_clash(space, evaluator, seen.all)
    clash = allowed if isinstance(allowed, Clash) else None
    if not isinstance(allowed, Clash):
        found = [_with_example(space, evaluator, one, seen) for one in found]
        found = [_with_nearest(space, evaluator, one, allowed) for one in found]
        warnings = [*_idle(seen, found), *_needless(space, evaluator, seen)]
    # Rules implied by the space are reported only if they forbid something.
    implied = {one.id for one in implied_by(space)}
    found = [one for one in found if one.rule.id not in implied or one.forbidden is not None]
    warnings = [one for one in warnings if one.rule not in implied]
    default = space.defaults()
    evaluator.prediction_budget = 1
    breaks: tuple[str, ...] | None = None
    if default is not None:
        broken = evaluator.broken(default)
        breaks = tuple(one.id for one in rules if one.id in broken)
    warnings += [Warned(one, Doubt.DEFAULT_BREAKS) for one in breaks or ()]
    return Findings(
        rules=tuple(found),
        together=together,
        seen=len(seen.all),
        whole=whole,
        predictions=predictions_made,
        default=breaks,
        warnings=tuple(warnings),
        clash=clash,
    )


def contradiction(
    space: Space, evaluator: RuleEvaluator, configurations: Iterable[Params]
) -> Clash | None:
    """Return a smallest set of rules that conflict, or None once a configuration fulfils all.

    Args:
        space: The space. Its default configuration is checked first.
        evaluator: Evaluates the rules; its prediction budget is set here.
        configurations: Random configurations of the space.
    """
    evaluator.prediction_budget = _AT_A_GLANCE
    default = space.defaults()
    seen: list[tuple[Params, frozenset[str]]] = []
    for params in configurations if default is None else chain([default], configurations):
        seen.append((params, evaluator.broken(params)))
        if not seen[-1][1]:
            return None
    found = find_clash(space, evaluator, seen)
    return found if isinstance(found, Clash) else None


class _Seen:
    """Configurations, and the rules that they break.

    Attributes:
        all: Each configuration with the ids of the rules that it is not known to fulfil.
        decided: How many of them, from the first one, were checked against all rules.
    """

    def __init__(
        self, evaluator: RuleEvaluator, configurations: Iterable[Params], whole: bool
    ) -> None:
        self.all: list[tuple[Params, frozenset[str]]] = []
        self.decided = 0
        self.whole = whole
        self._plain_allowed: list[int] = []
        plain = evaluator.rules.without_predictions
        for at, params in enumerate(configurations):
            allowed = plain.allow(params, {})
            evaluator.prediction_budget = PREDICTIONS - evaluator.predictions_made if allowed else 0
            self.all.append((params, evaluator.broken(params)))
            if self.decided == at and (not allowed or evaluator.decides(params)):
                self.decided += 1
            if allowed and self.decided > at:
                self._plain_allowed.append(at)

    @property
    def allowed(self) -> Params | None:
        """A configuration that fulfils all rules, if there is one."""
        return next((params for params, broken in self.all if not broken), None)

    def held_against(self, rule: Rule) -> Sequence[int]:
        """Return the configurations that a rule was checked for, by index."""
        return self._plain_allowed if rule.needs_prediction else range(len(self.all))

    def forbidden(self, rule: Rule) -> list[int]:
        """Return those of them that the rule forbids."""
        return [at for at in self.held_against(rule) if rule.id in self.all[at][1]]

    def share(self, places: Sequence[int], ids: frozenset[str]) -> Share:
        """Return the share of some configurations that break none of some rules."""
        count = sum(not ids & self.all[at][1] for at in places)
        complete = len(self.all) in (len(places), self.decided)
        return Share(count, len(places), self.whole and complete)


def _finding(seen: _Seen, rule: Rule) -> RuleFinding:
    places = seen.held_against(rule)
    forbidden = seen.forbidden(rule)
    example = min(forbidden, key=lambda at: len(seen.all[at][1]), default=None)
    return RuleFinding(
        rule=rule,
        allows=seen.share(places, frozenset({rule.id})),
        applies=sum(rule.applies_to(seen.all[at][0]) for at in places),
        forbidden=None if example is None else seen.all[example][0],
    )


def _with_example(
    space: Space, evaluator: RuleEvaluator, found: RuleFinding, seen: _Seen
) -> RuleFinding:
    """Search near some configurations for one that a rule forbids, if none is known."""
    if found.forbidden is not None or seen.whole or found.rule.needs_prediction:
        return found
    starts = [params for params, _ in seen.all[:_STARTS]]
    return replace(found, forbidden=forbidden_near(space, evaluator, starts, found.rule))


def _with_nearest(
    space: Space, evaluator: RuleEvaluator, found: RuleFinding, allowed: Params | None
) -> RuleFinding:
    """Search for an allowed configuration near a forbidden one; a known one is the fallback."""
    if found.forbidden is None:
        return found
    nearest = allowed_near(space, evaluator, found.forbidden)
    return replace(found, nearest=nearest or allowed)


def _idle(seen: _Seen, found: Iterable[RuleFinding]) -> Iterator[Warned]:
    """Find rules that are never true, and rules that are always true."""
    for one in found:
        forbidden = one.allows.of - one.allows.count
        if one.applies and forbidden == one.applies and _is_rare(one.applies, seen.whole):
            yield Warned(one.rule.id, Doubt.NEVER_TRUE)
        if one.forbidden is None and _is_rare(one.allows.of, seen.whole):
            yield Warned(one.rule.id, Doubt.ALWAYS_TRUE)


def _is_rare(of: int, whole: bool) -> bool:
    """Tell whether what was not seen among `of` configurations is rare in the whole space."""
    return Share(0, of, whole).interval[1] < _RARE


def _needless(space: Space, evaluator: RuleEvaluator, seen: _Seen) -> Iterator[Warned]:
    """Find rules that are redundant because of another rule."""
    rules = evaluator.rules.rules
    forbidden = {one.id: frozenset(seen.forbidden(one)) for one in rules}
    for at, rule in enumerate(rules):
        mine = forbidden[rule.id]
        for other in (*rules[:at], *rules[at + 1 :]):
            theirs = forbidden[other.id]
            # If two rules forbid the same, the first one is kept.
            within = mine < theirs or (mine == theirs and other in rules[:at])
            if mine and within and _is_implied(space, evaluator, seen, rule, other, theirs):
                yield Warned(rule.id, Doubt.ADDS_NOTHING, other.id)
                break


def _is_implied(
    space: Space,
    evaluator: RuleEvaluator,
    seen: _Seen,
    rule: Rule,
    other: Rule,
    theirs: Collection[int],
) -> bool:
    """Tell whether another rule forbids all that a rule forbids, beyond coincidence."""
    if rule.needs_prediction != other.needs_prediction:
        return False  # they were checked for different configurations
    if seen.whole:
        return True
    mine = seen.forbidden(rule)
    if (len(theirs) / len(seen.held_against(rule))) ** len(mine) > _CHANCE:
        return False
    if rule.needs_prediction:
        return True  # searching further would take many predictions
    starts = [seen.all[at][0] for at in mine[:_STARTS]]
    return forbidden_near(space, evaluator, starts, rule, other) is None
