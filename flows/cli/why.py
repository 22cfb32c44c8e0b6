"""`satisfice why`: how a search decided, what-if questions, and how good its forecasts were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.console import Console
from rich.table import Table

from satisfice.domain.decisions.calibration import CAVEAT, Calibration, tallies, verdicts
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.forecast import Outlook, affordable, outlooks
from satisfice.domain.decisions.replay import PastSearch, Replayed, priced
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.economics.text import counted, money, number, percent
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History
from satisfice.flows.stages.calibration import calibrate
from satisfice.flows.stages.records import latest, schedule_decisions
from satisfice.flows.terminal.chart import chart
from satisfice.tasks.sampling.warm_start import known_before
from satisfice.tasks.spec.reader import recorded_study
from satisfice.tasks.spec.terms import read_terms
from satisfice.tasks.storage.store import SearchInfo, open_store
from satisfice.tasks.storage.sweep_records import read_sweep

_FEW = 20  # a table of up to so many rows is shown whole


@dataclass(frozen=True)
class WhatIf:
    """A question about a past search.

    Attributes:
        worth: What a gain is worth, written as in study.yaml; None: as recorded.
        price_hour: The price of an hour; None: as recorded.
        until: The number of trials to ask about; None: after each trial.
    """

    worth: str | None = None
    price_hour: float | None = None
    until: int | None = None

    @property
    def reprices(self) -> bool:
        """Whether the worth or a price differs from the recorded one."""
        return self.worth is not None or self.price_hour is not None

    def applied_to(self, study: Study) -> Study:
        """Return the study with this worth and these prices.

        Raises:
            UserError: The worth cannot be read, or is in another currency.
        """
        prices = study.prices
        if self.price_hour is not None:
            prices = replace(prices, hour=self.price_hour)
        worth, prices = read_terms(self.worth or study.worth, prices)
        return replace(study, worth=worth, prices=prices)


@dataclass(frozen=True)
class _Shown:
    """A past search that is being shown.

    Attributes:
        info: What the store says of it.
        search: The search, with the worth and the prices of the question.
    """

    info: SearchInfo
    search: PastSearch

    def money(self, amount: float) -> str:
        return money(amount, self.search.study.prices.currency)

    def reached(self, after: int) -> str:
        """Say what the search had found after some trials, and what it had spent."""
        history = History(self.search.history.trials[:after], self.search.history.direction)
        best, spent = history.best, self.money(history.spent.money)
        if best is None or best.value is None:
            return f"no value, spent {spent}"
        metric = self.search.study.objective.metric
        return f"best {metric} {best.value:.4g} (trial {best.number}), spent {spent}"


def explain(
    path: str, name: str | None, asked: WhatIf, *, calibration: bool = False, every: bool = False
) -> None:
    """Print how a search decided, or would have decided.

    Args:
        path: The study folder.
        name: The search's id; None: the last one of the study.
        asked: The question.
        calibration: Whether to print how good its forecasts were instead of its decisions.
        every: Whether to show all rows of the table.

    Raises:
        UserError: There is no such search, or the question cannot be read.
    """
    calibrated = None
    with open_store() as store:
        opened = store.open(name or latest(store, path).search)
        info, history = opened.info, opened.history()
        study = asked.applied_to(recorded_study(info.text, info.folder))
        records, known = opened.decisions(), known_before(store, study, opened)
        scheduled = list(schedule_decisions(opened))
        if calibration and not info.sweep:
            calibrated = calibrate(store, study, info, history)
    shown = _Shown(info, PastSearch(study, priced(history, study.prices), records, known))
    screen = Console(markup=False, highlight=False)
    screen.print(f"{info.search}: money in {study.prices.currency}, worth {study.worth.stated}")
    for line in scheduled:
        screen.print(line)
    if not history.trials:
        screen.print(
            f"no trial has finished, so nothing was decided: {info.ending or 'unfinished'}"
        )
    elif calibration:
        _show_calibration(screen, study, calibrated)
    elif asked.until is not None:
        for line in _at(shown, asked.until):
            screen.print(line)
    else:
        _show_decisions(screen, shown, asked, every)


# -- all decisions ----------------------------------------------------------------------------


def _show_decisions(screen: Console, shown: _Shown, asked: WhatIf, every: bool) -> None:
    rows = shown.search.replayed()
    notable = rows if every or len(rows) <= _FEW else _notable(rows)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("trials", "best", "gain", "90 % interval", "cost", "horizon", "decided"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what if" if asked.reprices else "replayed")
    for one in notable:
        table.add_row(*_row(one))
    screen.print("gain and cost: expected for the next trials, up to the horizon")
    screen.print(table)
    if len(notable) < len(rows):
        hidden = counted(len(rows) - len(notable), "row")
        screen.print(f"not shown: {hidden} with no new best and the same decision (--all)")
    for line in chart([point for one in rows if (point := _ratio(one)) is not None]):
        screen.print(line)
    for line in _conclusions(shown, rows, asked):
        screen.print(line)


def _conclusions(shown: _Shown, rows: Sequence[Replayed], asked: WhatIf) -> Iterator[str]:
    sweep, records = read_sweep(shown.info.sweep), shown.search.records
    if sweep is not None:
        yield f"a sweep of {sweep.request}: it trains its plan, whatever the decisions say"
    if records:
        yield f"recorded: {records[-1].decision.reason}"
    if asked.reprices:
        yield _first_stop(shown, rows)
    else:
        same = sum(one.again.stop == one.record.decision.stop for one in rows)
        yield f"{same} of {len(rows)} decisions are the same when replayed"


def _first_stop(shown: _Shown, rows: Sequence[Replayed]) -> str:
    stop = next((one for one in rows if one.again.stop), None)
    if stop is None:
        return "would not have stopped within the trials that were run"
    after = stop.record.after
    return (
        f"would have stopped after {counted(after, 'trial')}, with {shown.reached(after)}: "
        f"{stop.again.reason}"
    )


def _row(one: Replayed) -> tuple[str, ...]:
    evidence = one.again.evidence
    figures = {name: number(value) for name, value in evidence.items()}
    interval = f"{figures['gain_low']} to {figures['gain_high']}" if "gain_high" in figures else ""
    return (
        str(one.record.after),
        f"{evidence['incumbent']:.4g}" if "incumbent" in evidence else "-",
        figures.get("expected_gain", ""),
        interval,
        figures.get("expected_cost", ""),
        figures.get("horizon", ""),
        _word(one.record.decision),
        _word(one.again),
    )


def _notable(rows: Sequence[Replayed]) -> list[Replayed]:
    """Return the first row, the last one, and those that differ from the row before."""
    kept = [one for before, one in pairwise(rows) if _compared(one) != _compared(before)]
    return [rows[0], *(one for one in kept if one is not rows[-1]), rows[-1]]


def _compared(one: Replayed) -> tuple[object, ...]:
    evidence = one.again.evidence
    forecast = "expected_gain" in evidence
    return evidence.get("incumbent"), forecast, one.again.stop, one.record.decision.stop


def _ratio(one: Replayed) -> tuple[int, float] | None:
    evidence = one.again.evidence
    cost = evidence.get("expected_cost", 0.0)
    return (one.record.after, evidence["expected_gain"] / cost) if cost > 0 else None


def _word(decision: Decision) -> str:
    return "stop" if decision.stop else "go on"


# -- one moment -------------------------------------------------------------------------------


def _at(shown: _Shown, trials: int) -> Iterator[str]:
    return (_within if trials <= shown.search.count else _beyond)(shown, trials)


def _within(shown: _Shown, after: int) -> Iterator[str]:
    """Say what would have been decided after some trials, and what the later ones brought."""
    search, worth = shown.search, shown.search.study.worth
    then, end = search.at(after), search.end.history
    decision = decide(then)
    yield f"after {after} of {counted(search.count, 'trial')}: {shown.reached(after)}"
    yield f"  would have {'stopped' if decision.stop else 'gone on'}: {decision.reason}"
    if after == search.count:
        return
    before, best = then.history.best, end.best
    cost = shown.money(end.spent.money - then.history.spent.money)
    realised = f"the {counted(search.count - after, 'trial')} after that cost {cost}"
    if before is not None and best is not None and before.value is not None:
        gain = worth.of(before.value, best.value or 0.0, then.history.direction)
        realised = f"{realised} and gained {shown.money(gain) if gain else 'nothing'}"
    yield f"  {realised}: {shown.reached(search.count)}"
    if not decision.stop:
        later = [one for one in search.replayed() if one.record.after > after]
        yield f"  from there on, it {_first_stop(shown, later)}"


def _beyond(shown: _Shown, until: int) -> Iterator[str]:
    """Say what is expected between the end of a search and a later trial."""
    search = shown.search
    more = until - search.count
    yield f"ended after {counted(search.count, 'trial')}: {shown.reached(search.count)}"
    forecast = next((one for one in outlooks(search.end, more) if one.trials == more), None)
    if forecast is None:
        yield "  fewer than two values: too few to forecast the gain of more trials"
        return
    yield f"  until {until} trials: {_expected(shown, forecast)}"
    paid = affordable(replace(search.at(search.count), pending=()))
    if paid < more:
        yield f"  the rest of the budget pays for {number(paid)} of them"


def _expected(shown: _Shown, one: Outlook) -> str:
    interval = f"90 % interval {shown.money(one.low)} to {shown.money(one.high)}"
    worth_it = "worth it" if one.surplus > 0 else "not worth it"
    return (
        f"{counted(one.trials, 'more trial')} would gain {shown.money(one.gain)} ({interval}) "
        f"and cost {shown.money(one.cost.money)}: {worth_it}"
    )


# -- calibration ------------------------------------------------------------------------------


def _show_calibration(screen: Console, study: Study, calibration: Calibration | None) -> None:
    if calibration is None:
        screen.print("a sweep trains its plan, so that it does not test the forecasts of a search")
        return
    for whose, verdict in verdicts(calibration, study.prices.currency):
        screen.print(f"{whose}: {verdict}")
    if not calibration.every:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("horizon", "windows", "forecast", "realised", "90 % coverage", "95 % interval"):
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
