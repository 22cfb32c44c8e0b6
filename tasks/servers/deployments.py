"""Prefect deployments of a study: a nightly search, a search on demand and a sweep."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from satisfice.domain.errors import ExternalSystemError, UserError
from satisfice.tasks.files.home import home
from satisfice.tasks.servers.addresses import settle_prefect

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

POOL = "satisfice"
FILE = resources.files("satisfice") / "deployments" / "prefect.yaml"
PREFECT = (sys.executable, "-P", "-m", "prefect")
ENGINE = shlex.join([sys.executable, "-P", "-m", "satisfice.flows.engine"])  # runs one flow run
_PAGE = 200  # deployments per request, the most that the server allows

# Deployments that earlier versions made name flows by these entrypoints.
_MOVED = {
    "flows.search.search": "satisfice.flows.search.search",
    "flows.sweep.sweep": "satisfice.flows.sweep.sweep",
}


def deploy(study: str, name: str, cron: str, timezone: str) -> tuple[str, ...]:
    """Create the deployments of a study, or update those that exist.

    Their runs use the working directory and the home of this process.

    Args:
        study: The study folder, absolute or relative to the working directory.
        name: The name of the study.
        cron: When the nightly search starts, such as `0 2 * * *`.
        timezone: The time zone of `cron`, such as `Europe/Berlin`.

    Returns:
        The names of the deployments.

    Raises:
        UserError: The schedule is wrong.
        ExternalSystemError: `prefect deploy` failed.
    """
    _check_schedule(cron, timezone)
    _create_pool()
    variables = {
        "SATISFICE_STUDY": study,
        "SATISFICE_NAME": name,
        "SATISFICE_POOL": POOL,
        "SATISFICE_CRON": cron,
        "SATISFICE_TIMEZONE": timezone,
        "SATISFICE_HOME": str(home()),
        "PWD": str(Path.cwd()),
        "SATISFICE_COMMAND": ENGINE,
    }
    command = [*PREFECT, "--no-prompt", "deploy", "--all", "--prefect-file", str(FILE)]
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        cwd=home(),  # Prefect imports the flows from the working directory first
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ExternalSystemError(
            f"`prefect deploy` failed:\n{(done.stdout + done.stderr)[-1500:]}"
        )
    return f"search/{name}-nightly", f"search/{name}-on-demand", f"sweep/{name}-sweep"


def renew() -> tuple[str, ...]:
    """Update the deployments in our pool whose runs could not start with this version.

    Schedules, parameters and all else that users may have changed stay as they are.

    Returns:
        The names of the deployments that were updated.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    renewed = []
    with get_client(sync_client=True) as client:
        for one in list(_deployments(client)):
            variables = dict(one.job_variables or {})
            runs = _starts(variables.get("command"))
            entrypoint = _MOVED.get(one.entrypoint or "", one.entrypoint)
            if entrypoint not in _MOVED.values() or (runs and entrypoint == one.entrypoint):
                continue
            if not runs:
                variables["command"] = ENGINE
            update = DeploymentUpdate(entrypoint=entrypoint, job_variables=variables)
            client.update_deployment(one.id, update)
            renewed.append(one.name)
    return tuple(renewed)


def require_server() -> None:
    """Point Prefect at a server that keeps running.

    Raises:
        UserError: No server is running.
        ExternalSystemError: The server does not answer.
    """
    settle_prefect()
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        raise UserError(
            "no Prefect server is running, and a schedule needs one that keeps running",
            "start it in another terminal: `satisfice ui`",
        )
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        trouble = client.api_healthcheck()
    if trouble is not None:
        raise ExternalSystemError(
            f"the Prefect server at {address} does not answer: {trouble}",
            "PREFECT_API_URL names it: start it, or unset the variable and start `satisfice ui`",
        )


def _deployments(client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    """Yield the deployments in our pool."""
    from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName

    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    offset = 0
    while page := client.read_deployments(work_pool_filter=ours, limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)


def _starts(command: str | None) -> bool:
    """Tell whether the program of a command exists, such as the Python of an environment."""
    return command is not None and shutil.which(shlex.split(command)[0]) is not None


def _check_schedule(cron: str, timezone: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        reasons = "; ".join(one["msg"] for one in error.errors())
        raise UserError(
            f"{cron!r} in time zone {timezone!r} is not a valid schedule: {reasons}",
            "for example: --cron '0 2 * * *' --timezone Europe/Berlin, every night at two",
        ) from None


def _create_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    pool = WorkPoolCreate(name=POOL, type="process", description="Searches in local processes")
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return
