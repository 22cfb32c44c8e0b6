"""Hand a study to Prefect: searches by schedule and on demand, and sweeps."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from importlib import resources
from pathlib import Path

from satisfice.domain.errors import ExternalSystemError, UserError
from satisfice.tasks.files.home import home
from satisfice.tasks.servers.addresses import settle_prefect
from satisfice.tasks.spec.reader import read_study

POOL = "satisfice"
FILE = resources.files("satisfice") / "deployments" / "prefect.yaml"
PREFECT = (sys.executable, "-P", "-m", "prefect")


def deploy(study: str, cron: str, timezone: str) -> tuple[str, ...]:
    """Deploy a nightly search of a study, one on demand, and a sweep; again: change what is there.

    All of them run in the working directory and with the home of this process.

    Args:
        study: The study folder, absolute or from the working directory.
        cron: When the nightly one begins, such as `0 2 * * *`.
        timezone: The time zone in which that is meant, such as `Europe/Berlin`.

    Returns:
        The names of the deployments.

    Raises:
        UserError: The study or the schedule is wrong, or no server is running.
        ExternalSystemError: Prefect's server does not answer, or refuses.
    """
    name = read_study(study).name  # a mistake in it is told now, not at night
    meet_server()
    _check_schedule(cron, timezone)
    _make_pool()
    terms = {
        "SATISFICE_STUDY": study,
        "SATISFICE_NAME": name,
        "SATISFICE_POOL": POOL,
        "SATISFICE_CRON": cron,
        "SATISFICE_TIMEZONE": timezone,
        "SATISFICE_HOME": str(home()),
        "PWD": str(Path.cwd()),
        "SATISFICE_COMMAND": shlex.join([sys.executable, "-P", "-m", "prefect.engine"]),
    }
    command = [*PREFECT, "--no-prompt", "deploy", "--all", "--prefect-file", str(FILE)]
    done = subprocess.run(
        command, env={**os.environ, **terms}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ExternalSystemError(
            f"`prefect deploy` failed:\n{(done.stdout + done.stderr)[-1500:]}"
        )
    return f"search/{name}-nightly", f"search/{name}-on-demand", f"sweep/{name}-sweep"


def meet_server() -> None:
    """Settle on a Prefect server that stays.

    Raises:
        UserError: No server is running.
        ExternalSystemError: The server does not answer.
    """
    settle_prefect()
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        raise UserError(
            "no Prefect server is running, and a schedule needs one that stays",
            "start it in another terminal: `satisfice ui`",
        )
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        trouble = client.api_healthcheck()
    if trouble is not None:
        raise ExternalSystemError(
            f"the Prefect server at {address} does not answer: {trouble}",
            "PREFECT_API_URL names it: start it, or unset that and start `satisfice ui`",
        )


def _check_schedule(cron: str, timezone: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        told = "; ".join(one["msg"] for one in error.errors())
        raise UserError(
            f"{cron!r} in time zone {timezone!r} is no schedule: {told}",
            "such as --cron '0 2 * * *' --timezone Europe/Berlin: every night at two",
        ) from None


def _make_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    pool = WorkPoolCreate(name=POOL, type="process", description="Searches in local processes")
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return
