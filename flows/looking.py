"""Look at what is recorded: reports, decisions, and how searches stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.decision import Decision
from domain.errors import UserMistake
from domain.summary import SCHEDULE, Ending, SearchSummary, decision_of_sweep
from domain.wording import counted
from flows.replaying import replay
from tasks import control, outcomes
from tasks.control import Command
from tasks.home import search_folder
from tasks.store import Search, SearchInfo, Store, open_store
from tasks.studies import read_study, recorded_study
from tasks.sweep_records import read_sweep
from tasks.terms import read_terms
from tasks.warm_start import known_before, why_begun


def report_again(path: str) -> Path:
    """Write the report page of a study's last search from what is recorded."""
    from tasks.reporting import write_report

    with open_store() as store:
        info = _latest(store, path)
        summary = recorded(store.open(info.search))
    return write_report(summary, search_folder(info.search) / "report.html")


def recorded(search: Search) -> SearchSummary:
    """Return the summary of a search from the store and from what lies beside it."""
    info = search.info
    study = recorded_study(info.text, info.folder)
    history, decisions = search.history(), search.decisions()
    last = decisions[-1].decision if decisions else Decision.to_continue("nothing was decided yet")
    ending = Ending(info.ending) if info.ending else Ending.INTERRUPTED
    sweep = read_sweep(info.sweep)
    if sweep is not None and ending is not Ending.DATA_GATE_FAILED:
        last = decision_of_sweep(sweep, last, decisions, len(history.trials))
    outcome = outcomes.load(search_folder(info.search) / "outcome.json")
    return SearchSummary(
        search=info.search,
        study=study,
        ending=ending,
        decision=last,
        history=history,
        decisions=decisions,
        ledger=search.ledger(study.budget),
        started=info.started,
        seconds=info.elapsed,
        sweep=sweep,
        audits=search.audits(),
        **outcome.parts(),
    )


def explain(path: str, search: str | None, worth: str | None, price_hour: float | None) -> None:
    """Print how a search decided, and how it would have decided at another worth or price."""
    with open_store() as store:
        opened = store.open(search or _latest(store, path).search)
        study = recorded_study(opened.info.text, opened.info.folder)
        history, decisions = opened.history(), opened.decisions()
        known, of_schedule = known_before(store, study, opened), list(_of_schedule(opened))
    prices = study.prices
    if price_hour is not None:
        prices = replace(prices, hour=price_hour)
    stated, prices = read_terms(worth or study.worth, prices)
    what_if = worth is not None or price_hour is not None
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("trials", "expected gain", "expected cost", "over", "decided"):
        table.add_column(heading, justify="right")
    table.add_column("what if" if what_if else "replayed")
    differing, first_stop = 0, None
    for one in replay(history, decisions, stated, prices, before=known):
        differing += one.again.stop != one.record.decision.stop
        if one.again.stop and first_stop is None:
            first_stop = one
        evidence = one.again.evidence
        table.add_row(
            str(one.record.after),
            _figure(evidence, "expected_gain"),
            _figure(evidence, "expected_cost"),
            f"{evidence['horizon']:.0f} more" if "horizon" in evidence else "",
            _word(one.record.decision),
            _word(one.again),
        )
    screen = Console()
    screen.print(f"{opened.info.search}: money in {prices.currency}, worth {stated.stated}")
    screen.print(table)
    sweep = read_sweep(opened.info.sweep)
    if sweep is not None:
        screen.print(f"a sweep of {sweep.request}: its plan was run whatever was decided")
    if decisions:
        screen.print(f"recorded: {decisions[-1].decision.reason}", markup=False)
    for line in of_schedule:
        screen.print(line, markup=False)
    if what_if and first_stop is not None:
        after = first_stop.record.after
        screen.print(f"would have stopped after {after} trials: {first_stop.again.reason}")
    elif what_if:
        screen.print("would not have stopped within the trials that were run")
    else:
        same = len(decisions) - differing
        screen.print(f"{same} of {len(decisions)} decisions come out the same when replayed")


def list_searches() -> None:
    """Print all searches and how they stand."""
    with open_store() as store:
        searches = store.searches()
        if not searches:
            Console().print("no search was begun here yet: `satisfice run STUDY` begins one")
            return
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("search", "kind", "begun", "time", "trials", "best", "how it stands"):
            table.add_column(heading)
        for info in searches:
            table.add_row(*_standing(store, info))
    Console().print(table)


def tell_running(path: str, command: Command) -> str:
    """Tell the running search of a study to pause, to go on, or to conclude."""
    with open_store() as store:
        info = _latest(store, path)
        if info.ending or not store.is_locked(info.study):
            raise UserMistake(
                f"no search of study {info.study!r} is running",
                "`satisfice status` lists all searches",
            )
    control.give(search_folder(info.search) / "control.json", command)
    return f"{info.search}: told to {command}; running trials obey at their next epoch"


def _latest(store: Store, path: str) -> SearchInfo:
    study = read_study(path)
    latest = store.latest(study.name)
    if latest is None:
        raise UserMistake(
            f"study {study.name!r} was not searched yet", f"`satisfice run {path}` begins a search"
        )
    return latest


def _standing(store: Store, info: SearchInfo) -> tuple[str, ...]:
    search = store.open(info.search)
    history = search.history()
    begun = dt.datetime.fromtimestamp(info.started).astimezone()
    stands = info.ending or "unfinished"
    newest = store.latest(info.study, unfinished=True)
    if not info.ending and newest is not None and newest.search == info.search:
        # Only this one can be running, and only this one is what `resume` takes up.
        stands = "running" if store.is_locked(info.study) else "unfinished: resume it"
    skipped = sum(one.decision.stop for one in search.decisions(SCHEDULE))
    if skipped:
        stands = f"{stands}; since then {counted(skipped, 'night')} not worth it"
    best, sweep = history.best, read_sweep(info.sweep)
    planned = "" if sweep is None else f" of {len(sweep.points)}"
    return (
        info.search,
        "search" if sweep is None else "sweep",
        f"{begun:%Y-%m-%d %H:%M}",
        f"{info.elapsed:.0f} s",
        f"{len(history.trials)}{planned}",
        "-" if best is None else f"{best.value:.4f} (trial {best.number})",
        stands,
    )


def _of_schedule(search: Search) -> Iterator[str]:
    """Say what schedules have decided of a search and of those that might have followed it."""
    begun = why_begun(search)
    if begun is not None:
        yield f"why it began: {begun.reason}"
    skipped = [one for one in search.decisions(SCHEDULE) if one.decision.stop]
    if skipped:
        last = dt.datetime.fromtimestamp(skipped[-1].at).astimezone()
        nights = "1 night since was" if len(skipped) == 1 else f"{len(skipped)} nights since were"
        yield f"{nights} not worth it, on {last:%Y-%m-%d %H:%M}: {skipped[-1].decision.reason}"


def _figure(evidence: Mapping[str, float], name: str) -> str:
    return f"{evidence[name]:.5f}" if name in evidence else ""


def _word(decision: Decision) -> str:
    return "stop" if decision.stop else "go on"
