"""One search from its data to its conclusion, wherever its configurations come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import replace
from threading import Thread
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.errors import SatisficeError
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.rule import Excluded
from satisfice.domain.study import Study
from satisfice.domain.summary import NOT_WORTH_IT, DataReport, Ending, SearchSummary
from satisfice.domain.sweep.plan import SweepRequest
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.observers.mlflow_sync import Shipping
from satisfice.flows.observers.observers import Watchers
from satisfice.flows.stages import schedule
from satisfice.flows.stages.conclusion import Conclusion
from satisfice.flows.stages.confirmation import confirm
from satisfice.flows.stages.overrides import Limits
from satisfice.flows.stages.preflight import refuse_contradictions
from satisfice.flows.stages.resume import refuse_other_data, unfinished_search
from satisfice.flows.stages.sweep_plan import plan_sweep, told
from satisfice.flows.stages.sweep_points import understand
from satisfice.flows.terminal import console
from satisfice.flows.terminal.summary_text import closing
from satisfice.tasks.environment import environment
from satisfice.tasks.files.home import search_folder, tracking_url
from satisfice.tasks.prefect_tasks import begin_training, load_data, validate_data
from satisfice.tasks.processes.interrupt import draining
from satisfice.tasks.reporting.prefect_artifacts import Artifacts, show_not_worth_it
from satisfice.tasks.sampling.warm_start import HeadStart, code_digest, lessons, why_begun
from satisfice.tasks.search_processes import Backstage, behind
from satisfice.tasks.servers.addresses import reaches_prefect
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import Search, SearchInfo, Store, open_store
from satisfice.tasks.storage.sweep_records import read_sweep, write_sweep
from satisfice.tasks.tracking.registry import warm_up
from satisfice.tasks.trial_server.client import ServerReady

_STATES = {
    Ending.INTERRUPTED: Cancelled,
    Ending.DATA_GATE_FAILED: Failed,
    Ending.NOTHING_AFFORDABLE: Failed,
    Ending.NOTHING_WORKED: Failed,
    Ending.NOTHING_FEASIBLE: Failed,
}


class NoWinner(Exception):
    """How a search ended that hands nothing over; Prefect wants an exception in such a state.

    Attributes:
        summary: The search.
    """

    def __init__(self, summary: SearchSummary) -> None:
        super().__init__(summary.decision.reason)
        self.summary = summary


# For whoever runs the flow in this process: where Prefect's server has gone away, the flow
# itself takes minutes to end, and ends with an error.
when_concluded: ContextVar[Callable[[SearchSummary], None] | None] = ContextVar(
    "when_concluded", default=None
)


def run_study(
    study: str,
    limits: Limits,
    *,
    resume: bool = False,
    if_worth: bool = False,
    asked: SweepRequest | None = None,
    dry_run: bool = False,
) -> State:
    """Run a search or a sweep of a study; the state says how it ended.

    Args:
        study: The study folder.
        limits: What this run says otherwise.
        resume: Whether to go on with the last unfinished search or sweep, whichever it is.
        if_worth: Whether a new search begins only where it is expected to be worth it.
        asked: What to sweep; None: a search.
        dry_run: Whether a sweep's plan is shown and nothing is run.
    """
    try:
        spec = limits.of(read_study(study))
        if asked is not None:
            understand(spec, asked)
        with open_store() as store, nullcontext() if dry_run else store.lock(spec.name):
            unfinished = unfinished_search(store, spec) if resume else None
            return _run(spec, store, unfinished, if_worth, asked, dry_run)
    except SatisficeError as error:
        if console.current.get() is None:
            console.PlainConsole().say(f"satisfice: {error}")
        return Failed(name=_in_words(error), message=str(error), data=error)


def _in_words(error: SatisficeError) -> str:
    """Return `Study busy` for a StudyBusy."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).capitalize()


def _run(
    spec: Study,
    store: Store,
    unfinished: SearchInfo | None,
    if_worth: bool,
    asked: SweepRequest | None,
    dry_run: bool,
) -> State:
    with behind(spec, if_worth) as backstage:
        ready = load_data(spec.data.source, backstage)  # one that raises begins no search
        if unfinished is not None:
            refuse_other_data(unfinished, ready.digest)
            spec = replace(spec, seed=unfinished.seed)
            return _carry_out(spec, store, store.open(unfinished.search), ready, backstage)
        if asked is None:
            return _search(spec, store, ready, backstage, if_worth)
        planned = plan_sweep(spec, asked, store, ready.digest, backstage.server.predict)
        _screen().say("\n".join(told(planned)))
        if dry_run:
            return Completed(name="Dry run", message="nothing was run")
        if not planned.points:
            return Completed(name="Nothing to run", message="all of it was trained before")
        ground = (ready.digest, code_digest(spec), write_sweep(planned.sweep))
        searching = store.begin(spec, *ground)
        return _carry_out(spec, store, searching, ready, backstage, planned.plan.excluded)


def _search(
    spec: Study, store: Store, ready: ServerReady, backstage: Backstage, if_worth: bool
) -> State:
    """Begin a search and carry it out; a scheduled one only where it is worth it."""
    refuse_contradictions(spec, Predictor(spec, backstage.server.predict))
    if not if_worth:
        searching = store.begin(spec, ready.digest, code_digest(spec))
        return _carry_out(spec, store, searching, ready, backstage)
    night = schedule.consider(spec, store, ready, backstage)
    if not night.decision.stop:
        searching = schedule.begin(spec, store, ready, night)
        spec = replace(spec, seed=searching.info.seed)
        return _carry_out(spec, store, searching, ready, backstage)
    schedule.record_skip(night)
    _screen().say(f"\n{spec.name}: {NOT_WORTH_IT}\n  {night.decision.reason}")
    if reaches_prefect():
        show_not_worth_it(spec.name, night.decision)
    return Completed(name=NOT_WORTH_IT, message=night.decision.reason)


def _carry_out(
    spec: Study,
    store: Store,
    searching: Search,
    ready: ServerReady,
    backstage: Backstage,
    excluded: Mapping[str, Excluded] | None = None,
) -> State:
    """Run what was begun to its end, confirm, conclude and tell.

    Args:
        spec: The study.
        store: All searches.
        searching: The search, begun or taken up again.
        ready: The data.
        backstage: The processes behind it.
        excluded: By rule id, what was turned away before it began.
    """
    screen, sweep = _screen(), read_sweep(searching.info.sweep)
    if sweep is not None and not sweep.request.confirm:  # then nothing has to be kept for it
        spec = replace(spec, confirming=replace(spec.confirming, share=0.0))
    scheduled = why_begun(searching)
    if scheduled is not None:
        spec = schedule.capped_budget(spec, scheduled)
    folder = search_folder(searching.info.search)
    shipping = Shipping(folder, tracking_url(), backstage)
    artifacts = Artifacts(searching.info.search, spec)
    data = validate_data(spec, ready, folder, backstage)
    screen.say(f"data {spec.data.source} ({ready.digest}): {data.decision.reason}")
    watchers = Watchers(screen, artifacts, shipping)
    start, notes = _head_start(spec, store, searching, ready.digest, backstage)
    for note in notes:
        screen.say(note)
    coordinator = Coordinator(
        spec,
        searching,
        ready.digest,
        submit=lambda order: begin_training(order, spec.prices),
        predict=backstage.server.predict,
        show=watchers.show,
        plan=None if sweep is None else sweep.points,
        start=start,
    )
    coordinator.journal.append("search", **_facts(spec, searching, data))
    coordinator.asking.exclude(excluded or {})

    def interrupt() -> None:
        coordinator.interrupt()
        # From a thread: the signal may have come in the midst of a line that is being printed.
        Thread(target=screen.say, args=("saving what runs; Ctrl-C again ends at once",)).start()

    with draining(interrupt):
        if data.passed:
            screen.begin(spec, searching.info.search)
            ending, decision = coordinator.run()
            backstage.tracking.submit(warm_up)  # the registry's imports take seconds
            confirmations: tuple[Confirmed, ...] = ()
            if sweep is None or sweep.request.confirm:
                confirmations = confirm(coordinator, ending)
            watchers.close()
            screen.close()
        else:
            ending, decision, confirmations = Ending.DATA_GATE_FAILED, data.decision, ()
        if coordinator.interrupted:
            ending = Ending.INTERRUPTED
        screen.say("concluding: quality attributes, registry, report ...")
        summary = Conclusion(coordinator, backstage, artifacts, shipping, store, notes).write(
            ending, decision, data, confirmations
        )
    coordinator.close()
    screen.say(closing(summary))
    tell = when_concluded.get()
    if tell is not None:
        tell(summary)
    state = _STATES.get(ending)
    if state is None:
        return Completed(name=str(ending), message=summary.decision.reason, data=summary)
    return state(name=str(ending), message=summary.decision.reason, data=NoWinner(summary))


def _head_start(
    spec: Study, store: Store, searching: Search, data: str, backstage: Backstage
) -> tuple[HeadStart, list[str]]:
    """Return what a search knows before its first trial, and how a person is told of it."""
    if searching.info.sweep:
        return HeadStart(), []  # it has no sampler
    start, notes = HeadStart(), []
    scheduled = why_begun(searching)
    if scheduled is not None:
        start = schedule.head_start(spec, store, searching)
        notes.append(f"why it began: {scheduled.reason}")
    predict, code, sweeps = backstage.server.predict, code_digest(spec), not start.known
    found = lessons(store, spec, data, code, predict, before=searching.info, sweeps=sweeps)
    if found.found:
        those = "sweeps" if sweeps else "searches"
        counts = ", ".join(f"{count} of {search}" for search, count in found.searches.items())
        notes.append(f"the sampler begins with trials of earlier {those}: {counts}")
    return replace(start, lessons=found.frozen), notes


def _screen() -> console.Console:
    return console.current.get() or console.PlainConsole()


def _facts(study: Study, search: Search, data: DataReport) -> dict[str, Any]:
    """Return what tracking wants to know of a search at its beginning."""
    return {
        "search": search.info.search,
        "study": study.name,
        "text": study.text,
        "environment": environment(study.folder),
        "rules": [
            {"id": rule.id, "require": rule.require.text, "because": rule.because}
            for rule in (*study.rules.rules, *study.soft_rules.rules)
        ],
        "data": {"digest": data.digest, "rows": dict(data.rows), "source": study.data.source},
    }
