"""The command `satisfice worker`."""

from __future__ import annotations

import click

from satisfice.tasks.servers.prefect_worker import run_worker


def work() -> int:
    """Run what is due until Ctrl-C.

    Returns:
        0 after Ctrl-C; otherwise the exit code of Prefect's worker.

    Raises:
        UserError: No server is running.
        ExternalSystemError: Prefect's server does not answer.
    """
    return run_worker(click.echo)
