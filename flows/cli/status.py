"""Look at what is recorded: reports, decisions, and how searches stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.text import counted
from satisfice.domain.errors import UserError
from satisfice.domain.summary import SCHEDULE, Ending, SearchSummary, decision_of_sweep
from satisfice.flows.stages.calibration import calibrate
from satisfice.tasks.files import control, outcome
from satisfice.tasks.files.control import Command
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.sampling.warm_start import why_begun
from satisfice.tasks.spec.reader import read_study, recorded_study
from satisfice.tasks.storage.store import Search, SearchInfo, Store, open_store
from satisfice.tasks.storage.sweep_records import read_sweep


def report_again(path: str) -> Path:
    """Write the report page of a study's last search from what is recorded."""
    from satisfice.tasks.reporting.report import write_report

    with open_store() as store:
        info = latest(store, path)
        summary = recorded(store.open(info.search))
        if summary.sweep is None:
            compared = calibrate(store, summary.study, info, summary.history)
            summary = replace(summary, calibration=compared)
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
    kept = outcome.load(search_folder(info.search) / "outcome.json")
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
        **kept.parts(),
    )


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
        info = latest(store, path)
        if info.ending or not store.is_locked(info.study):
            raise UserError(
                f"no search of study {info.study!r} is running",
                "`satisfice status` lists all searches",
            )
    control.give(search_folder(info.search) / "control.json", command)
    return f"{info.search}: told to {command}; running trials obey at their next epoch"


def latest(store: Store, path: str) -> SearchInfo:
    """Return the newest search of the study in a folder.

    Raises:
        UserError: It was not searched yet.
    """
    study = read_study(path)
    found = store.latest(study.name)
    if found is None:
        raise UserError(
            f"study {study.name!r} was not searched yet", f"`satisfice run {path}` begins a search"
        )
    return found


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


def of_schedule(search: Search) -> Iterator[str]:
    """Say what schedules have decided of a search and of those that might have followed it."""
    begun = why_begun(search)
    if begun is not None:
        yield f"why it began: {begun.reason}"
    skipped = [one for one in search.decisions(SCHEDULE) if one.decision.stop]
    if skipped:
        last = dt.datetime.fromtimestamp(skipped[-1].at).astimezone()
        nights = "1 night since was" if len(skipped) == 1 else f"{len(skipped)} nights since were"
        yield f"{nights} not worth it, on {last:%Y-%m-%d %H:%M}: {skipped[-1].decision.reason}"
