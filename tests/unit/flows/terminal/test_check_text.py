"""What `satisfice check` says of rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.check import Findings, examine
from satisfice.domain.rules.conflicts import Clash
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.enumeration import every_configuration
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Space
from satisfice.domain.study import Confirming, DataSource, Objective, Study
from satisfice.flows.terminal.check_text import (
    clash,
    document,
    hidden,
    rules,
    soft_rules,
    specification,
)
from satisfice.tasks.sampling.draws import random_configurations

SMALL = Space(
    (
        Parameter("a", Int(1, 6), default=4),
        Parameter("b", Int(1, 4), default=2),
        Parameter("c", Choice(("x", "y")), when=Expression("a > 3"), default="x"),
    )
)
LARGE = Space(
    (Parameter("lr", Float(0.0, 1.0)), Parameter("a", Int(1, 3), when=Expression("lr > 2")))
)


def book(*requirements: str) -> RuleBook:
    numbered = enumerate(requirements, 1)
    return RuleBook(
        tuple(Rule(f"r{at}", Expression(text), f"reason {at}") for at, text in numbered)
    )


def told(findings: Findings) -> list[str]:
    return [line.plain.rstrip() for line in rules(findings)]


def test_a_small_space_is_told_in_full() -> None:
    predicted = book("a % b == 0", "predicted.macs < 5", "c == 'x'")
    judge = RuleEvaluator(predicted, lambda params: {"predicted.macs": float(params["a"])})
    assert told(examine(SMALL, judge, every_configuration(SMALL), whole=True)) == [
        "rules, checked on all 36 configurations, 12 predictions",
        "  r1: a % b == 0",
        "    because reason 1",
        "    allows  19 of 36 (53 % of the space)",
        "    forbids a=1 b=2",
        "    nearest a=2",
        "  r2: predicted.macs < 5",
        "    because reason 2",
        "    allows  8 of 12 (67 % of what the rules on parameters allow)",
        "    forbids a=5 b=1 c=x",
        "    nearest a=4",
        "  r3: c == 'x'",
        "    because reason 3",
        "    allows  24 of 36 (67 % of the space); does not apply to 33 %",
        "    forbids a=4 b=1 c=y",
        "    nearest a=3 no c",
        "  together they allow 8 of 36 (22 % of the space)",
        "  the default configuration is allowed",
    ]


def test_a_sample_is_told_with_intervals_and_doubts() -> None:
    doubtful = book("lr <= 0.5", "lr <= 0.6", "lr >= 0", "a < 3")
    judge = RuleEvaluator(doubtful, lambda params: {})
    lines = told(examine(LARGE, judge, random_configurations(LARGE, 1000, 0)))
    assert lines[0] == ("rules, checked on 1,000 random configurations; 95 % intervals in brackets")
    assert lines[3] == "    allows  52 % of the space (49 % to 55 %)"
    assert "    allows  100 % of the space (99.6 % to 100 %)" in lines
    assert "    allows  100 % of the space (99.6 % to 100 %); does not apply to 100 %" in lines
    warnings = [line.removeprefix("  warning rule ") for line in lines[-3:]]
    assert warnings == [
        "'r3' is always true: it forbids none of 1,000 configurations. Is it needed?",
        "'r4' never applies: its parameters are never active together in 1,000 configurations",
        "'r2' is redundant: 'r1' forbids all that it forbids, among 1,000 configurations",
    ]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            Clash(("r1", "r2"), 2000, ("a", "b")),
            """\
no configuration satisfies rules 'r1' and 'r2' together: none of 2,000 combinations of a and b does
    line 7, r1: a > b
    line 9, r2: a < b
  loosen one of them or widen the space: without any one of them, the others can be satisfied""",
        ),
        (
            Clash(("r2",), 125, ("a",)),
            """\
no configuration satisfies rule 'r2': none of 125 values of a does
    line 9, r2: a < b
  loosen it or widen the space""",
        ),
        (
            Clash(("r2",), 1, ()),
            """\
no configuration satisfies rule 'r2'
    line 9, r2: a < b
  loosen it or widen the space""",
        ),
        (
            Clash(("r1",), 12974),
            """\
none of 12,974 configurations satisfies rule 'r1'
    line 7, r1: a > b
  loosen it or widen the space""",
        ),
    ],
)
def test_a_contradiction_says_what_was_proven(found: Clash, message: str) -> None:
    told_and_hint = clash(book("a > b", "a < b"), found, {"r1": 7, "r2": 9})
    assert str(NoAllowedConfiguration(*told_and_hint)) == message


def test_soft_rules_are_told_apart_from_what_keeps_a_configuration_out() -> None:
    hard = book("a > b")
    rule = Rule("fast", Expression("measured.latency_ms_p95 <= 2"), "users wait", "page 3")
    study = Study(
        name="s",
        folder="/s",
        problem="problem.py",
        data=DataSource("none"),
        objective=Objective("score", Direction.MAXIMIZE),
        worth=Worth(1.0),
        prices=Prices(),
        budget=Budget(),
        space=SMALL,
        rules=hard,
        soft_rules=RuleBook((rule,)),
    )
    findings = examine(
        SMALL, RuleEvaluator(hard, lambda _: {}), every_configuration(SMALL), whole=True
    )
    assert [line.plain for line in soft_rules(study)] == [
        "soft rules, checked after training",
        "  fast: measured.latency_ms_p95 <= 2",
        "    because users wait",
        "    source  page 3",
    ]
    assert not any("fast" in line for line in told(findings))
    (said,) = document(study, findings, None)["soft_rules"]
    assert (said["id"], said["require"]) == ("fast", "measured.latency_ms_p95 <= 2")
    assert list(soft_rules(replace(study, soft_rules=RuleBook()))) == []


def test_the_specification_says_what_is_audited_and_what_never_is() -> None:
    rules = RuleBook(
        (
            Rule("small", Expression("a < 5"), audit=0.05),
            Rule("sure", Expression("a > 1"), safety=True),
            Rule("plain", Expression("b > 1")),
        )
    )
    study = Study(
        "s", "/s", "problem.py", DataSource("d"), Objective("m", Direction.MAXIMIZE), Worth(1.0),
        Prices("EUR", hour=1.0), Budget(money=20.0), SMALL, rules,
        confirming=Confirming(share=0.25),
    )  # fmt: skip
    lines = [line.plain.strip() for line in specification(study)]
    assert lines[5:7] == [
        ("audits  5 % of what the search spends on trials just outside small, at most 0.75 EUR"),
        "safety  sure is never broken, not even by an audit",
    ]
    unlimited = [line.plain.strip() for line in specification(replace(study, budget=Budget()))]
    assert unlimited[5].endswith("just outside small")
    assert lines[2] == "prices  1 EUR/h, 0 per kWh"
    free = [line.plain.strip() for line in specification(replace(study, prices=Prices()))]
    assert free[2] == "prices  none stated: costs are counted in hours of this machine"


def test_a_module_that_hides_a_library_is_a_warning() -> None:
    (line,) = hidden({"random.py": "the standard library's module random"})
    assert line.plain == (
        "  warning random.py hides the standard library's module random from the study and the "
        "packages that it imports: rename it"
    )
