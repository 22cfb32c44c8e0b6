"""Run a flow from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from satisfice.domain.errors import ExternalSystemError, SatisficeError
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending, SearchSummary
from satisfice.domain.sweep.plan import SweepRequest
from satisfice.domain.sweep.points import refuse_invalid
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
    **options: Any,
) -> Ending | None:
    """Search or sweep a study in this process; return how it ended, None where nothing was run.

    The processes of the search start before Prefect is imported, because their imports take as long
    as Prefect's start-up.

    Args:
        study: The study folder.
        resume: Whether to continue its last unfinished search or sweep.
        leave: Ends this process at once; called if Prefect's server has gone away by the end.
        asked: The sweep to run; None: a search.
        options: Further parameters of the flow.
    """
    spec = read_study(study)
    if asked is not None:
        refuse_invalid(spec, asked)
    screen, wait_for_server = _start(spec, if_worth=bool(options.get("if_worth")))
    concluded: list[SearchSummary] = []

    def conclude(summary: SearchSummary) -> None:
        concluded.append(summary)
        if not reaches_prefect():
            screen.say("  note: Prefect's server has gone away, so its pages do not show the end")
            leave(summary.ending)

    outcome: object
    try:
        outcome = _call_flow(spec, resume, conclude, wait_for_server, asked, study=study, **options)
    except Exception as error:  # noqa: BLE001 - reported below
        outcome = error
    finally:
        search_processes.abandon(spec)
        screen.close()
    return _ending(concluded, outcome)


def _start(spec: Study, *, if_worth: bool) -> tuple[console.Console, Callable[[], None]]:
    """Start the processes of a search; return the console, and what waits for Prefect's server."""
    settle_prefect()
    screen = console.for_terminal()
    console.current.set(screen)
    screen.say(f"{spec.name}: starting Prefect, loading {spec.data.source} ...")
    wait_for_server = start_temporary_server()
    search_processes.begin(spec, if_worth)
    return screen, wait_for_server


def _ending(concluded: Sequence[SearchSummary], outcome: object) -> Ending | None:
    """Return how a search ended; None if nothing was run. Raises what ended it too early."""
    if concluded:
        return concluded[0].ending
    if isinstance(outcome, BaseException):
        if not isinstance(outcome, SatisficeError) and not reaches_prefect():
            raise ExternalSystemError(
                f"Prefect's server does not answer: {outcome}",
                "start it, or unset PREFECT_API_URL, so that a search starts its own server",
            ) from outcome
        raise outcome
    if outcome is not None:
        raise SatisficeError(f"the flow ended without an outcome: {outcome}")
    return None


def _call_flow(
    spec: Study,
    resume: bool,
    conclude: Callable[[SearchSummary], None],
    wait_for_server: Callable[[], None],
    asked: SweepRequest | None,
    **options: Any,
) -> object:
    """Call the flow, and return the result of its final state."""
    # Imported here, while the processes start: each of these imports takes seconds.
    from satisfice.flows.stages.resume import look_ahead

    unfinished = look_ahead(spec, resume)
    from satisfice.flows.pipeline import when_concluded
    from satisfice.flows.search import search
    from satisfice.flows.sweep import sweep

    when_concluded.set(conclude)
    wait_for_server()
    if asked is not None:
        options |= {**asdict(asked), "parameters": list(asked.parameters)}
    is_sweep = asked is not None or (unfinished is not None and unfinished.sweep)
    state = (sweep if is_sweep else search)(resume=resume, **options, return_state=True)
    return state.result(raise_on_failure=False)
