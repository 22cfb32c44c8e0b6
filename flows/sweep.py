"""The sweep flow: chosen values of some parameters, under the same rules as a search."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from satisfice.domain.sweep.plan import MOST, SweepRequest
from satisfice.flows.pipeline import run_study
from satisfice.flows.search import MOST_WORKERS, RUNNER
from satisfice.flows.stages.overrides import Limits


@flow(name="sweep", flow_run_name="sweep {study}", task_runner=RUNNER)
def sweep(  # noqa: PLR0913, PLR0917 - the fields of Prefect's form
    study: str = "studies/digits",
    parameters: list[str] = [],  # noqa: B006 - Prefect reads the default into its form
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
    """Train chosen values of some parameters, the others at their defaults.

    Args:
        study: The study folder, from where the sweep runs.
        parameters: What to sweep, one line a parameter: groups=1,2,4 or lr=1e-4..1e-1:log:7.
        random: Draw this many points; empty: all combinations.
        again: Train again what was trained before.
        confirm: Confirm the leaders with fresh seeds, and register the winner.
        dry_run: Show what would run, and run nothing.
        resume: Go on with the last unfinished sweep or search of the study; the rest of the form
            but the limits is then left out of account.
        minutes: Limit on the time; empty: the study's own.
        trials: Limit on the number of trials; empty: the study's own.
        workers: Trials at the same time; empty: the study's own.
        seed: Seed of what is drawn; empty: the study's own.
    """
    asked = SweepRequest(tuple(parameters), random, again, confirm)
    return run_study(
        study,
        Limits(minutes, trials, workers, seed),
        resume=resume,
        asked=None if resume else asked,
        dry_run=dry_run,
    )
