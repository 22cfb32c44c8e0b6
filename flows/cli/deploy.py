"""The command `satisfice deploy`."""

from __future__ import annotations

from satisfice.tasks.servers import deployments
from satisfice.tasks.spec.reader import read_study


def deploy(study: str, cron: str, timezone: str) -> tuple[str, ...]:
    """Create or update a study's deployments: a nightly search, one on demand, and a sweep.

    Args:
        study: The study folder, absolute or relative to the working directory.
        cron: When the nightly search starts, such as `0 2 * * *`.
        timezone: The time zone of `cron`, such as `Europe/Berlin`.

    Returns:
        The names of the deployments.

    Raises:
        UserError: The study or the schedule is wrong, or no server is running.
        ExternalSystemError: Prefect's server does not answer, or refuses.
    """
    name = read_study(study).name  # report a mistake in the study now, not at night
    deployments.require_server()
    return deployments.deploy(study, name, cron, timezone)
