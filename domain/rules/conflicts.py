"""Conflicting rules: a smallest set of rules that no configuration fulfils."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from satisfice.domain.rules.batch_repair import SIEVED, repair
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space import enumeration
from satisfice.domain.space.repair import allowed_step_by_step
from satisfice.domain.space.space import Params, Space

_LISTED = 50_000  # configurations that are enumerated, some microseconds each
_STARTS = 8
_ATTEMPTS = 5_000  # checks around one configuration: a study is refused if nothing is found
_PREDICTIONS = 100  # of each search


@dataclass(frozen=True, slots=True)
class Clash:
    """A minimal set of rules that no configuration fulfils together.

    Attributes:
        rules: Their ids, in the order of the study.
        looked_at: How many configurations were checked.
        over: The parameters whose combinations were all checked, which is a proof. None: there is
            no proof, only no configuration was found.
    """

    rules: tuple[str, ...]
    looked_at: int
    over: tuple[str, ...] | None = None


def find_clash(
    space: Space, evaluator: RuleEvaluator, seen: Sequence[tuple[Params, frozenset[str]]]
) -> Clash | Params:
    """Return a smallest set of rules that conflict, or a configuration that fulfils all rules.

    If the parameters of the rules have few combinations, all of these are checked. Otherwise the
    neighbourhood of known configurations is searched.

    Args:
        space: The space.
        evaluator: Evaluates the rules.
        seen: Known configurations, each with the ids of the rules that it is not known to fulfil;
            at least one.
    """
    search = _Search(space, evaluator, seen)
    found = smallest_clash((broken for _, broken in seen), search.run)
    if found is None:
        return search.last
    rules = tuple(one.id for one in evaluator.rules.rules if one.id in found)
    return Clash(rules, search.looked_at, search.over)


def smallest_clash(
    broken: Iterable[frozenset[str]],
    fulfil: Callable[[frozenset[str]], frozenset[str] | None],
) -> frozenset[str] | None:
    """Return a smallest set of rules that conflict, or None if a configuration fulfils all.

    A set of rules conflicts if every configuration breaks one of them. The smallest hitting set of
    what the known configurations break is a guess; a configuration that fulfils the guess refutes
    it, and the next guess must hit what that one breaks as well. Removing rules one by one would
    give a minimal set, but not always a smallest one.

    Source: Ignatiev, Previti, Liffiton and Marques-Silva 2015, Smallest MUS Extraction with Minimal
    Hitting Set Dualization.

    Args:
        broken: What each known configuration breaks.
        fulfil: Searches for a configuration that fulfils a set of rules; returns what it breaks, or
            None if there is none.
    """
    known = set(broken)
    while frozenset() not in known:
        guess = _smallest_hitting(known)
        refuted = fulfil(guess)
        if refuted is None:
            return guess
        known.add(refuted - guess)
    return None


def _smallest_hitting(sets: Collection[frozenset[str]]) -> frozenset[str]:
    """Return a smallest hitting set of some sets, none of them empty."""
    least: list[frozenset[str]] = []
    for one in sorted(sets, key=lambda each: (len(each), sorted(each))):
        if not any(other <= one for other in least):  # otherwise what hits that one hits this one
            least.append(one)
    return next(found for size in count() if (found := _hitting(least, size)) is not None)


def _hitting(sets: Collection[frozenset[str]], size: int) -> frozenset[str] | None:
    if not sets:
        return frozenset()
    if not size:
        return None
    for one in min((len(each), sorted(each)) for each in sets)[1]:
        rest = _hitting([each for each in sets if one not in each], size - 1)
        if rest is not None:
            return rest | {one}
    return None


class _Search:
    """Searches for configurations that fulfil sets of rules, and remembers the last search."""

    def __init__(
        self, space: Space, evaluator: RuleEvaluator, seen: Sequence[tuple[Params, frozenset[str]]]
    ) -> None:
        self._space, self._evaluator, self._seen = space, evaluator, seen
        self.last: Params = {}
        self.looked_at = 0
        self.over: tuple[str, ...] | None = None

    def run(self, wanted: frozenset[str]) -> frozenset[str] | None:
        """Return the rules broken by a configuration that fulfils the wanted ones, if any."""
        self._evaluator.prediction_budget = _PREDICTIONS
        self.looked_at, self.over = 0, None
        rules = [one for one in self._evaluator.rules.rules if one.id in wanted]
        if any(one.needs_prediction for one in rules):  # a prediction depends on all parameters
            part, few = self._space, _PREDICTIONS
        else:
            names = {name for one in rules for name in one.names}
            part, few = enumeration.part_about(self._space, names), _LISTED
        listed = enumeration.count(part) <= few
        found = self._listed(part, rules) if listed else self._near(part, wanted, rules)
        if found is None:
            return None
        self.last = found
        return self._evaluator.broken(found)

    def _listed(self, part: Space, rules: Sequence[Rule]) -> Params | None:
        for one in enumeration.every_configuration(part):
            if self._fulfils(rules, one):
                return enumeration.completed(self._space, one, self._seen[0][0])
        self.over = part.names
        return None

    def _near(self, part: Space, wanted: frozenset[str], rules: Sequence[Rule]) -> Params | None:
        nearest = sorted(self._seen, key=lambda one: len(one[1] & wanted))
        self.looked_at = len(nearest)
        starts = [params for params, _ in nearest[:_STARTS]]
        fulfils = partial(self._fulfils, rules)
        book = RuleBook(tuple(rules)).without_predictions
        for start in starts:
            repaired = repair(enumeration.within(part, start), part, book, fulfils)
            self.looked_at += SIEVED
            if repaired is not None:
                return enumeration.completed(self._space, repaired, start)
        plain = [partial(self._fulfils, [one]) for one in book.rules]
        # Moving only the parameters of the rules keeps the search small.
        for demands in ([fulfils], [*plain, fulfils]):
            for start in starts:
                here = enumeration.within(part, start)
                found = allowed_step_by_step(here, part, demands, _ATTEMPTS)
                if found is not None:
                    return enumeration.completed(self._space, found, start)
        return None

    def _fulfils(self, rules: Sequence[Rule], params: Params) -> bool:
        self.looked_at += 1
        return self._evaluator.fulfils(rules, params)
