"""`satisfice status`, `report`, and the commands to a running search."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from satisfice.domain.economics.text import counted
from satisfice.domain.errors import UserError
from satisfice.domain.summary import SCHEDULE
from satisfice.flows.stages.calibration import calibrate
from satisfice.flows.stages.records import latest, recorded
from satisfice.tasks.files import control
from satisfice.tasks.files.control import Command
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.storage.store import SearchInfo, Store, open_store
from satisfice.tasks.storage.sweep_records import read_sweep

_COMMANDS: dict[Command, str] = {"run": "continue", "pause": "pause", "stop": "stop"}


def rewrite_report(path: str) -> Path:
    """Write the report of a study's last search again, from what is recorded."""
    from satisfice.tasks.reporting.report import write_report

    with open_store() as store:
        info = latest(store, path)
        summary = recorded(store.open(info.search))
        if summary.sweep is None:
            compared = calibrate(store, summary.study, info, summary.history)
            summary = replace(summary, calibration=compared)
    return write_report(summary, search_folder(info.search) / "report.html")


def list_searches() -> None:
    """Print all searches and their states."""
    with open_store() as store:
        searches = store.searches()
        if not searches:
            Console().print("no searches yet: `satisfice run STUDY` starts one")
            return
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("search", "kind", "started", "time", "trials", "best", "state"):
            table.add_column(heading)
        for info in searches:
            table.add_row(*_row(store, info))
    Console().print(table)


def command_search(path: str, command: Command) -> str:
    """Tell the running search of a study to pause, to continue, or to stop; return a message.

    Raises:
        UserError: No search of the study is running.
    """
    with open_store() as store:
        info = latest(store, path)
        if info.ending or not store.is_locked(info.study):
            raise UserError(
                f"no search of study {info.study!r} is running",
                "`satisfice status` lists all searches",
            )
    control.give(search_folder(info.search) / "control.json", command)
    return f"{info.search}: {_COMMANDS[command]} requested; running trials obey at their next epoch"


def _row(store: Store, info: SearchInfo) -> tuple[str, ...]:
    search = store.open(info.search)
    history = search.history()
    started = dt.datetime.fromtimestamp(info.started).astimezone()
    state = info.ending or "unfinished"
    newest = store.latest(info.study, unfinished=True)
    if not info.ending and newest is not None and newest.search == info.search:
        # Only the newest one can be running, and only this one can be resumed.
        state = "running" if store.is_locked(info.study) else "unfinished, can be resumed"
    skipped = sum(one.decision.stop for one in search.decisions(SCHEDULE))
    if skipped:
        state = f"{state}; {counted(skipped, 'scheduled run')} skipped since"
    best, sweep = history.best, read_sweep(info.sweep)
    planned = "" if sweep is None else f" of {len(sweep.points)}"
    return (
        info.search,
        "search" if sweep is None else "sweep",
        f"{started:%Y-%m-%d %H:%M}",
        f"{info.elapsed:.0f} s",
        f"{len(history.trials)}{planned}",
        "-" if best is None else f"{best.value:.4f} (trial {best.number})",
        state,
    )
