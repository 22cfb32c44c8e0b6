"""Preparing a search: its data is validated, and what earlier searches found is collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from satisfice.domain.economics.text import counted
from satisfice.domain.rules.rule import Excluded
from satisfice.domain.study import Study
from satisfice.domain.summary import DataReport
from satisfice.domain.sweep.plan import Sweep
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.observers.mlflow_sync import Shipping
from satisfice.flows.observers.observers import Observers
from satisfice.flows.stages import schedule
from satisfice.flows.stages.conclusion import Conclusion
from satisfice.flows.terminal import console
from satisfice.tasks.environment import environment
from satisfice.tasks.files.home import search_folder, tracking_url
from satisfice.tasks.prefect_tasks import begin_training, validate_data
from satisfice.tasks.reporting.prefect_artifacts import Artifacts
from satisfice.tasks.sampling.warm_start import HeadStart, code_digest, lessons, why_begun
from satisfice.tasks.search_processes import Backstage
from satisfice.tasks.storage.store import Search, Store
from satisfice.tasks.storage.sweep_records import read_sweep
from satisfice.tasks.trial_server.client import ServerReady


@dataclass(frozen=True)
class LoadedStudy:
    """A study whose data is loaded.

    Attributes:
        study: The specification.
        store: All searches.
        backstage: The processes that train, validate, track and report.
        ready: The data.
    """

    study: Study
    store: Store
    backstage: Backstage
    ready: ServerReady

    def seeded(self, seed: int) -> LoadedStudy:
        """Return the same with another seed."""
        return replace(self, study=replace(self.study, seed=seed))


@dataclass(frozen=True)
class PreparedSearch:
    """A search that is ready to run.

    Attributes:
        coordinator: Runs its trials.
        data: What the data gate found.
        sweep: The sweep that it is; None for a search.
        observers: Show its progress.
        conclusion: Concludes it.
    """

    coordinator: Coordinator
    data: DataReport
    sweep: Sweep | None
    observers: Observers
    conclusion: Conclusion

    @property
    def confirms(self) -> bool:
        """Whether its leaders are confirmed."""
        return self.sweep is None or self.sweep.request.confirm


def prepare(
    loaded: LoadedStudy, search: Search, excluded: Mapping[str, Excluded]
) -> PreparedSearch:
    """Validate the data, collect what earlier searches found, and set up the coordinator.

    Args:
        loaded: The study.
        search: The search, new or resumed.
        excluded: By rule id, the configurations that were rejected before it began.
    """
    sweep, scheduled = read_sweep(search.info.sweep), why_begun(search)
    study = _without_confirmation(loaded.study, sweep)
    if scheduled is not None:
        study = schedule.capped_budget(study, scheduled)
    loaded = replace(loaded, study=study)
    ready, backstage, screen = loaded.ready, loaded.backstage, console.screen()
    folder = search_folder(search.info.search)
    data = validate_data(study, ready, folder, backstage)
    screen.say(f"data {study.data.source} ({ready.digest}): {data.decision.reason}")
    start, notes = _head_start(loaded, search)
    for note in notes:
        screen.say(note)
    shipping = Shipping(folder, tracking_url(), backstage)
    artifacts = Artifacts(search.info.search, study)
    observers = Observers(screen, artifacts, shipping)
    coordinator = Coordinator(
        study,
        search,
        ready.digest,
        submit=lambda order: begin_training(order, study.prices),
        predict=backstage.server.predict,
        show=observers.show,
        plan=None if sweep is None else sweep.points,
        start=start,
    )
    coordinator.journal.append("search", **_facts(study, search, data))
    coordinator.queue.exclude(excluded)
    conclusion = Conclusion(coordinator, backstage, artifacts, shipping, loaded.store, notes)
    return PreparedSearch(coordinator, data, sweep, observers, conclusion)


def _without_confirmation(study: Study, sweep: Sweep | None) -> Study:
    """Return the study with no budget kept for confirmation, if a sweep does not ask for one."""
    if sweep is None or sweep.request.confirm:
        return study
    return replace(study, confirming=replace(study.confirming, share=0.0))


def _head_start(loaded: LoadedStudy, search: Search) -> tuple[HeadStart, list[str]]:
    """Return what is known before the first trial, and notes on that for the user."""
    if search.info.sweep:
        return HeadStart(), []  # it has no sampler
    study, store = loaded.study, loaded.store
    start, notes = HeadStart(), []
    scheduled = why_begun(search)
    if scheduled is not None:
        start = schedule.head_start(study, store, search)
        notes.append(f"started by the schedule: {scheduled.reason}")
    found = lessons(
        store,
        study,
        loaded.ready.digest,
        code_digest(study),
        loaded.backstage.server.predict,
        before=search.info,
        sweeps=not start.known,
    )
    if found.found:
        those = "searches" if start.known else "sweeps"
        counts = (f"{counted(count, 'trial')} of {name}" for name, count in found.searches.items())
        notes.append(f"the sampler also learns from earlier {those}: {', '.join(counts)}")
    return replace(start, lessons=found.frozen), notes


def _facts(study: Study, search: Search, data: DataReport) -> dict[str, Any]:
    """Return what the journal records of a search at its beginning."""
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
