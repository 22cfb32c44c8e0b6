"""A worker of Prefect's under which a search may end in peace.

Prefect's own worker kills what it runs when it is told to end, and the run then stays `Running` on
Prefect's pages for ever. Here the searches are told first, and save themselves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import psutil

from satisfice.flows.cli.deploy import POOL, PREFECT, meet_server
from satisfice.tasks.processes.signals import interrupt_when_told, undisturbed

PATIENCE = 15.0  # seconds for a worker that has nothing to do any more
LAST_LINES = 1.0  # seconds in which it prints what it has read from a search that has ended


def work() -> int:
    """Run what is due, one search at a time: two would slow each other, and cost more.

    Returns:
        0 after Ctrl-C; else what Prefect's worker ended with.

    Raises:
        UserError: No server is running.
        ExternalSystemError: Prefect's server does not answer.
    """
    # Unlike a search, a worker has nothing else to say than Prefect's own lines.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")
    meet_server()
    command = [*PREFECT, "worker", "start", "--pool", POOL, "--type", "process", "--limit", "1"]
    interrupt_when_told()
    worker: subprocess.Popen[bytes] | None = None
    try:
        with undisturbed():
            # Out of the terminal's reach, or its Ctrl-C would come to the searches twice.
            worker = subprocess.Popen(command, start_new_session=True)
        return worker.wait()
    except KeyboardInterrupt:
        if worker is not None:
            with _pool_at_rest():
                _drain(worker.pid)
        return 0
    finally:
        if worker is not None:
            _end(worker)


@contextmanager
def _pool_at_rest() -> Iterator[None]:
    """Let nothing begin for a moment: a run that is due would begin where another one ends."""
    was_paused = _pause(True)
    try:
        yield
    finally:
        if was_paused is False:
            _pause(False)


def _pause(paused: bool) -> bool | None:
    """Pause the pool or let it go on; return what it did before, None where nobody knows."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate
    from prefect.exceptions import PrefectException

    try:
        with get_client(sync_client=True) as client:
            before = client.read_work_pool(POOL).is_paused
            client.update_work_pool(POOL, WorkPoolUpdate(is_paused=paused))
    except (httpx.HTTPError, PrefectException):  # without its server a worker begins nothing either
        return None
    return before


def _drain(worker: int) -> None:
    """Tell what a worker runs to save itself, and wait until that is done."""
    told = signal.SIGINT
    while searches := psutil.Process(worker).children():
        if told is signal.SIGINT:
            click.echo("saving what runs; Ctrl-C again ends at once")
        os.kill(worker, signal.SIGSTOP)  # or it would begin the next search
        try:
            for one in searches:
                one.send_signal(told)
            while any(one.status() != psutil.STATUS_ZOMBIE for one in searches):
                time.sleep(0.1)
        finally:
            os.kill(worker, signal.SIGCONT)
        psutil.wait_procs(searches, PATIENCE)
        time.sleep(LAST_LINES)
        told = signal.SIGKILL  # what it has begun in this second has nothing to save yet


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.send_signal(signal.SIGINT)
        worker.wait(PATIENCE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
