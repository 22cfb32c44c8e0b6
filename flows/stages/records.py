"""Past searches as the store and the files beside it record them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.errors import UserError
from satisfice.domain.summary import SCHEDULE, Ending, SearchSummary, decision_of_sweep
from satisfice.tasks.files import outcome
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.sampling.warm_start import why_begun
from satisfice.tasks.spec.reader import read_study, recorded_study
from satisfice.tasks.storage.store import Search, SearchInfo, Store
from satisfice.tasks.storage.sweep_records import read_sweep


def latest(store: Store, path: str) -> SearchInfo:
    """Return the newest search of the study in a folder.

    Raises:
        UserError: There is none yet.
    """
    study = read_study(path)
    found = store.latest(study.name)
    if found is None:
        raise UserError(
            f"study {study.name!r} has no search yet", f"`satisfice run {path}` starts one"
        )
    return found


def recorded(search: Search) -> SearchSummary:
    """Return the summary of a search from the store and the files beside it."""
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


def schedule_decisions(search: Search) -> Iterator[str]:
    """Yield what the schedule decided: why it started this search, and which runs it skipped."""
    begun = why_begun(search)
    if begun is not None:
        yield f"started by the schedule: {begun.reason}"
    skipped = [one for one in search.decisions(SCHEDULE) if one.decision.stop]
    if skipped:
        last = dt.datetime.fromtimestamp(skipped[-1].at).astimezone()
        runs = "1 scheduled run was" if len(skipped) == 1 else f"{len(skipped)} scheduled runs were"
        yield f"{runs} skipped since, on {last:%Y-%m-%d %H:%M}: {skipped[-1].decision.reason}"
