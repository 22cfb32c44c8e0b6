"""`satisfice why`: how a search decided, what if, and how good its forecasts were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.console import Console
from rich.table import Table

from satisfice.domain.decisions.calibration import CAVEAT, Calibration, tallies, verdicts
from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.decisions.forecast import Outlook, affordable, outlooks
from satisfice.domain.decisions.replay import Replayed, priced, replay, rewound
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.economics.text import counted, money, number, percent
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History, TrialRecord
from satisfice.flows.cli.status import latest, of_schedule
from satisfice.flows.stages.calibration import calibrate
from satisfice.flows.terminal.chart import chart
from satisfice.tasks.sampling.warm_start import known_before
from satisfice.tasks.spec.reader import recorded_study
from satisfice.tasks.spec.terms import read_terms
from satisfice.tasks.storage.store import SearchInfo, open_store
from satisfice.tasks.storage.sweep_records import read_sweep

_FEW = 20  # rows that are shown whatever they say


@dataclass(frozen=True)
class WhatIf:
    """What to ask of a past search.

    Attributes:
        worth: What a gain is worth, in the words of a study; None: as it was.
        price_hour: What an hour costs; None: as it was.
        until: After how many trials to ask; None: after each.
    """

    worth: str | None = None
    price_hour: float | None = None
    until: int | None = None

    @property
    def reprices(self) -> bool:
        """Whether anything is priced otherwise than it was."""
        return self.worth is not None or self.price_hour is not None

    def applied(self, study: Study) -> Study:
        """Return the study at these terms.

        Raises:
            UserError: The worth cannot be read, or is in another currency.
        """
        prices = study.prices
        if self.price_hour is not None:
            prices = replace(prices, hour=self.price_hour)
        worth, prices = read_terms(self.worth or study.worth, prices)
        return replace(study, worth=worth, prices=prices)


@dataclass(frozen=True)
class _Past:
    """A past search, priced as asked.

    Attributes:
        info: What the store says of it.
        study: Its specification.
        history: Its trials.
        records: What was decided on the way.
        known: Trials of earlier searches that counted as its own.
    """

    info: SearchInfo
    study: Study
    history: History
    records: tuple[DecisionRecord, ...]
    known: tuple[TrialRecord, ...] = ()

    @property
    def count(self) -> int:
        return len(self.history.trials)

    @property
    def end(self) -> Situation:
        """All that is known at the end, whatever the budget was."""
        study, direction = self.study, self.history.direction
        whole = priced(History((*self.known, *self.history.trials), direction), study.prices)
        return Situation(whole, study.worth, study.prices, space=study.space)

    def at(self, after: int) -> Situation:
        """Return what was known after some trials, in the circumstances of that time."""
        before = [one for one in self.records if one.after <= after]
        return rewound(self.end, len(self.known) + after, before[-1] if before else None)

    def replayed(self) -> list[Replayed]:
        study = self.study
        terms, before = (study.worth, study.prices), self.known
        return list(replay(self.history, self.records, *terms, before=before, space=study.space))

    def money(self, amount: float) -> str:
        return money(amount, self.study.prices.currency)

    def reached(self, after: int) -> str:
        """Say what a search had after some trials, and what it had spent."""
        history = History(self.history.trials[:after], self.history.direction)
        best, spent = history.best, self.money(history.spent.money)
        if best is None or best.value is None:
            return f"no value, spent {spent}"
        metric = self.study.objective.metric
        return f"best {metric} {best.value:.4g} (trial {best.number}), spent {spent}"


def explain(
    path: str, search: str | None, asked: WhatIf, *, calibration: bool = False, every: bool = False
) -> None:
    """Print how a search decided, and how it would have decided otherwise.

    Args:
        path: The study folder.
        search: The search's id; None: the last one of the study.
        asked: What if.
        calibration: Whether to print how good its forecasts were in place of what was decided.
        every: Whether to show rows in which nothing changed, too.

    Raises:
        UserError: There is no such search, or what is asked cannot be read.
    """
    calibrated = None
    with open_store() as store:
        opened = store.open(search or latest(store, path).search)
        info, history = opened.info, opened.history()
        study = asked.applied(recorded_study(info.text, info.folder))
        records = opened.decisions()
        known, nights = known_before(store, study, opened), list(of_schedule(opened))
        if calibration and not info.sweep:
            calibrated = calibrate(store, study, info, history)
    past = _Past(info, study, priced(history, study.prices), records, known)
    screen = Console(markup=False, highlight=False)
    screen.print(f"{info.search}: money in {study.prices.currency}, worth {study.worth.stated}")
    for line in nights:
        screen.print(line)
    if not history.trials:
        screen.print(
            f"no trial has finished, so nothing was decided: {info.ending or 'unfinished'}"
        )
    elif calibrated is not None:
        _show_calibration(screen, past, calibrated)
    elif calibration:
        screen.print("a sweep runs its plan: what it finds says nothing of how a search proposes")
    elif asked.until is not None:
        told = (
            _within(past, asked.until) if asked.until <= past.count else _beyond(past, asked.until)
        )
        for line in told:
            screen.print(line)
    else:
        _show_decisions(screen, past, asked, every)


# -- the sequence -----------------------------------------------------------------------------


def _show_decisions(screen: Console, past: _Past, asked: WhatIf, every: bool) -> None:
    rows = past.replayed()
    shown = rows if every or len(rows) <= _FEW else _notable(rows)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("trials", "best", "gain", "90 % interval", "cost", "over", "decided"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what if" if asked.reprices else "replayed")
    for one in shown:
        table.add_row(*_row(one))
    screen.print("gain and cost: what more trials were expected to bring and to take")
    screen.print(table)
    if len(shown) < len(rows):
        hidden = counted(len(rows) - len(shown), "row")
        screen.print(f"left out: {hidden} in which nothing new was found or decided (--all)")
    for line in chart([point for one in rows if (point := _ratio(one)) is not None]):
        screen.print(line)
    for line in _conclusions(past, rows, asked):
        screen.print(line)


def _conclusions(past: _Past, rows: Sequence[Replayed], asked: WhatIf) -> Iterator[str]:
    sweep = read_sweep(past.info.sweep)
    if sweep is not None:
        yield f"a sweep of {sweep.request}: its plan was run whatever was decided"
    if past.records:
        yield f"recorded: {past.records[-1].decision.reason}"
    if asked.reprices:
        yield _first_stop(past, rows)
    else:
        same = sum(one.again.stop == one.record.decision.stop for one in rows)
        yield f"{same} of {len(rows)} decisions come out the same when replayed"


def _first_stop(past: _Past, rows: Sequence[Replayed]) -> str:
    stop = next((one for one in rows if one.again.stop), None)
    if stop is None:
        return "would not have stopped within the trials that were run"
    after = stop.record.after
    return (
        f"would have stopped after {counted(after, 'trial')}, with {past.reached(after)}: "
        f"{stop.again.reason}"
    )


def _row(one: Replayed) -> tuple[str, ...]:
    evidence = one.again.evidence
    told = {name: number(value) for name, value in evidence.items()}
    between = f"{told['gain_low']} to {told['gain_high']}" if "gain_high" in told else ""
    return (
        str(one.record.after),
        f"{evidence['incumbent']:.4g}" if "incumbent" in evidence else "-",
        told.get("expected_gain", ""),
        between,
        told.get("expected_cost", ""),
        f"{told['horizon']} more" if "horizon" in told else "",
        _word(one.record.decision),
        _word(one.again),
    )


def _notable(rows: Sequence[Replayed]) -> list[Replayed]:
    """Return the first row, the last one, and those in which something is new."""
    kept = [one for before, one in pairwise(rows) if _said(one) != _said(before)]
    return [rows[0], *(one for one in kept if one is not rows[-1]), rows[-1]]


def _said(one: Replayed) -> tuple[object, ...]:
    evidence = one.again.evidence
    forecast = "expected_gain" in evidence
    return evidence.get("incumbent"), forecast, one.again.stop, one.record.decision.stop


def _ratio(one: Replayed) -> tuple[int, float] | None:
    evidence = one.again.evidence
    cost = evidence.get("expected_cost", 0.0)
    return (one.record.after, evidence["expected_gain"] / cost) if cost > 0 else None


def _word(decision: Decision) -> str:
    return "stop" if decision.stop else "go on"


# -- until ------------------------------------------------------------------------------------


def _within(past: _Past, after: int) -> Iterator[str]:
    """Say what would have been decided after some trials, and what came of it."""
    then, end, worth = past.at(after), past.end.history, past.study.worth
    decision = decide(then)
    yield f"after {after} of {counted(past.count, 'trial')}: {past.reached(after)}"
    yield f"  would {'have stopped' if decision.stop else 'have gone on'}: {decision.reason}"
    if after == past.count:
        return
    before, best = then.history.best, end.best
    cost = past.money(end.spent.money - then.history.spent.money)
    came = f"{past.count - after} more were run, at {cost}"
    if before is not None and best is not None and before.value is not None:
        gain = worth.of(before.value, best.value or 0.0, then.history.direction)
        came = f"{came}, and brought {past.money(gain) if gain else 'nothing'}"
    yield f"  {came}: {past.reached(past.count)}"
    if not decision.stop:
        later = [one for one in past.replayed() if one.record.after > after]
        yield f"  asked from there on, it {_first_stop(past, later)}"


def _beyond(past: _Past, until: int) -> Iterator[str]:
    """Say what is expected between the end of a search and a later trial."""
    more = until - past.count
    yield f"ended after {counted(past.count, 'trial')}: {past.reached(past.count)}"
    forecast = next((one for one in outlooks(past.end, more) if one.trials == more), None)
    if forecast is None:
        yield "  fewer than two values say nothing about what more trials would bring"
        return
    yield f"  until {until} trials: {_expected(past, forecast)}"
    paid = affordable(replace(past.at(past.count), pending=()))
    if paid < more:
        yield f"  the budget that was left pays for {number(paid)} of them"


def _expected(past: _Past, one: Outlook) -> str:
    between = f"90 % interval {past.money(one.low)} to {past.money(one.high)}"
    worth_it = "worth it" if one.surplus > 0 else "not worth it"
    return (
        f"{counted(one.trials, 'more trial')} would bring {past.money(one.gain)} ({between}) "
        f"and cost {past.money(one.cost.money)}: {worth_it}"
    )


# -- calibration ------------------------------------------------------------------------------


def _show_calibration(screen: Console, past: _Past, calibration: Calibration) -> None:
    for whose, told in verdicts(calibration, past.study.prices.currency):
        screen.print(f"{whose}: {told}")
    if not calibration.every:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("ahead", "windows", "forecast", "came", "90 % held in", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in tallies(calibration.every):
        low, high = one.covered.interval
        table.add_row(
            str(one.trials),
            str(one.covered.of),
            number(one.forecast),
            number(one.realised),
            percent(one.covered.value),
            f"{percent(low)} to {percent(high)}",
        )
    screen.print(table)
    screen.print(CAVEAT)
