"""What rules do to a space: what each of them allows and forbids, and whether they make sense.

Configurations are held against every rule. A rule over `predicted.*` is held only against what the
rules on parameters allow: elsewhere there may be no model to predict anything of.
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

PREDICTIONS = 200  # configurations that rules over predictions are held against
_AT_A_GLANCE = 20  # predictions, some milliseconds each
_STARTS = 3  # configurations around which is looked
_CHANCE = 0.01  # what chance would bring about more often than this raises no doubt
_RARE = 0.05  # what may be as frequent as this, though it was not seen, raises none either


class Doubt(StrEnum):
    """What may be wrong with a rule that contradicts nothing."""

    NEVER_TRUE = "never true"
    ALWAYS_TRUE = "always true"
    ADDS_NOTHING = "adds nothing"
    DEFAULT_BREAKS = "default breaks it"


@dataclass(frozen=True, slots=True)
class Warned:
    """A doubt about one rule.

    Attributes:
        rule: The rule's id.
        doubt: What may be wrong.
        beside: The id of the other rule that makes it needless, where one does.
    """

    rule: str
    doubt: Doubt
    beside: str = ""


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """What one rule does.

    Attributes:
        rule: The rule.
        allows: How much it alone allows; what it is silent about is allowed. For a rule over
            predictions: how much of what the rules on parameters allow.
        applies: To how many of these it applies; it is silent about the others.
        forbidden: A configuration that it forbids, if possible one that no other rule forbids.
        nearest: The nearest one to it that was found to be allowed by all rules.
    """

    rule: Rule
    allows: Share
    applies: int
    forbidden: Params | None = None
    nearest: Params | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What all rules do.

    Attributes:
        rules: What each rule does, in the order of the study.
        together: How much they allow together.
        seen: How many configurations were held against the rules.
        whole: Whether these are all there are.
        predictions: How many predictions were made.
        default: The ids of the rules that the default configuration breaks; None without one.
        warnings: What may be wrong with single rules.
        clash: Rules that contradict each other, where nothing is allowed.
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
    space: Space, judge: RuleEvaluator, configurations: Iterable[Params], whole: bool = False
) -> Findings:
    """Say what the rules of a study do to its space.

    Args:
        space: The space.
        judge: Knows the rules; it is given leave for as many predictions as are needed.
        configurations: Drawn at random from the space, or all there are in a random order.
        whole: Whether these are all there are.

    Raises:
        StudyCodeError: No model can be built for what all rules on parameters allow.
    """
    seen = _Seen(judge, configurations, whole)
    rules, predictions_made = judge.rules.rules, judge.predictions_made
    together = seen.share(range(seen.decided), frozenset(one.id for one in rules))
    found, warnings = [_finding(seen, rule) for rule in rules], list[Warned]()
    allowed: Clash | Params | None = seen.allowed
    if allowed is None and seen.all:
        allowed = find_clash(space, judge, seen.all)
    clash = allowed if isinstance(allowed, Clash) else None
    if not isinstance(allowed, Clash):
        found = [_with_example(space, judge, one, seen) for one in found]
        found = [_with_nearest(space, judge, one, allowed) for one in found]
        warnings = [*_idle(seen, found), *_needless(space, judge, seen)]
    # What the space asks for by itself is told of only where it turns something away.
    implied = {one.id for one in implied_by(space)}
    found = [one for one in found if one.rule.id not in implied or one.forbidden is not None]
    warnings = [one for one in warnings if one.rule not in implied]
    default = space.defaults()
    judge.prediction_budget = 1
    breaks: tuple[str, ...] | None = None
    if default is not None:
        broken = judge.broken(default)
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
    space: Space, judge: RuleEvaluator, configurations: Iterable[Params]
) -> Clash | None:
    """Return a smallest set of rules that nothing fulfils; None as soon as something fulfils all.

    Args:
        space: The space. Its default configuration is looked at first.
        judge: Knows the rules; it is given leave for some predictions.
        configurations: Drawn at random from the space.
    """
    judge.prediction_budget = _AT_A_GLANCE
    default = space.defaults()
    seen: list[tuple[Params, frozenset[str]]] = []
    for params in configurations if default is None else chain([default], configurations):
        seen.append((params, judge.broken(params)))
        if not seen[-1][1]:
            return None
    found = find_clash(space, judge, seen)
    return found if isinstance(found, Clash) else None


class _Seen:
    """Configurations, and what they break.

    Attributes:
        all: Each configuration with the ids of the rules that it is not shown to fulfil.
        decided: The first so many were held against all rules, as far as that can be.
    """

    def __init__(self, judge: RuleEvaluator, configurations: Iterable[Params], whole: bool) -> None:
        self.all: list[tuple[Params, frozenset[str]]] = []
        self.decided = 0
        self.whole = whole
        self._plain_allowed: list[int] = []
        plain = judge.rules.without_predictions
        for at, params in enumerate(configurations):
            allowed = plain.allow(params, {})
            judge.prediction_budget = PREDICTIONS - judge.predictions_made if allowed else 0
            self.all.append((params, judge.broken(params)))
            if self.decided == at and (not allowed or judge.decides(params)):
                self.decided += 1
            if allowed and self.decided > at:
                self._plain_allowed.append(at)

    @property
    def allowed(self) -> Params | None:
        """One that fulfils all rules, if any does."""
        return next((params for params, broken in self.all if not broken), None)

    def held_against(self, rule: Rule) -> Sequence[int]:
        """Return which configurations a rule was held against."""
        return self._plain_allowed if rule.needs_prediction else range(len(self.all))

    def forbidden(self, rule: Rule) -> list[int]:
        """Return which of these the rule forbids."""
        return [at for at in self.held_against(rule) if rule.id in self.all[at][1]]

    def share(self, places: Sequence[int], ids: frozenset[str]) -> Share:
        """Return how many of some configurations break none of some rules."""
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
    space: Space, judge: RuleEvaluator, found: RuleFinding, seen: _Seen
) -> RuleFinding:
    """Look for something that a rule forbids near what was seen, where nothing that was is."""
    if found.forbidden is not None or seen.whole or found.rule.needs_prediction:
        return found
    starts = [params for params, _ in seen.all[:_STARTS]]
    return replace(found, forbidden=forbidden_near(space, judge, starts, found.rule))


def _with_nearest(
    space: Space, judge: RuleEvaluator, found: RuleFinding, allowed: Params | None
) -> RuleFinding:
    """Look for something allowed near what a rule forbids; what is known stands in for it."""
    if found.forbidden is None:
        return found
    nearest = allowed_near(space, judge, found.forbidden)
    return replace(found, nearest=nearest or allowed)


def _idle(seen: _Seen, found: Iterable[RuleFinding]) -> Iterator[Warned]:
    """Find rules that are never true where they apply, and rules that forbid nothing."""
    for one in found:
        forbidden = one.allows.of - one.allows.count
        if one.applies and forbidden == one.applies and _is_rare(one.applies, seen.whole):
            yield Warned(one.rule.id, Doubt.NEVER_TRUE)
        if one.forbidden is None and _is_rare(one.allows.of, seen.whole):
            yield Warned(one.rule.id, Doubt.ALWAYS_TRUE)


def _is_rare(of: int, whole: bool) -> bool:
    """Tell whether what was not seen among so many is rare in the whole space, too."""
    return Share(0, of, whole).interval[1] < _RARE


def _needless(space: Space, judge: RuleEvaluator, seen: _Seen) -> Iterator[Warned]:
    """Find rules that forbid nothing that another rule allows."""
    rules = judge.rules.rules
    forbidden = {one.id: frozenset(seen.forbidden(one)) for one in rules}
    for at, rule in enumerate(rules):
        mine = forbidden[rule.id]
        for other in (*rules[:at], *rules[at + 1 :]):
            theirs = forbidden[other.id]
            # Of two rules that forbid the same, the first is the one to keep.
            within = mine < theirs or (mine == theirs and other in rules[:at])
            if mine and within and _is_implied(space, judge, seen, rule, other, theirs):
                yield Warned(rule.id, Doubt.ADDS_NOTHING, other.id)
                break


def _is_implied(
    space: Space,
    judge: RuleEvaluator,
    seen: _Seen,
    rule: Rule,
    other: Rule,
    theirs: Collection[int],
) -> bool:
    """Tell whether it is no coincidence that all that one rule forbids is forbidden by another."""
    if rule.needs_prediction != other.needs_prediction:
        return False  # they were held against different configurations
    if seen.whole:
        return True
    mine = seen.forbidden(rule)
    if (len(theirs) / len(seen.held_against(rule))) ** len(mine) > _CHANCE:
        return False
    if rule.needs_prediction:
        return True  # to look on would take many predictions
    starts = [seen.all[at][0] for at in mine[:_STARTS]]
    return forbidden_near(space, judge, starts, rule, other) is None
