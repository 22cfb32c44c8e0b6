"""The search flow: from a study folder to a search that explains why it ended."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from satisfice.domain.study import Overrides
from satisfice.flows.pipeline import run_study

MOST_WORKERS = 64

# The coordinator limits the number of running trials; a thread only waits for a trial's process.
RUNNER: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=MOST_WORKERS)


@flow(name="search", flow_run_name="search {study}", task_runner=RUNNER)
def search(
    study: str = "studies/digits",
    resume: bool = False,
    minutes: Annotated[float | None, Field(gt=0)] = None,
    trials: Annotated[int | None, Field(gt=0)] = None,
    workers: Annotated[int | None, Field(ge=1, le=MOST_WORKERS)] = None,
    seed: int | None = None,
    if_worth: bool = False,
) -> State:
    """Search a study's space until further search is no longer worth its price.

    Args:
        study: The study folder, relative to the working directory of the run.
        resume: Continue the last unfinished search of the study.
        minutes: Time limit in minutes; empty: as in the study.
        trials: Limit on the number of trials; empty: as in the study.
        workers: Number of trials that run at the same time; empty: as in the study.
        seed: Seed of the proposals; empty: as in the study.
        if_worth: Start a new search only if its expected gain exceeds its cost.
    """
    overrides = Overrides(minutes, trials, workers, seed)
    return run_study(study, overrides, resume=resume, if_worth=if_worth)
