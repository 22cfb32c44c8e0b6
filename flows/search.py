"""The search flow: from a study folder to an explained decision."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from threading import Thread
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from domain.errors import SatisficeError
from domain.study import Study
from domain.summary import DataReport, Ending, SearchSummary
from flows import console
from flows.backstage import behind
from flows.closing import closing
from flows.concluding import Conclusion
from flows.confirming import confirm
from flows.coordinator import Coordinator
from flows.interrupt import draining
from flows.resuming import refuse_other_data, unfinished_search
from flows.shipping import Shipping
from flows.steps import begin_training, load_data, validate_data
from flows.watching import Watchers
from tasks.artifacts import Artifacts
from tasks.environment import environment
from tasks.home import search_folder, tracking_url
from tasks.registry import warm_up
from tasks.store import Search, SearchInfo, Store, open_store
from tasks.studies import read_study

MOST_WORKERS = 64

_STATES = {
    Ending.INTERRUPTED: Cancelled,
    Ending.DATA_GATE_FAILED: Failed,
    Ending.NOTHING_AFFORDABLE: Failed,
    Ending.NOTHING_WORKED: Failed,
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

# The coordinator counts workers; the threads only wait for their children.
_RUNNER: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=MOST_WORKERS)


@flow(name="search", flow_run_name="search {study}", task_runner=_RUNNER)
def search(
    study: str = "studies/digits",
    resume: bool = False,
    minutes: Annotated[float | None, Field(gt=0)] = None,
    trials: Annotated[int | None, Field(gt=0)] = None,
    workers: Annotated[int | None, Field(ge=1, le=MOST_WORKERS)] = None,
    seed: int | None = None,
) -> State:
    """Search a study's space until more searching is no longer worth its price.

    Args:
        study: The study folder, from where the search runs.
        resume: Go on with the last unfinished search of the study.
        minutes: Limit on the time; empty: the study's own.
        trials: Limit on the number of trials; empty: the study's own.
        workers: Trials at the same time; empty: the study's own.
        seed: Seed of the proposals; empty: the study's own.
    """
    try:
        spec = _narrowed(read_study(study), minutes, trials, workers, seed)
        with open_store() as store, store.lock(spec.name):
            return _search(spec, store, unfinished_search(store, spec) if resume else None)
    except SatisficeError as error:
        if console.current.get() is None:
            console.PlainConsole().say(f"satisfice: {error}")
        return Failed(name=_in_words(error), message=str(error), data=error)


def _in_words(error: SatisficeError) -> str:
    """Return `Study busy` for a StudyBusy."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).capitalize()


def _search(spec: Study, store: Store, unfinished: SearchInfo | None) -> State:
    screen = console.current.get() or console.PlainConsole()
    with behind(spec) as backstage:
        ready = load_data(spec.data.source, backstage)  # one that raises begins no search
        if unfinished is not None:
            refuse_other_data(unfinished, ready.digest)
            spec = replace(spec, seed=unfinished.seed)
        searching = store.open(unfinished.search) if unfinished else store.begin(spec)
        folder = search_folder(searching.info.search)
        shipping = Shipping(folder, tracking_url(), backstage)
        artifacts = Artifacts(searching.info.search, spec)
        data = validate_data(spec, ready, folder, backstage)
        screen.say(f"data {spec.data.source} ({ready.digest}): {data.decision.reason}")
        watchers = Watchers(screen, artifacts, shipping)
        coordinator = Coordinator(
            spec,
            searching,
            ready.digest,
            submit=lambda order: begin_training(order, spec.prices),
            predict=backstage.server.predict,
            show=watchers.show,
        )
        coordinator.journal.append("search", **_facts(spec, searching, data))

        def interrupt() -> None:
            coordinator.interrupt()
            # From a thread: the signal may have come in the midst of a line that is being printed.
            Thread(target=screen.say, args=("saving what runs; Ctrl-C again ends at once",)).start()

        with draining(interrupt):
            if data.passed:
                screen.begin(spec, searching.info.search)
                ending, decision = coordinator.run()
                backstage.tracking.submit(warm_up)  # the registry's imports take seconds
                confirmations = confirm(coordinator, ending)
                watchers.close()
                screen.close()
            else:
                ending, decision, confirmations = Ending.DATA_GATE_FAILED, data.decision, ()
            if coordinator.interrupted:
                ending = Ending.INTERRUPTED
            screen.say("concluding: quality attributes, registry, report ...")
            summary = Conclusion(coordinator, backstage, artifacts, shipping).write(
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


def _facts(study: Study, search: Search, data: DataReport) -> dict[str, Any]:
    """Return what tracking wants to know of a search at its beginning."""
    return {
        "search": search.info.search,
        "study": study.name,
        "text": study.text,
        "environment": environment(study.folder),
        "rules": [
            {"id": rule.id, "require": rule.require.text, "because": rule.because}
            for rule in study.rules.rules
        ],
        "data": {"digest": data.digest, "rows": dict(data.rows), "source": study.data.source},
    }


def _narrowed(
    study: Study,
    minutes: float | None,
    trials: int | None,
    workers: int | None,
    seed: int | None,
) -> Study:
    """Return the study with what this run says otherwise."""
    budget, resources = study.budget, study.resources
    if minutes is not None:
        budget = replace(budget, seconds=60 * minutes)
    if trials is not None:
        budget = replace(budget, trials=trials)
    if workers is not None:
        resources = replace(resources, workers=workers)
    seed = study.seed if seed is None else seed
    return replace(study, budget=budget, resources=resources, seed=seed)
