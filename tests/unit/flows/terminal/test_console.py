"""What a person reads in the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console as Terminal

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Ledger, Prices
from satisfice.domain.economics.text import short
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.space.space import Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.trials.history import (
    Audit,
    Failure,
    History,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.flows.coordination.snapshot import View
from satisfice.flows.terminal import console
from satisfice.tasks.files.live import Running

STUDY = Study(
    name="s",
    folder="/s",
    problem="problem.py",
    data=DataSource("nothing"),
    objective=Objective("loss", Direction.MINIMIZE),
    worth=Worth(1.0),
    prices=Prices("EUR"),
    budget=Budget(money=2.0),
    space=Space(()),
)
PARAMS = {"lr": 0.000123456, "act": "relu", "depth": 12}
BEST = TrialRecord(3, PARAMS, TrialState.COMPLETE, 0.0, cost=Cost(seconds=1.25))
FAILED = TrialRecord(
    12,
    PARAMS,
    TrialState.FAILED,
    cost=Cost(seconds=0.5),
    failure=Failure.OUT_OF_MEMORY,
    reason="4 GiB and no more",
)
LEDGER = Ledger(
    STUDY.budget,
    spent=Cost(60.0, 0.0005, 0.0, 0.0123, EnergyMode.ESTIMATED),
    trials=2,
    reserved=((4, Cost(money=0.5)),),
    elapsed=605.4,
)


def view_of(decision: Decision, *running: Running, phase: str = "searching") -> View:
    history = History((BEST, FAILED), Direction.MINIMIZE)
    return View(phase, history, running, LEDGER, decision)


VIEW = view_of(Decision.to_continue("2 of at least 5 have a value"))


def drawn(view: View) -> str:
    """What the live view looks like on a terminal of 110 columns."""
    terminal = Terminal(width=110, record=True, file=io.StringIO())
    terminal.print(console._panel(STUDY, "s-7", view))
    return terminal.export_text()


def test_a_line_tells_a_trial_and_the_best_even_where_that_is_zero() -> None:
    assert console.line_of(VIEW, BEST) == (
        "trial     3 complete 0.0000    1.2 s lr=0.000123 act=relu depth=12 (best 0.0000, trial 3)"
    )


def test_a_line_tells_why_a_trial_failed() -> None:
    line, why = console.line_of(VIEW, FAILED).splitlines()
    assert line.startswith("trial    12 failed   -    0.5 s ")
    assert why == "    out of memory: 4 GiB and no more"


def test_a_line_and_the_live_view_tell_what_breaks_a_soft_rule() -> None:
    breaking = replace(BEST, number=5, value=-1.0, margins={"fast": -2.5, "small": 3.0})
    view = replace(VIEW, history=History((BEST, FAILED, breaking), Direction.MINIMIZE))
    assert console.line_of(view, breaking).endswith(
        "depth=12 breaks 'fast' by 2.5 (best 0.0000, trial 3)"
    )
    assert "2 done  0 running  0 pruned  1 failed  1 infeasible   best loss 0.0000" in drawn(view)


def test_a_line_tells_a_confirmation_from_a_trial() -> None:
    again = replace(BEST, purpose=Purpose.CONFIRMATION, value=0.00004321)
    assert console.line_of(VIEW, again).startswith("confirm   3 complete 4.32e-05 ")


def test_a_line_tells_what_an_audit_breaks_and_what_it_stands_beside() -> None:
    audit = replace(BEST, number=9, purpose=Purpose.AUDIT, audit=Audit("fits", 3), value=0.5)
    line = console.line_of(VIEW, audit)
    assert line.startswith("audit     9 complete 0.5000 ")
    assert line.endswith("(breaks fits, beside trial 3)")


def test_the_plain_console_prints_finished_trials_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = console.for_terminal()
    assert isinstance(plain, console.PlainConsole)
    plain.begin(STUDY, "s-7")
    plain.show(VIEW, None)
    plain.show(VIEW, FAILED)
    plain.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["s-7: minimize loss", *console.line_of(VIEW, FAILED).splitlines()]


def test_the_live_view_has_counts_money_and_the_best() -> None:
    text = drawn(VIEW)
    assert "s-7  searching   1 done  0 running  0 pruned  1 failed   best loss 0.0000" in text
    spent, left = (line.split() for line in text.splitlines() if line.split()[0] in BOTH)
    assert spent == ["spent", "10:05", "0.012", "EUR", "0.50", "Wh", "(estimated)", "2"]
    assert left == ["left", "no", "limit", "1.5", "EUR", "no", "limit", "no", "limit"]
    assert "2 of at least 5 have a value" in text


BOTH = ("spent", "left")


@pytest.mark.parametrize(("gain", "shown"), [(0.00001234, "0.000012 EUR"), (3.0, "3 EUR")])
def test_the_live_view_has_the_next_trials_gain_against_its_cost(gain: float, shown: str) -> None:
    decision = Decision.to_continue("it pays", next_gain=gain, next_cost=0.0025)
    expected = f"next trial: expected gain {shown} against expected cost 0.0025 EUR"
    assert expected in drawn(view_of(decision))


def test_the_live_view_has_what_runs() -> None:
    running = Running(4, {"lr": 0.1}, epoch=7, value=0.25, seconds=3.04)
    text = drawn(view_of(VIEW.decision, running, replace(running, number=5, paused=True)))
    rows = [line.split() for line in text.splitlines() if line.strip().startswith(("4 ", "5 "))]
    assert rows == [
        ["4", "7", "0.2500", "3.0", "lr=0.1"],
        ["5", "7", "paused", "0.2500", "3.0", "lr=0.1"],
    ]


def test_the_live_console_says_why_a_trial_failed_and_leaves_no_view_behind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = console.LiveConsole()
    live.begin(STUDY, "s-7")
    live.show(VIEW, BEST)
    live.show(VIEW, FAILED)
    live.say("[bold]as it is[/bold]")
    live.close()
    live.close()
    out = capsys.readouterr().out
    assert "out of memory: 4 GiB and no more" in out
    assert "[bold]as it is[/bold]" in out
    assert "trial     3" not in out


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (1e-7, "1e-07"), (12, "12"), ("relu", "relu"), (True, "True")]
)
def test_values_are_short(value: object, text: str) -> None:
    assert short(value) == text
