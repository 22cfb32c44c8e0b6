"""The terminal while a search runs: a live view, or one line per trial."""

from __future__ import annotations

import sys
from collections import Counter
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from rich.console import Console as Terminal
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from satisfice.domain.economics.cost import Budget
from satisfice.domain.economics.text import money, short
from satisfice.domain.study import Study
from satisfice.domain.trials.feasibility import violations
from satisfice.domain.trials.history import CALLED, TrialRecord, TrialState

if TYPE_CHECKING:
    from satisfice.flows.coordination.snapshot import View


class Console(Protocol):
    """Shows a search in the terminal."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def begin(self, study: Study, search: str) -> None:
        """Begin to show a search."""

    def show(self, view: View, finished: TrialRecord | None) -> None:
        """Show a search now; `finished` is the trial that has just finished, if one has."""

    def close(self) -> None:
        """Restore the terminal."""


def line_of(view: View, trial: TrialRecord) -> str:
    """Return one line about a finished trial."""
    params = " ".join(f"{name}={short(value)}" for name, value in trial.params.items())
    best = view.history.best
    tail = "" if best is None else f" (best {_value(best.value)}, trial {best.number})"
    why = f"\n    {trial.failure or trial.state}: {trial.reason}" if trial.reason else ""
    breaks = f" breaks {violations(trial.margins)}" if trial.broken else ""
    cost = f"{trial.cost.seconds:.1f} s"
    name = CALLED.get(trial.purpose, "trial")
    if trial.audit is not None:
        tail = f" (breaks {trial.audit.rule}, beside trial {trial.audit.beside})"
    outcome = f"{name:<7} {trial.number:>3} {trial.state:<8} {_value(trial.value)}"
    return f"{outcome} {cost:>8} {params}{breaks}{tail}{why}"


class PlainConsole:
    """Prints one line per trial: for logs, pipes and Prefect's workers."""

    def say(self, text: str) -> None:
        """Print a line."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def begin(self, study: Study, search: str) -> None:
        """Print what begins."""
        self.say(f"{search}: {study.objective.direction} {study.objective.metric}")

    def show(self, view: View, finished: TrialRecord | None) -> None:
        """Print a line for a trial that has just finished."""
        if finished is not None:
            self.say(line_of(view, finished))

    def close(self) -> None:
        """Do nothing."""


class LiveConsole:
    """Draws a view several times a second."""

    def __init__(self) -> None:
        self._terminal = Terminal()
        self._live: Live | None = None
        self._study: Study | None = None
        self._search = ""

    def say(self, text: str) -> None:
        """Print a line above the view."""
        self._terminal.print(text, highlight=False, markup=False)

    def begin(self, study: Study, search: str) -> None:
        """Open the view."""
        self._study, self._search = study, search
        self._live = Live(console=self._terminal, refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, view: View, finished: TrialRecord | None) -> None:
        """Draw the view, and print why a trial has failed."""
        if finished is not None and finished.state is TrialState.FAILED:
            self.say(line_of(view, finished))
        if self._live is not None and self._study is not None:
            self._live.update(_panel(self._study, self._search, view))

    def close(self) -> None:
        """Remove the view."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def for_terminal() -> Console:
    """Return the live view on a terminal, and plain lines elsewhere."""
    return LiveConsole() if sys.stdout.isatty() else PlainConsole()


current: ContextVar[Console | None] = ContextVar("console", default=None)


def screen() -> Console:
    """Return the console of this run; plain lines if the command line has set none."""
    return current.get() or PlainConsole()


def _panel(study: Study, search: str, view: View) -> Group:
    return Group(
        _headline(study, search, view),
        _resources(study, view),
        _outlook(study, view),
        _running(study, view),
    )


def _headline(study: Study, search: str, view: View) -> Text:
    counts = Counter(one.state for one in view.history.trials)
    best = view.history.best
    text = Text.assemble((search, "bold"), "  ", (view.phase, "cyan"), "   ")
    if view.planned is not None:
        text.append(f"{len(view.history.trials)} of {view.planned}:  ")
    text.append(f"{counts[TrialState.COMPLETE]} done  {len(view.running)} running  ")
    text.append(f"{counts[TrialState.PRUNED]} pruned  {counts[TrialState.FAILED]} failed")
    infeasible = len(view.history.complete) - len(view.history.feasible)
    if infeasible:
        text.append(f"  {infeasible} infeasible", "bold red")
    if best is not None:
        text.append(f"   best {study.objective.metric} ")
        text.append(_value(best.value), "bold green")
        text.append(f" (trial {best.number})")
    return text


def _resources(study: Study, view: View) -> Table:
    """Return the spent and the remaining amount of each resource."""
    ledger, budget = view.ledger, view.ledger.budget
    left: Budget = ledger.left()
    currency = study.prices.currency
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "time", "money", "energy", "trials"):
        table.add_column(heading, justify="right")
    table.add_row(
        "spent",
        _minutes(ledger.elapsed),
        money(ledger.spent.money, currency),
        f"{1000 * ledger.spent.kwh:.2f} Wh ({ledger.spent.energy})",
        str(ledger.trials),
    )
    table.add_row(
        "left",
        _minutes(left.seconds) if left.seconds is not None else "no limit",
        money(left.money, currency) if left.money is not None else "no limit",
        f"{1000 * left.kwh:.2f} Wh" if left.kwh is not None else "no limit",
        str(left.trials) if budget.trials is not None else "no limit",
    )
    return table


def _outlook(study: Study, view: View) -> Text:
    """Return the expected gain of the next trial against its expected cost."""
    evidence = view.decision.evidence
    if "next_gain" not in evidence:
        return Text(view.decision.reason, "dim")
    gain, cost = evidence["next_gain"], evidence["next_cost"]
    text = Text("next trial: expected gain ")
    text.append(money(gain, study.prices.currency), "bold green" if gain >= cost else "bold red")
    text.append(f" against expected cost {money(cost, study.prices.currency)}\n")
    text.append(view.decision.reason, "dim")
    return text


def _running(study: Study, view: View) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("trial", "epoch", study.objective.metric, "seconds", "parameters"):
        table.add_column(heading, justify="left" if heading == "parameters" else "right")
    for one in view.running:
        params = " ".join(f"{name}={short(value)}" for name, value in one.params.items())
        epoch = f"{one.epoch} paused" if one.paused else str(one.epoch)
        table.add_row(str(one.number), epoch, _value(one.value), f"{one.seconds:.1f}", params)
    return table


def _value(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.01 else f"{value:.3g}"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
