"""The steps of a search as Prefect tasks, which show up by name on Prefect's pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed

from satisfice.domain.economics.cost import Prices
from satisfice.domain.economics.text import short
from satisfice.domain.study import Study
from satisfice.domain.summary import DataReport, Registration, SearchSummary
from satisfice.domain.trials.history import CALLED, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.tasks.files.home import tracking_url
from satisfice.tasks.reporting import report
from satisfice.tasks.search_processes import SearchProcesses
from satisfice.tasks.tracking import registry
from satisfice.tasks.trial_server.client import ServerReady
from satisfice.tasks.trial_server.supervisor import run_order
from satisfice.tasks.validation import gate


@task(name="load data", task_run_name="load {source}", cache_policy=NO_CACHE)
def load_data(
    source: str,  # noqa: ARG001 - part of the task run's name
    processes: SearchProcesses,
) -> ServerReady:
    """Wait until the study's `load()` has returned."""
    return processes.server.ready()


@task(name="validate data", task_run_name="validate {study.data.source}", cache_policy=NO_CACHE)
def validate_data(
    study: Study, ready: ServerReady, folder: Path, processes: SearchProcesses
) -> DataReport:
    """Validate the loaded data against the study's expectations."""
    kept = folder / "data"
    kept.mkdir(parents=True, exist_ok=True)
    manifest = ready.manifest.replace(kept / ready.manifest.name)
    return processes.gate.run(gate.validate, study, manifest, ready.digest, kept / "docs")


@task(name="train", task_run_name="{label}", cache_policy=NO_CACHE)
def train_trial(
    label: str,  # noqa: ARG001 - the task run's name
    order: TrialOrder,
    prices: Prices,
) -> State[TrialResult]:
    """Train one trial in its own process; the state says how it ended."""
    result = run_order(order, prices)
    return _STATES[result.state](message=result.reason or None, data=result)


_STATES: dict[TrialState, Callable[..., State[TrialResult]]] = {
    TrialState.COMPLETE: Completed,
    TrialState.PRUNED: partial(Completed, name="Pruned"),
    TrialState.FAILED: Failed,
    TrialState.RUNNING: partial(Cancelled, name="Interrupted"),
}


@dataclass(frozen=True)
class Training:
    """A running trial. A failed training is also a result, although Prefect shows it as failed."""

    run: PrefectFuture[Any]

    def result(self) -> TrialResult:
        """Wait for the result; raises if the task itself failed."""
        outcome: TrialResult | Exception = self.run.result(raise_on_failure=False)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Call `fn` when the result is available."""
        self.run.add_done_callback(fn)


def begin_training(order: TrialOrder, prices: Prices) -> Training:
    """Submit an order."""
    return Training(train_trial.submit(trial_label(order), order, prices))


@task(name="register", task_run_name="register", cache_policy=NO_CACHE)
def register_model(
    study: Study, summary: SearchSummary, folder: Path, model: Path, processes: SearchProcesses
) -> Registration:
    """Register the winner if it passed the gates."""
    return processes.tracking.run(registry.register, tracking_url(), folder, study, summary, model)


@task(name="write report", task_run_name="write report", cache_policy=NO_CACHE)
def write_report(summary: SearchSummary, folder: Path, processes: SearchProcesses) -> Path:
    """Write the report page."""
    page = folder / "report.html"
    return processes.gate.run(report.write_report, summary, page)


def trial_label(order: TrialOrder, most: int = 4) -> str:
    """Return a readable name for a trial: its number and a few parameters."""
    what = CALLED.get(order.purpose, "trial")
    number = f"{order.number} of {order.audit.rule}" if order.audit else order.number
    chosen = list(order.params.items())[:most]
    params = " ".join(f"{name}={short(value)}" for name, value in chosen)
    return f"{what} {number}: {params}"
