"""Rule audits: trainings just outside a rule, each compared with one just inside.

A rule is the hypothesis of an expert. An audit trains a configuration that breaks this rule alone,
as close as possible to one that was trained already, with the same seed. The two are compared as a
*pair*. The number of audits depends on what the search has spent, never on their results, so there
is no optional stopping.

Differences are counted in steps of the study's worth (points, units, halvings). The smallest
relevant difference, `matters` below, is the cost of a trial in the same steps. The mean difference
has a 90 % t-interval, which is equivalent to two one-sided tests at 5 % (Schuirmann 1987, A
Comparison of the Two One-Sided Tests Procedure and the Power Approach for Assessing the Equivalence
of Average Bioavailability). If the interval is below `-matters`, outside is worse and the rule
holds; if it is between the limits, the rule is needless; above `matters`, the rule costs quality;
if it contains a limit, the audit is undecided. Each finding is wrong at most one time in twenty.

A training that fails, or that breaks a soft rule, has no difference. Whether trainings outside fail
more often than inside is tested by Fisher's exact test, one-sided at 5 % (Fisher 1935, The Design
of Experiments, chapter 2).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean, stdev

from scipy.special import stdtrit

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Ledger
from satisfice.domain.economics.text import STEPS, counted, number
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.rules.rule import Rule
from satisfice.domain.study import Study
from satisfice.domain.trials.history import Failure, History, TrialRecord
from satisfice.domain.trials.reservation import search_share

ROOM = 1.25  # times the cost of the trial beside it: what an audit may cost at least
FEWEST = 3  # audits before there is a finding; two pairs say next to nothing
_ERROR = 0.05  # of each of the one-sided tests
_PARTNERS = 20
_ROUNDING = 1e-9
_FARTHEST = 1000  # audits; more are never made

# Failures with outside causes say nothing about the configuration.
_NOT_ITS_FAULT = (Failure.LOST, Failure.STOPPED)


class Finding(StrEnum):
    """The result of the audits of a rule."""

    HOLDS = "holds"
    NEEDLESS = "is needless"
    COSTS_QUALITY = "costs quality"
    OPEN = "has not enough evidence yet"
    NOT_AUDITED = "was not audited"


@dataclass(frozen=True, slots=True)
class RuleAudit:
    """The audits of one rule, and their result.

    Attributes:
        rule: The rule's id.
        finding: The result.
        reason: One sentence with the numbers in it.
        differences: For each pair, outside less inside in steps of the worth; above 0: outside was
            better.
        failed: How many trainings outside failed.
        mean: The mean difference; NaN without any.
        low: Lower end of its 90 % interval.
        high: Upper end of it.
        matters: The cost of a trial in the same steps: smaller differences do not matter.
        more: How many more audits would probably settle it; None: none, or unknown.
    """

    rule: str
    finding: Finding
    reason: str
    differences: tuple[float, ...] = ()
    failed: int = 0
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    matters: float = math.nan
    more: int | None = None


def findings(
    rules: Iterable[Rule],
    audits: Sequence[TrialRecord],
    history: History,
    worth: Worth,
    not_auditable: Mapping[str, str],
) -> tuple[RuleAudit, ...]:
    """Return the result of each audited rule.

    Args:
        rules: All rules.
        audits: The finished audits of all rules.
        history: The trials of the search, including those that audits are compared with.
        worth: What a gain is worth.
        not_auditable: By rule id, why a rule cannot be audited.
    """
    found = []
    for rule in rules:
        if rule.audit:
            own = [one for one in audits if one.audit and one.audit.rule == rule.id]
            own = [one for one in own if one.failure not in _NOT_ITS_FAULT]
            why = not_auditable.get(rule.id, "its share of the spending did not cover a training")
            nothing = RuleAudit(rule.id, Finding.NOT_AUDITED, why)
            found.append(_finding(rule.id, own, history, worth) if own else nothing)
    return tuple(found)


def partners(history: History, used: Collection[int]) -> list[TrialRecord]:
    """Return the feasible trials to compare an audit with: the newer half, at most twenty.

    That is where the sampler searches once it has learnt something. The best trials would be biased
    (winner's curse): compared with a trial chosen for its value, everything outside looks worse
    than it is.

    Args:
        history: The trials of the search.
        used: The numbers of trials already compared with an audit of the same rule.

    Returns:
        The trials, newest first.
    """
    newest = sorted(history.feasible, key=lambda one: -one.number)
    newer = newest[: min(math.ceil(len(newest) / 2), _PARTNERS)]
    return [one for one in newer if one.number not in used]


def most_money(share: float, study: Study) -> float | None:
    """Return the most that the audits of a rule may cost; None without a budget.

    Args:
        share: The rule's share.
        study: The study: its budget, prices and resources.
    """
    budget = search_share(study.budget, study.confirming.share)
    limits = [] if budget.money is None else [budget.money]
    if budget.seconds is not None:
        resources = study.resources
        seconds = budget.seconds * resources.workers
        kwh = seconds * resources.watts_per_core * resources.threads / 3.6e6
        limits.append(study.prices.of(seconds, kwh, EnergyMode.ESTIMATED).money)
    return share * min(limits) if limits else None


def left_of_share(share: float, ledger: Ledger, taken: Cost, audits: int) -> Budget:
    """Return what the audits of a rule may still cost, given what has been spent so far.

    Seconds are always limited, and so is whatever else the budget limits.

    Args:
        share: The rule's share.
        ledger: The ledger of the search.
        taken: The cost of its audits, with the reservations of running ones.
        audits: The number of these audits.
    """
    spent, budget = ledger.spent * share, ledger.budget
    trials = math.floor(ledger.trials * share + 1e-9) - audits
    return Budget(
        trials=None if budget.trials is None else max(trials, 0),
        seconds=max(spent.seconds - taken.seconds, 0.0),
        kwh=None if budget.kwh is None else max(spent.kwh - taken.kwh, 0.0),
        money=None if budget.money is None else max(spent.money - taken.money, 0.0),
    )


def difference(
    outside: TrialRecord, inside: TrialRecord, worth: Worth, direction: Direction
) -> float | None:
    """Return by how many steps of the worth one trial is better than another; None without values.

    They are compared at the last epoch that both have reported: a deadline may have cut one short.
    A trial that breaks a soft rule is worth nothing, so it has no difference either.
    """
    both = (outside, inside)
    if not all(one.has_value and not one.broken for one in both) or not worth.money > 0:
        return None
    last = min((one.curve[-1].epoch for one in (outside, inside) if one.curve), default=0)
    before, after = _value(inside, last), _value(outside, last)
    gain = worth.of(before, after, direction) - worth.of(after, before, direction)
    return gain / worth.money


def _value(trial: TrialRecord, epoch: int) -> float:
    reported = [point.value for point in trial.curve if point.epoch <= epoch]
    return reported[-1] if reported else trial.value or 0.0


def _finding(rule: str, audits: Sequence[TrialRecord], history: History, worth: Worth) -> RuleAudit:
    inside = {one.number: one for one in history.trials}
    pairs = [(one, inside[one.audit.beside]) for one in audits if one.audit]
    compared = (difference(*pair, worth, history.direction) for pair in pairs)
    differences = tuple(one for one in compared if one is not None)
    price = history.spent.money / len(history.trials)
    matters = price / worth.money if worth.money > 0 else math.inf
    mean, low, high = _interval(differences, matters)
    others = [one for one in history.trials if one.failure not in _NOT_ITS_FAULT]
    failed, failing = (sum(one.failure is not None for one in some) for some in (audits, others))
    found = Finding.OPEN
    if len(audits) >= FEWEST and _chance(failed, len(audits), failing, len(others)) <= _ERROR:
        found = Finding.HOLDS
    elif len(differences) >= FEWEST:
        found = _weighed(low, high, matters)
    more = _more(differences, mean, matters) if found is Finding.OPEN else None
    judged = RuleAudit(rule, found, "", differences, failed, mean, low, high, matters, more)
    told = [_in_words(judged, worth)] if differences else []
    if failed:
        kinds = ", ".join(dict.fromkeys(str(one.failure) for one in audits if one.failure))
        outside = f"{failed} of {counted(len(audits), 'training')} outside failed ({kinds})"
        told.insert(0, f"{outside}, {failing} of {len(others)} inside")
    if more is not None:
        some = "about" if len(differences) > 1 else "at least"
        told.append(f"{some} {counted(more, 'more audit')} would settle it")
    return replace(judged, reason="; ".join(told))


def _in_words(judged: RuleAudit, worth: Worth) -> str:
    mean, count = judged.mean, len(judged.differences)
    by = f"{'better' if mean > 0 else 'worse'} by {number(abs(mean))} {STEPS[worth.per]}"
    ends = f"90 % interval {number(judged.low)} to {number(judged.high)}, " if count > 1 else ""
    return (
        f"outside was {by if abs(mean) > _ROUNDING else 'as good'} "
        f"({ends}{counted(count, 'pair')}); less than {number(judged.matters)} does not pay "
        "for a trial"
    )


def _interval(differences: Sequence[float], matters: float) -> tuple[float, float, float]:
    """Return the mean of some differences and the ends of its interval.

    The deviation is at least `matters`: a few equal differences of a coarse metric prove nothing.
    """
    if not differences:
        return math.nan, math.nan, math.nan
    mean, count = fmean(differences), len(differences)
    reach = math.inf if count == 1 else _reach(count) * max(stdev(differences), matters)
    return mean, mean - reach, mean + reach


def _reach(count: int) -> float:
    """Return half the length of the interval of `count` pairs, in standard deviations."""
    return float(stdtrit(count - 1, 1 - _ERROR)) / math.sqrt(count)


def _weighed(low: float, high: float, matters: float) -> Finding:
    """Return the finding of an interval; open if it contains one of the limits."""
    if high < -matters:
        return Finding.HOLDS
    if low > matters:
        return Finding.COSTS_QUALITY
    return Finding.NEEDLESS if -matters <= low and high <= matters else Finding.OPEN


def _chance(failed: int, tried: int, others_failed: int, others: int) -> float:
    """Return the p-value of at least `failed` of all failures among those tried (Fisher)."""
    failures, every = failed + others_failed, tried + others
    ways = sum(
        math.comb(tried, count) * math.comb(others, failures - count)
        for count in range(failed, min(tried, failures) + 1)
    )
    return ways / math.comb(every, failures)


def _more(differences: Sequence[float], mean: float, matters: float) -> int | None:
    """Return how many more pairs would settle it if mean and deviation stayed the same.

    With fewer than two pairs the deviation is unknown, so the answer is the pairs up to `FEWEST`.
    """
    count = len(differences)
    if count < 2:
        return FEWEST - count
    deviation, room = max(stdev(differences), matters), abs(abs(mean) - matters)
    enough = range(max(count + 1, FEWEST), _FARTHEST)
    return next((one - count for one in enough if deviation * _reach(one) <= room), None)
