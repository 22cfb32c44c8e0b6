"""One search or sweep of a study: prepare, run, conclude."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from threading import Thread

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.errors import SatisficeError
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.rule import Excluded
from satisfice.domain.study import Overrides
from satisfice.domain.summary import NOT_WORTH_IT, Ending, SearchSummary
from satisfice.domain.sweep.plan import SweepRequest
from satisfice.domain.sweep.points import refuse_invalid
from satisfice.flows.stages import schedule
from satisfice.flows.stages.confirmation import confirm
from satisfice.flows.stages.preflight import refuse_contradictions
from satisfice.flows.stages.preparation import LoadedStudy, PreparedSearch, prepare
from satisfice.flows.stages.resume import refuse_other_data, unfinished_search
from satisfice.flows.stages.sweep_plan import plan_sweep
from satisfice.flows.terminal import console
from satisfice.flows.terminal.summary_text import closing
from satisfice.flows.terminal.sweep_text import plan_lines
from satisfice.tasks.prefect_tasks import load_data
from satisfice.tasks.processes.interrupt import draining
from satisfice.tasks.reporting.prefect_artifacts import show_not_worth_it
from satisfice.tasks.sampling.warm_start import code_digest
from satisfice.tasks.search_processes import Backstage, behind
from satisfice.tasks.servers.addresses import reaches_prefect
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import Search, SearchInfo, open_store
from satisfice.tasks.storage.sweep_records import write_sweep
from satisfice.tasks.tracking.registry import warm_up

_STATES = {
    Ending.INTERRUPTED: Cancelled,
    Ending.DATA_GATE_FAILED: Failed,
    Ending.NOTHING_AFFORDABLE: Failed,
    Ending.NOTHING_WORKED: Failed,
    Ending.NOTHING_FEASIBLE: Failed,
}


class NoWinner(Exception):
    """A search ended without a winner; Prefect wants an exception in such a state.

    Attributes:
        summary: The search.
    """

    def __init__(self, summary: SearchSummary) -> None:
        super().__init__(summary.decision.reason)
        self.summary = summary


# Called with the summary before the flow ends: if Prefect's server has gone away, the flow takes
# minutes to end, and then fails.
when_concluded: ContextVar[Callable[[SearchSummary], None] | None] = ContextVar(
    "when_concluded", default=None
)


def run_study(
    study: str,
    overrides: Overrides,
    *,
    resume: bool = False,
    if_worth: bool = False,
    asked: SweepRequest | None = None,
    dry_run: bool = False,
) -> State:
    """Run a search or a sweep of a study; the returned state says how it ended.

    Args:
        study: The study folder.
        overrides: Values of this run that replace those of the study.
        resume: Whether to continue the last unfinished search or sweep.
        if_worth: Whether to start a new search only if its expected gain exceeds its cost.
        asked: The sweep to run; None: a search.
        dry_run: Whether to show the plan of a sweep and run nothing.
    """
    try:
        spec = overrides.applied_to(read_study(study))
        if asked is not None:
            refuse_invalid(spec, asked)
        with open_store() as store, nullcontext() if dry_run else store.lock(spec.name):
            unfinished = unfinished_search(store, spec) if resume else None
            with behind(spec, if_worth) as backstage:
                ready = load_data(spec.data.source, backstage)  # if it raises, no search begins
                loaded = LoadedStudy(spec, store, backstage, ready)
                if unfinished is not None:
                    return _resume(loaded, unfinished)
                if asked is not None:
                    return _sweep(loaded, asked, dry_run)
                return _search_if_worth(loaded) if if_worth else _search(loaded)
    except SatisficeError as error:
        if console.current.get() is None:
            console.PlainConsole().say(f"satisfice: {error}")
        return Failed(name=_in_words(error), message=str(error), data=error)


def _in_words(error: SatisficeError) -> str:
    """Return `Study busy` for a StudyBusy."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).capitalize()


# -- which search -----------------------------------------------------------------------------


def _resume(loaded: LoadedStudy, unfinished: SearchInfo) -> State:
    """Continue an unfinished search or sweep."""
    refuse_other_data(unfinished, loaded.ready.digest)
    return _carry_out(loaded.seeded(unfinished.seed), loaded.store.open(unfinished.search))


def _search(loaded: LoadedStudy) -> State:
    """Run a new search."""
    study = loaded.study
    refuse_contradictions(study, Predictor(study, loaded.backstage.server.predict))
    return _carry_out(loaded, loaded.store.begin(study, loaded.ready.digest, code_digest(study)))


def _search_if_worth(loaded: LoadedStudy) -> State:
    """Run a new search if its expected gain exceeds its cost."""
    study, store, ready, backstage = loaded.study, loaded.store, loaded.ready, loaded.backstage
    refuse_contradictions(study, Predictor(study, backstage.server.predict))
    run = schedule.consider(study, store, ready, backstage)
    if run.decision.stop:
        schedule.record_skip(run)
        return _skipped(study.name, run.decision)
    search = schedule.begin(study, store, ready, run)
    return _carry_out(loaded.seeded(search.info.seed), search)


def _skipped(study: str, decision: Decision) -> State:
    console.screen().say(f"\n{study}: {NOT_WORTH_IT}\n  {decision.reason}")
    if reaches_prefect():
        show_not_worth_it(study, decision)
    return Completed(name=NOT_WORTH_IT, message=decision.reason)


def _sweep(loaded: LoadedStudy, asked: SweepRequest, dry_run: bool) -> State:
    """Show the plan of a sweep, and run it."""
    study, store, data = loaded.study, loaded.store, loaded.ready.digest
    planned = plan_sweep(study, asked, store, data, loaded.backstage.server.predict)
    console.screen().say("\n".join(plan_lines(planned)))
    if dry_run:
        return Completed(name="Dry run", message="nothing was run")
    if not planned.points:
        return Completed(name="Nothing to run", message="all of it was trained before")
    search = store.begin(study, data, code_digest(study), write_sweep(planned.sweep))
    return _carry_out(loaded, search, planned.plan.excluded)


# -- prepare, run, conclude -------------------------------------------------------------------


def _carry_out(
    loaded: LoadedStudy, search: Search, excluded: Mapping[str, Excluded] | None = None
) -> State:
    """Run a search that has begun to its end.

    Args:
        loaded: The study.
        search: The search, new or resumed.
        excluded: By rule id, the configurations that were rejected before it began.
    """
    prepared = prepare(loaded, search, excluded or {})
    with draining(lambda: _interrupt(prepared)):
        ending, decision, confirmations = _run(prepared, loaded.backstage)
        summary = _conclude(prepared, ending, decision, confirmations)
    prepared.coordinator.close()
    return _publish(summary)


def _run(
    prepared: PreparedSearch, backstage: Backstage
) -> tuple[Ending, Decision, tuple[Confirmed, ...]]:
    """Search until something ends it, then confirm the leaders; without valid data, do nothing."""
    if not prepared.data.passed:
        return Ending.DATA_GATE_FAILED, prepared.data.decision, ()
    coordinator, observers = prepared.coordinator, prepared.observers
    observers.begin(coordinator.study, coordinator.search.info.search)
    ending, decision = coordinator.run()
    backstage.tracking.submit(warm_up)  # the registry's imports take seconds
    confirmations = confirm(coordinator, ending) if prepared.confirms else ()
    observers.close()
    return ending, decision, confirmations


def _conclude(
    prepared: PreparedSearch,
    ending: Ending,
    decision: Decision,
    confirmations: tuple[Confirmed, ...],
) -> SearchSummary:
    """Measure and register the winner, and report."""
    if prepared.coordinator.interrupted:
        ending = Ending.INTERRUPTED
    prepared.observers.say("concluding: quality attributes, registry, report ...")
    return prepared.conclusion.write(ending, decision, prepared.data, confirmations)


def _publish(summary: SearchSummary) -> State:
    """Print a summary, and return it as the final state of the flow."""
    console.screen().say(closing(summary))
    tell = when_concluded.get()
    if tell is not None:
        tell(summary)
    name, reason = str(summary.ending), summary.decision.reason
    state = _STATES.get(summary.ending)
    if state is None:
        return Completed(name=name, message=reason, data=summary)
    return state(name=name, message=reason, data=NoWinner(summary))


def _interrupt(prepared: PreparedSearch) -> None:
    prepared.coordinator.interrupt()
    # From a thread: the signal may have come while a line is being printed.
    text = "saving running trials; press Ctrl-C again to end at once"
    Thread(target=prepared.observers.say, args=(text,)).start()
