"""Run the search flow from the command line."""

from __future__ import annotations

import os
from typing import Any

from domain.errors import OutsideFault, SatisficeError
from domain.summary import Ending
from flows import backstage, console
from tasks.services import answers, settle_prefect
from tasks.studies import read_study
from tasks.temporary_server import start_temporary_server


def run_search(study: str, resume: bool, **limits: Any) -> Ending:
    """Search a study in this process and return how the search ended.

    The processes behind the search start before Prefect is even imported: their imports take as
    long as its start-up.
    """
    spec = read_study(study)
    settle_prefect()
    screen = console.for_terminal()
    console.current.set(screen)
    screen.say(f"{spec.name}: starting Prefect, loading {spec.data.source} ...")
    wait_for_server = start_temporary_server()
    backstage.begin(spec)
    from flows.search import NoWinner, concluded, search

    outcome: object
    try:
        wait_for_server()
        state = search(study=study, resume=resume, **limits, return_state=True)
        outcome = state.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 - Prefect's server may have gone away
        outcome = error
    finally:
        backstage.abandon(spec)
        screen.close()
    summary = concluded.pop(spec.folder, None)
    if summary is not None:
        if isinstance(outcome, Exception) and not isinstance(outcome, NoWinner):
            screen.say(f"  note: Prefect's pages do not tell how the search ended: {outcome}")
        return summary.ending
    if isinstance(outcome, BaseException):
        address = os.environ["PREFECT_API_URL"]
        if not isinstance(outcome, SatisficeError) and not answers(f"{address}/health", 5.0):
            raise OutsideFault(
                f"Prefect's server at {address} does not answer: {outcome}",
                "start it, or unset PREFECT_API_URL: then a search starts a server of its own",
            ) from outcome
        raise outcome
    raise SatisficeError(f"the flow ended without an outcome: {outcome}")
