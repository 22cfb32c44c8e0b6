"""The report page."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.calibration import Calibration, Window
from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.quality import Gate, GateResult, QualityAttributes
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Choice, Float, Parameter, Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.summary import (
    DataReport,
    Ending,
    ExpectationResult,
    Registration,
    SearchSummary,
)
from satisfice.domain.sweep.plan import Known, Sweep, SweepRequest
from satisfice.domain.trials.history import (
    Audit,
    CurvePoint,
    Failure,
    History,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.tasks.reporting.report import cell, importance, page, saved, write_report

SPACE = Space(
    (
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("idle", Float(0.0, 1.0)),
        Parameter("act", Choice(("relu", "<tanh>"))),
    )
)
STUDY = Study(
    name="s",
    folder="/studies/s",
    problem="problem.py",
    data=DataSource("a & b"),
    objective=Objective("accuracy", Direction.MAXIMIZE),
    worth=Worth(1.0, stated="1 EUR per point"),
    prices=Prices("EUR", hour=1.0),
    budget=Budget(trials=50),
    space=SPACE,
    rules=RuleBook(
        (Rule("not-both", Expression("lr <= 0.05 or idle < 0.5"), "because of <this>"),)
    ),
    gates=(Gate(Expression("parameters <= 10")),),
    seed=5,
    text="study: s  # <as written>\n",
)


def history(count: int) -> History:
    generator = np.random.default_rng(0)
    made = []
    for number in range(count):
        lr, idle = float(10 ** generator.uniform(-4, -1)), float(generator.random())
        state = (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED)[
            number % 4
        ]
        value = 0.9 - 0.05 * abs(math.log10(lr) + 2.5)
        made.append(
            TrialRecord(
                number,
                {"lr": lr, "idle": idle, "act": ("relu", "<tanh>")[number % 2]},
                state,
                None if state is TrialState.FAILED else value,
                (CurvePoint(1, value, 1.0),),
                Cost(1.0, 1e-6, 1e-6, 0.01, EnergyMode.ESTIMATED),
                failure=Failure.KILLED if state is TrialState.FAILED else None,
            )
        )
    return History(tuple(made), Direction.MAXIMIZE)


def summary_of(count: int = 24) -> SearchSummary:
    made = history(count)
    evidence = {"expected_gain": 0.01, "expected_cost": 0.02, "horizon": 3.0}
    decisions = tuple(
        DecisionRecord(
            "search", after, Decision(after == count, f"reason <{after}>", evidence), float(after)
        )
        for after in range(1, count + 1)
    )
    last = decisions[-1].decision if decisions else Decision.to_continue("nothing yet")
    spent = Cost(24.0, 1e-5, 5e-6, 0.25, EnergyMode.ESTIMATED)
    return SearchSummary(
        search="s-1",
        study=STUDY,
        ending=Ending.NOT_WORTH_CONTINUING,
        decision=last,
        history=made,
        decisions=decisions,
        ledger=Ledger(STUDY.budget, spent, count),
        started=0.0,
        seconds=61.0,
    )


FULL = replace(
    summary_of(),
    data=DataReport(
        "d1g35t",
        {"train": 1200, "test": 30},
        (
            ExpectationResult("all is well", True),
            ExpectationResult("no <blank> image", False, 2, ("row 1", "row 7")),
        ),
    ),
    excluded={"not-both": 17},
    confirmed=(
        Confirmed("trial 4", {"lr": 0.003, "act": "<tanh>"}, 0.9, (0.88, 0.86), (0.85, 0.87),
                  (24, 25), 0.86, 0.73, 0.99),
        Confirmed("default", {"lr": 0.1}, None, (0.7,), (), (26,), 0.7, -math.inf, math.inf),
    ),
    quality=QualityAttributes(0.5, 0.75, 0.125, EnergyMode.ESTIMATED, 1234, 56789, 4096),
    gates=(GateResult("parameters <= 10", False, {"parameters": 1234.0}),),
    registration=Registration("s", "", "", "not registered: a gate failed"),
    environment={"torch": "2.13"},
    links={"MLflow run": "http://127.0.0.1:5000/#/runs/1", "data docs": ""},
    notes=("MLflow is <behind>",),
)  # fmt: skip


class _Links(HTMLParser):
    """Collects what a page asks the network for, and whether its tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "link", "img", "hr", "input"}:
            self.open.append(tag)
        if tag in {"script", "link", "img", "iframe"}:
            self.asked.append(tag)
        self.asked += [f"{name}={value}" for name, value in attrs if name in {"src", "srcset"}]
        for name, value in attrs:
            if name.endswith("href") and not (value or "").startswith(("#", "file:")):
                self.asked.append(f"{name}={value}")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def full() -> str:
    return page(FULL)


def test_the_page_needs_no_network(full: str) -> None:
    links = _Links()
    links.feed(full)
    assert links.open == []
    assert not [one for one in links.asked if "MLflow" not in one and "127.0.0.1" not in one]
    assert "@import" not in full
    assert not re.search(r"url\((?!#)", full)


def test_the_page_says_all_that_the_summary_knows(full: str) -> None:
    for told in (
        "s-1: Not worth continuing",
        "reason &lt;24&gt;",
        "1970-01-01 00:00 UTC",
        "1 EUR per point",
        "12 complete",
        "6 pruned",
        "6 failed",
        "0.86",
        "0.73 to 0.99",
        "-inf to inf",
        "overstates",
        "by 0.03",
        "not registered: a gate failed",
        "0.750 ms",
        "parameters &lt;= 10",
        "parameters = 1234",
        "because of &lt;this&gt;",
        "d1g35t",
        "1 200 train",
        "2 rows: row 1, row 7",
        "satisfice run /studies/s --seed 5",
        "satisfice why /studies/s --search s-1",
        "2.13",
        "# &lt;as written&gt;",
        "MLflow is &lt;behind&gt;",
    ):
        assert told in full, told
    assert full.count("<svg") == 6


def test_the_page_of_a_sweep_says_what_was_asked_for() -> None:
    known = (Known("s-1, trial 4", {"lr": 0.01, "idle": 0.5, "act": "<tanh>"}, 0.875),)
    request = SweepRequest(("lr=1e-4..1e-1", "act=relu,<tanh>"), random=24)
    text = page(replace(FULL, sweep=Sweep(request, ({},) * 24, known)))

    assert (
        "satisfice sweep /studies/s lr=1e-4..1e-1 act=relu,&lt;tanh&gt; --random 24 --seed 5"
        in text
    )
    assert "1 of the values come from earlier trials" in text
    assert "trials of the sweep" in text
    assert text.count("<svg") == 5
    assert text.index("Values and results") < text.index("Why it ended")
    links = _Links()
    links.feed(text)
    assert links.open == []
    assert 'xlink:href="data:' not in text  # no picture of dots: it stays sharp


def test_the_page_has_each_soft_rule_and_marks_what_breaks_one() -> None:
    rules = RuleBook(
        (
            Rule("fast", Expression("measured.latency_ms_p95 <= 20"), "the <user> waits"),
            Rule("fair", Expression("metrics.gap <= 0.1")),
        )
    )
    margins = [{"fast": -2.5}, {"fast": 1.5, "fair": 0.25}, {"fair": 0.125}]
    trials = tuple(
        replace(one, margins=margins[one.number % 3]) if one.value is not None else one
        for one in FULL.history.trials
    )
    winner = replace(FULL.confirmed[0], margins=({"fast": 0.375, "fair": 1.0}, {"fast": -1.0}))
    summary = replace(
        FULL,
        study=replace(STUDY, soft_rules=rules),
        history=replace(FULL.history, trials=trials),
        confirmed=(winner, FULL.confirmed[1]),
    )
    text = page(summary)
    rows = [
        re.sub(r"<[^>]+>", " ", row).split() for row in re.findall("<tr>.*?</tr>", text, re.DOTALL)
    ]
    told = [row[-4:] for row in rows if row and row[0] in {"fast", "fair"}]
    assert told == [["of", "12", "trials", "0.375"], ["of", "12", "trials", "1"]]
    assert "6 of 12 trials" in text
    assert "0 of 12 trials" in text
    assert "the &lt;user&gt; waits" in text
    broken = sum("fast" in one.broken for one in summary.history.ranking(10))
    assert broken
    assert text.count("breaks &#39;fast&#39; by 2.5") == broken
    assert "no trial fulfils" not in text


def test_the_page_says_which_soft_rule_nothing_fulfilled() -> None:
    rules = RuleBook((Rule("fast", Expression("measured.latency_ms_p95 <= 20")),))
    trials = tuple(replace(one, margins={"fast": -1.0 - one.number}) for one in history(24).trials)
    text = page(
        replace(
            summary_of(),
            study=replace(STUDY, soft_rules=rules),
            history=History(trials, Direction.MAXIMIZE),
            ending=Ending.NOTHING_FEASIBLE,
        )
    )
    assert "s-1: Nothing feasible" in text
    assert "no trial fulfils rule &#39;fast&#39; (of 12 trials with a value)" in text
    assert "the closest, trial 0, breaks &#39;fast&#39; by 1." in text
    links = _Links()
    links.feed(text)
    assert links.open == []


def test_the_page_says_what_rules_saved_and_what_audits_found() -> None:
    rules = RuleBook(
        (replace(STUDY.rules.rules[0], audit=0.1), Rule("sure", Expression("lr < 1"), safety=True))
    )
    outside = tuple(
        TrialRecord(
            50 + at,
            {"lr": 0.1, "idle": 0.7, "act": "relu"},
            TrialState.COMPLETE,
            0.95,
            cost=Cost(1.0, money=0.01),
            purpose=Purpose.AUDIT,
            audit=Audit("not-both", beside),
        )
        for at, beside in enumerate((0, 4, 8, 12))
    )
    avoided = {"not-both": Avoided(17, 90.0, 30.0, 270.0, 0.001, looked_at=12, unbuildable=4)}
    study = replace(STUDY, rules=rules)
    text = page(replace(FULL, study=study, audits=outside, avoided=avoided))
    for told in (
        "about 90 s, 0.09 EUR (30 s to 4.5 min; forecast from 8; 4 others examined cannot be built",
        "<b>costs quality</b><br>outside was better by",
        "never (safety rule)",
        "they broke a rule on purpose",
        "an estimate with a 90 % interval, not a measurement",
    ):
        assert told in text, told
    assert text.count("<svg") == 7
    leaderboard = text[text.index("Leaderboard") : text.index("<h2>Rules")]
    assert "0.95" not in leaderboard
    without = page(replace(FULL, study=study, not_audited={"not-both": "no model can be <built>"}))
    assert "<b>was not audited</b><br>no model can be &lt;built&gt;" in without
    links = _Links()
    links.feed(text)
    assert links.open == []


@pytest.mark.parametrize(
    ("avoided", "currency", "text"),
    [
        (None, "EUR", "-"),
        (
            Avoided(3, 30.0, 10.0, 90.0, 0.1, looked_at=3, unbuildable=3),
            "EUR",
            "next to nothing: none of 3 examined can be built",
        ),
        (
            Avoided(3, 30.0, 10.0, 90.0, 0.1),
            "EUR",
            "about 30 s, 3 EUR (10 s to 90 s; from the average trial of this search)",
        ),
        (Avoided(3, 30.0, 10.0, 90.0, 1.0, 2), "h", "about 30 s (10 s to 90 s; forecast from 2)"),
    ],
)
def test_what_a_rule_saved_is_shown_with_how_it_was_estimated(
    avoided: Avoided | None, currency: str, text: str
) -> None:
    assert saved(avoided, currency) == text


def test_the_page_says_how_good_forecasts_were_and_how_that_is_known() -> None:
    own = tuple(Window(5 + at, 1, 0.5, 0.0, 1.0, 0.25) for at in range(10))
    earlier = (Window(5, 1, 0.5, 0.0, 1.0, 2.0),) * 10
    text = page(replace(FULL, calibration=Calibration(own, earlier, 2)))
    for told in (
        "<b>This search:</b> the next trial was forecast to bring 0.5 EUR on average",
        "0.5 times as much; the 90 % interval contained the realised gain in 10 of 10 cases",
        "<b>With 2 earlier searches:</b>",
        "in 10 of 20 cases, which is too rare.",
        "winner&#39;s curse",
        "the best stop in hindsight",
    ):
        assert told in text, told
    assert text.count("<svg") == 7
    early = page(replace(summary_of(4), calibration=Calibration(())))
    assert "too early to tell" in early
    assert "Realised gains" not in early
    links = _Links()
    links.feed(text)
    assert links.open == []


def test_what_users_wrote_is_text_and_no_markup(full: str) -> None:
    for raw in ("<tanh>", "<this>", "<blank>", "<behind>", "<as written>", "a & b"):
        assert raw not in full


def test_the_same_summary_is_the_same_page_byte_for_byte(full: str) -> None:
    assert page(FULL) == full


@pytest.mark.parametrize(
    "summary",
    [
        replace(summary_of(0), ending=Ending.DATA_GATE_FAILED, data=FULL.data),
        summary_of(1),
        replace(summary_of(5), ending=Ending.INTERRUPTED),
        replace(summary_of(4), history=History(history(4).trials[3:], Direction.MAXIMIZE)),
    ],
    ids=["nothing", "one trial", "few trials", "only failures"],
)
def test_a_search_that_did_not_come_far_has_a_page_too(summary: SearchSummary) -> None:
    text = page(summary)
    links = _Links()
    links.feed(text)
    assert links.open == []
    assert f"s-1: {summary.ending}" in text
    assert "overstate" not in text


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    assert write_report(FULL, path) == path
    assert path.read_text().rstrip().endswith("</html>")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_the_parameter_that_matters_is_the_most_important() -> None:
    ranked = importance(history(40), SPACE)
    assert next(iter(ranked)) == "lr"
    assert list(ranked.values()) == sorted(ranked.values(), reverse=True)
    assert ranked["lr"] > 0.6


def test_few_trials_and_a_metric_that_never_changes_say_nothing_of_importance() -> None:
    assert importance(history(8), SPACE) == {}
    flat = tuple(replace(one, value=0.5) for one in history(40).trials)
    assert set(importance(History(flat, Direction.MAXIMIZE), SPACE).values()) <= {0.0}


def test_the_report_says_of_both_directions_whether_the_chosen_value_was_luck() -> None:
    assert "does not overstate" not in page(FULL)
    objective = replace(FULL.study.objective, direction=Direction.MINIMIZE)
    minimised = replace(FULL, study=replace(FULL.study, objective=objective))
    assert minimised.optimism == pytest.approx(0.87 - 0.9)
    assert "does not overstate" in page(minimised)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (1234567, "1 234 567"), (True, "true"), (None, "-"), ("x", "x")],
)
def test_cells_are_short(value: object, text: str) -> None:
    assert cell(value) == text
