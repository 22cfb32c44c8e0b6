"""Run a flow from the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NoReturn

from satisfice.domain.errors import ExternalSystemError, SatisficeError
from satisfice.domain.summary import Ending, SearchSummary
from satisfice.domain.sweep.plan import SweepRequest
from satisfice.flows.stages.sweep_points import understand
from satisfice.flows.terminal import console
from satisfice.tasks import search_processes
from satisfice.tasks.servers.addresses import reaches_prefect, settle_prefect
from satisfice.tasks.servers.temporary_prefect import start_temporary_server
from satisfice.tasks.spec.reader import read_study


def run_flow(
    study: str,
    resume: bool,
    leave: Callable[[Ending], NoReturn],
    asked: SweepRequest | None = None,
    **limits: Any,
) -> Ending | None:
    """Search or sweep a study in this process and return how that ended; None: nothing was run.

    The processes behind the search start before Prefect is even imported: their imports take as
    long as its start-up.

    Args:
        study: The study folder.
        resume: Whether to go on with its last unfinished search or sweep.
        leave: Ends this process at once; called where Prefect's server has gone away by the end.
        asked: What to sweep; None: a search.
        limits: What else the flow takes.
    """
    spec = read_study(study)
    if asked is not None:
        understand(spec, asked)
    settle_prefect()
    screen = console.for_terminal()
    console.current.set(screen)
    screen.say(f"{spec.name}: starting Prefect, loading {spec.data.source} ...")
    wait_for_server = start_temporary_server()
    search_processes.begin(spec, bool(limits.get("if_worth")))
    concluded: list[SearchSummary] = []

    def take(summary: SearchSummary) -> None:
        concluded.append(summary)
        if not reaches_prefect():
            screen.say("  note: Prefect's server has gone away, so its pages do not tell this")
            leave(summary.ending)

    outcome: object
    nothing_ran = False
    try:
        # Here, since their imports take seconds, in which the processes above start.
        from satisfice.flows.stages.resume import look_ahead

        unfinished = look_ahead(spec, resume)
        from satisfice.flows.pipeline import when_concluded
        from satisfice.flows.search import search
        from satisfice.flows.sweep import sweep

        when_concluded.set(take)
        wait_for_server()
        options = {"study": study, "resume": resume, **limits}
        if asked is not None:
            options |= {**asdict(asked), "parameters": list(asked.parameters)}
        swept = asked is not None or (unfinished is not None and unfinished.sweep)
        state = (sweep if swept else search)(**options, return_state=True)
        outcome = state.result(raise_on_failure=False)
        nothing_ran = outcome is None
    except Exception as error:  # noqa: BLE001 - told below
        outcome = error
    finally:
        search_processes.abandon(spec)
        screen.close()
    if concluded:
        return concluded[0].ending
    if isinstance(outcome, BaseException):
        if not isinstance(outcome, SatisficeError) and not reaches_prefect():
            raise ExternalSystemError(
                f"Prefect's server does not answer: {outcome}",
                "start it, or unset PREFECT_API_URL: then a search starts a server of its own",
            ) from outcome
        raise outcome
    if nothing_ran:
        return None
    raise SatisficeError(f"the flow ended without an outcome: {outcome}")
