"""The sweep flow: chosen values of some parameters, under the same rules as a search."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from satisfice.domain.study import Overrides
from satisfice.domain.sweep.plan import MOST, SweepRequest
from satisfice.flows.pipeline import run_study
from satisfice.flows.search import MOST_WORKERS, RUNNER


@flow(name="sweep", flow_run_name="sweep {study}", task_runner=RUNNER)
def sweep(  # noqa: PLR0913, PLR0917 - the fields of Prefect's form
    study: str = "studies/digits",
    parameters: list[str] = [],  # noqa: B006 - Prefect shows the default in its form
    random: Annotated[int | None, Field(ge=1, le=MOST)] = None,
    again: bool = False,
    confirm: bool = False,
    dry_run: bool = False,
    resume: bool = False,
    minutes: Annotated[float | None, Field(gt=0)] = None,
    trials: Annotated[int | None, Field(gt=0)] = None,
    workers: Annotated[int | None, Field(ge=1, le=MOST_WORKERS)] = None,
    seed: int | None = None,
) -> State:
    """Train chosen values of some parameters, with the defaults of the others.

    Args:
        study: The study folder, relative to the working directory of the run.
        parameters: What to sweep, one line for each parameter: groups=1,2,4 or lr=1e-4..1e-1:log:7.
        random: Draw this many points at random; empty: all combinations.
        again: Also train configurations that were trained before.
        confirm: Confirm the leaders with fresh seeds, and register the winner.
        dry_run: Show what would run, and run nothing.
        resume: Continue the last unfinished sweep or search of the study; all other fields except
            the limits are then ignored.
        minutes: Time limit in minutes; empty: as in the study.
        trials: Limit on the number of trials; empty: as in the study.
        workers: Number of trials that run at the same time; empty: as in the study.
        seed: Seed of the drawn points; empty: as in the study.
    """
    asked = SweepRequest(tuple(parameters), random, again, confirm)
    return run_study(
        study,
        Overrides(minutes, trials, workers, seed),
        resume=resume,
        asked=None if resume else asked,
        dry_run=dry_run,
    )
