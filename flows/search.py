"""The search flow: from a study folder to an explained decision."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from satisfice.flows.pipeline import run_study
from satisfice.flows.stages.overrides import Limits

MOST_WORKERS = 64

# The coordinator counts workers; the threads only wait for their children.
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
    """Search a study's space until more searching is no longer worth its price.

    Args:
        study: The study folder, from where the search runs.
        resume: Go on with the last unfinished search of the study.
        minutes: Limit on the time; empty: the study's own.
        trials: Limit on the number of trials; empty: the study's own.
        workers: Trials at the same time; empty: the study's own.
        seed: Seed of the proposals; empty: the study's own.
        if_worth: Begin a new search only where earlier ones say that it is worth its price.
    """
    limits = Limits(minutes, trials, workers, seed)
    return run_study(study, limits, resume=resume, if_worth=if_worth)
