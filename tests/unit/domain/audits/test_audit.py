"""Rule audits: intervals, findings, and their budget."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from satisfice.domain.audits.audit import (
    FEWEST,
    Finding,
    RuleAudit,
    difference,
    findings,
    left_of_share,
    most_money,
    partners,
)
from satisfice.domain.economics.cost import Budget, Cost, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule
from satisfice.domain.space.space import Space
from satisfice.domain.study import Confirming, DataSource, Objective, Resources, Study
from satisfice.domain.trials.history import (
    Audit,
    CurvePoint,
    Failure,
    History,
    Purpose,
    TrialRecord,
    TrialState,
)

RULE = Rule("small", Expression("x <= 5"), audit=0.1)
WORTH = Worth(1.0, Per.POINT)  # a trial costs 1 EUR, so that a point is what matters
PRICE = Cost(seconds=10.0, money=1.0)


def trial(number: int, value: float | None, failure: Failure | None = None) -> TrialRecord:
    state = TrialState.FAILED if failure else TrialState.COMPLETE
    return TrialRecord(number, {"x": number}, state, value, cost=PRICE, failure=failure)


def audit(
    number: int, beside: int, value: float | None, failure: Failure | None = None
) -> TrialRecord:
    about = Audit(RULE.id, beside)
    return replace(trial(number, value, failure), purpose=Purpose.AUDIT, audit=about)


def found(
    points: list[float], failed: int = 0, inside_failed: int = 0, worth: Worth = WORTH
) -> RuleAudit:
    """Judge audits that were better than those inside by so many points, and some that failed."""
    inside = [trial(number, 0.5) for number in range(20)]
    inside += [trial(20 + at, None, Failure.CRASHED) for at in range(inside_failed)]
    outside = [audit(50 + at, at, 0.5 + one / 100) for at, one in enumerate(points)]
    outside += [audit(80 + at, 15, None, Failure.OUT_OF_MEMORY) for at in range(failed)]
    history = History(tuple(inside), Direction.MAXIMIZE)
    (one,) = findings([RULE, Rule("other", Expression("x > 0"))], outside, history, worth, {})
    return one


@pytest.mark.parametrize(
    ("points", "finding"),
    [
        ([-9.0, -8.0, -10.0], Finding.HOLDS),
        ([9.0, 8.0, 10.0], Finding.COSTS_QUALITY),
        ([0.1, -0.1, 0.2, 0.0, -0.2, 0.1], Finding.NEEDLESS),
        ([9.0, -8.0, 1.0], Finding.OPEN),
        ([9.0, 8.0], Finding.OPEN),  # too few, however clear
        ([1.2, 1.3, 1.1], Finding.OPEN),  # better, but perhaps by no more than matters
        ([0.0, 0.0, 0.0], Finding.OPEN),  # alike by chance, perhaps
        ([0.0] * 6, Finding.NEEDLESS),
    ],
)
def test_the_interval_decides_with_what_a_trial_costs(
    points: list[float], finding: Finding
) -> None:
    one = found(points)
    assert one.finding is finding
    assert one.differences == pytest.approx(points)
    assert one.matters == pytest.approx(1.0)
    assert one.low <= one.mean <= one.high
    # Where less is at stake, the same differences matter more, or less.
    assert found(points, worth=replace(WORTH, money=1e-9)).finding in (
        Finding.OPEN,
        Finding.NEEDLESS,
    )


def test_the_reason_has_the_numbers_in_it() -> None:
    one = found([9.0, 8.0, 10.0])
    assert one.reason == (
        "outside was better by 9 points (90 % interval 7.3 to 11, 3 pairs); less than 1 does "
        "not pay for a trial"
    )
    assert found([9.0]).reason == (
        "outside was better by 9 points (1 pair); less than 1 does not pay for a trial; "
        "at least 2 more audits would settle it"
    )
    assert found([0.0]).reason.startswith(
        "outside was as good (1 pair); less than 1 does not pay for a trial"
    )
    both = found([-0.5, 0.5, 0.1, 0.2], failed=1, inside_failed=2)
    assert both.reason.startswith(
        "1 of 5 trainings outside failed (out of memory), 2 of 22 inside; outside was better"
    )


def test_as_many_more_audits_as_said_settle_it_where_nothing_changes() -> None:
    few = found([3.0, 0.0, 6.0, 1.0])
    assert few.finding is Finding.OPEN
    assert few.more is not None
    deviation, count = float(np.std(few.differences, ddof=1)), len(few.differences) + few.more
    for pairs, settled in ((count, True), (count - 1, False)):
        reach = stats.t.ppf(0.95, pairs - 1) * deviation / math.sqrt(pairs)
        assert bool(few.mean - reach > few.matters) is settled
    assert found([9.0, 8.0, 10.0]).more is None  # settled
    assert found([1.0, 1.0, 1.0]).more is None  # on the very limit nobody can tell
    assert (found([20.0, -10.0]).more or 0) > 50  # two pairs tell how far it is
    assert found([900.0, -800.0]).more is None  # farther than anybody would go
    assert found([9.0, 9.1]).more == 1


def test_failures_outside_are_compared_with_those_inside() -> None:
    assert found([], failed=3).finding is Finding.HOLDS
    assert found([], failed=FEWEST - 1).finding is Finding.OPEN
    assert found([], failed=3, inside_failed=20).finding is Finding.OPEN
    assert (
        found([0.1, -0.1, 0.0, 0.0, 0.1, 0.0], failed=1, inside_failed=4).finding
        is Finding.NEEDLESS
    )
    assert found([], failed=3).reason == (
        "3 of 3 trainings outside failed (out of memory), 0 of 20 inside"
    )


@pytest.mark.parametrize("failed", range(5))
@pytest.mark.parametrize("inside_failed", [0, 2, 30])
def test_the_chance_of_failures_is_that_of_fishers_exact_test(
    failed: int, inside_failed: int
) -> None:
    one = found([0.0] * 1, failed=failed, inside_failed=inside_failed)
    table = [[failed, 1], [inside_failed, 20]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue <= 0.05 and failed + 1 >= 3
    assert (one.finding is Finding.HOLDS) is bool(expected)


def test_what_befell_a_training_from_outside_counts_on_neither_side() -> None:
    inside = tuple(trial(number, 0.5) for number in range(4))
    lost = [audit(10 + at, at, None, Failure.LOST) for at in range(3)]
    history = History((*inside, trial(9, None, Failure.STOPPED)), Direction.MAXIMIZE)
    (one,) = findings([RULE], lost, history, WORTH, {})
    assert one.finding is Finding.NOT_AUDITED
    (one,) = findings([RULE], [*lost, audit(20, 0, None, Failure.CRASHED)], history, WORTH, {})
    assert one.reason == (
        "1 of 1 training outside failed (crashed), 0 of 4 inside; "
        "at least 3 more audits would settle it"
    )


def test_a_rule_without_audits_says_why() -> None:
    history = History((), Direction.MAXIMIZE)
    (one,) = findings([RULE], [], history, WORTH, {})
    assert one.finding is Finding.NOT_AUDITED
    assert "did not cover a training" in one.reason
    (one,) = findings([RULE], [], history, WORTH, {RULE.id: "no model can be built"})
    assert one.reason == "no model can be built"


@pytest.mark.parametrize("pairs", [3, 10])
@pytest.mark.parametrize("effect", [-1.0, 0.0, 1.0, 5.0])
def test_the_interval_covers_and_no_verdict_is_wrong_more_often_than_promised(
    pairs: int, effect: float
) -> None:
    """At 1.0, the limit of what matters, both verdicts beside it are at their worst."""
    random = np.random.default_rng(pairs)
    covered, said = 0, dict.fromkeys(Finding, 0)
    runs = 800
    for points in random.normal(effect, 3.0, (runs, pairs)):
        one = found(points.tolist())
        covered += one.low <= effect <= one.high
        said[one.finding] += 1
    error = 3 * math.sqrt(0.05 * 0.95 / runs)
    assert covered / runs == pytest.approx(0.9, abs=2 * error)
    wrong = {
        Finding.HOLDS: effect >= -1.0,
        Finding.NEEDLESS: abs(effect) >= 1.0,
        Finding.COSTS_QUALITY: effect <= 1.0,
    }
    for finding, is_wrong in wrong.items():
        assert not is_wrong or said[finding] / runs <= 0.05 + error
    if effect == 5.0 and pairs == 10:
        assert said[Finding.COSTS_QUALITY] / runs > 0.95


def test_small_differences_are_judged_with_care() -> None:
    """Where pairs differ by less than what matters the interval is wider than it had to be."""
    random = np.random.default_rng(0)
    covered = [
        (one := found(points.tolist())).low <= 0.0 <= one.high
        for points in random.normal(0.0, 0.2, (300, 3))
    ]
    assert np.mean(covered) == 1.0


def test_pairs_are_compared_at_the_last_epoch_that_both_have_reported() -> None:
    def trained(*values: float) -> TrialRecord:
        curve = tuple(CurvePoint(at, one, float(at)) for at, one in enumerate(values, 1))
        return replace(trial(0, values[-1]), curve=curve)

    maximize = Direction.MAXIMIZE
    assert difference(trained(0.1, 0.3), trained(0.2, 0.3, 0.9), WORTH, maximize) == 0.0
    assert difference(trained(0.1, 0.3, 0.4), trained(0.2, 0.3), WORTH, maximize) == 0.0
    assert difference(trained(0.4), trial(1, 0.3), WORTH, maximize) == pytest.approx(10.0)
    assert difference(trained(0.4), trial(1, 0.3), WORTH, Direction.MINIMIZE) == pytest.approx(
        -10.0
    )
    halving = Worth(2.0, Per.HALVING)
    assert difference(trial(1, 0.75), trial(0, 0.5), halving, maximize) == pytest.approx(1.0)
    capped = Worth(1.0, Per.POINT, target=0.8)
    assert difference(trial(1, 0.95), trial(0, 0.85), capped, maximize) == 0.0
    assert difference(trial(1, None, Failure.CRASHED), trial(0, 0.5), WORTH, maximize) is None


def test_partners_are_taken_for_their_time_and_not_for_their_value() -> None:
    values = [0.9, None, 0.1, 0.8, 0.2, 0.3, 0.99]
    trials = tuple(
        trial(number, value, None if value else Failure.CRASHED)
        for number, value in enumerate(values)
    )
    history = History(trials, Direction.MAXIMIZE)
    assert [one.number for one in partners(history, ())] == [6, 5, 4]
    assert [one.number for one in partners(history, (5,))] == [6, 4]
    shuffled = History(trials[::-1], Direction.MINIMIZE)
    assert partners(shuffled, ()) == partners(history, ())
    assert partners(History((), Direction.MAXIMIZE), ()) == []


def test_what_breaks_a_soft_rule_has_no_difference_and_is_no_partner() -> None:
    inside, outside = trial(0, 0.5), audit(9, 0, 0.9)
    broken = replace(outside, margins={"fair": -0.25})
    assert difference(broken, inside, WORTH, Direction.MAXIMIZE) is None
    assert difference(outside, inside, WORTH, Direction.MAXIMIZE) == pytest.approx(40.0)
    others = (replace(trial(1, 0.6), margins={"fair": -1.0}), trial(2, 0.4), trial(3, 0.3))
    history = History((inside, *others), Direction.MAXIMIZE)
    assert [one.number for one in partners(history, ())] == [3, 2]


def test_leaders_as_partners_would_make_rules_hold_that_do_nothing() -> None:
    """Why partners are not chosen by value: a rule that changes nothing seems to hold."""
    random = np.random.default_rng(1)
    held = {"partners": 0, "leaders": 0}
    for _ in range(300):
        expected = -np.abs(random.normal(0.0, 1.0, 40))
        seen = 0.5 + (expected + random.normal(0.0, 1.0, 40)) / 100
        trials = [trial(number, value) for number, value in enumerate(seen.tolist())]
        cheap = tuple(replace(one, cost=Cost(money=1e-3)) for one in trials)
        history = History(cheap, Direction.MAXIMIZE)
        for name, chosen in (
            ("partners", partners(history, ())[:6]),
            ("leaders", list(history.leaders(6))),
        ):
            outside = [
                audit(100 + one.number, one.number, 0.5 + (expected[one.number] + luck) / 100)
                for one, luck in zip(chosen, random.normal(0.0, 1.0, 6).tolist(), strict=True)
            ]
            (judged,) = findings([RULE], outside, history, WORTH, {})
            held[name] += judged.finding is Finding.HOLDS
    assert held["partners"] / 300 <= 0.08
    assert held["leaders"] / 300 >= 0.5


def test_a_share_is_one_of_what_was_spent_and_of_each_resource_that_is_limited() -> None:
    spent = Cost(seconds=200.0, kwh=2.0, money=20.0)
    ledger = Ledger(Budget(trials=99, kwh=9.0, money=99.0), spent, trials=25)
    taken = Cost(seconds=15.0, kwh=0.3, money=0.5)
    assert left_of_share(0.1, ledger, taken, 1) == Budget(1, pytest.approx(5.0), 0.0, 1.5)
    assert left_of_share(0.04, ledger, Cost(), 0) == Budget(1, 8.0, 0.08, 0.8)
    free = replace(ledger, budget=Budget())
    assert left_of_share(0.1, free, taken, 1) == Budget(None, pytest.approx(5.0), None, None)
    assert left_of_share(0.1, Ledger(Budget(trials=5)), Cost(), 0) == Budget(0, 0.0)


def test_the_most_that_audits_cost_follows_from_the_budget() -> None:
    study = Study(
        "s", "/s", "problem.py", DataSource("d"), Objective("score", Direction.MAXIMIZE), WORTH,
        Prices("EUR", hour=3600.0), Budget(seconds=100.0, money=1000.0), Space(()),
        confirming=Confirming(share=0.25), resources=Resources(workers=2),
    )  # fmt: skip
    assert most_money(0.1, study) == pytest.approx(0.1 * 0.75 * 200.0)
    dear = replace(study, budget=Budget(seconds=100.0, money=40.0))
    assert most_money(0.1, dear) == pytest.approx(3.0)
    assert most_money(0.1, replace(study, budget=Budget(trials=7))) is None
