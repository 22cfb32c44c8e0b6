"""Prefect's worker, stopped in a way that lets running searches save themselves.

Prefect's own worker kills its flow runs when it is stopped, and they stay `Running` on Prefect's
pages for ever. Here each search is interrupted first and waited for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from satisfice.tasks.processes.signals import interrupt_when_told, undisturbed
from satisfice.tasks.servers.deployments import POOL, PREFECT, renew, require_server

PATIENCE = 15.0  # seconds for an idle worker to exit
LAST_LINES = 1.0  # seconds for the worker to print the last output of a search that has ended


def run_worker(say: Callable[[str], None]) -> int:
    """Run what is due, one search at a time: two at once would slow each other and cost more.

    Deployments whose runs could not start are updated first.

    Args:
        say: Prints a line.

    Returns:
        0 after Ctrl-C; otherwise the exit code of Prefect's worker.

    Raises:
        UserError: No server is running.
        ExternalSystemError: Prefect's server does not answer.
    """
    # Before the server's settings: unlike a search, a worker prints Prefect's own lines.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")
    require_server()
    for name in renew():
        say(f"updated deployment {name}: its runs could not start with this version")
    command = [*PREFECT, "worker", "start", "--pool", POOL, "--type", "process", "--limit", "1"]
    interrupt_when_told()
    worker: subprocess.Popen[bytes] | None = None
    try:
        with undisturbed():
            # In its own session, or the terminal's Ctrl-C would reach the searches twice.
            worker = subprocess.Popen(command, start_new_session=True)
        return worker.wait()
    except KeyboardInterrupt:
        if worker is not None:
            with _paused_pool():
                _drain(worker.pid, say)
        return 0
    finally:
        if worker is not None:
            _end(worker)


@contextmanager
def _paused_pool() -> Iterator[None]:
    """Pause the pool meanwhile: as one run ends, the worker would start the next that is due."""
    was_paused = _set_paused(True)
    try:
        yield
    finally:
        if was_paused is False:
            _set_paused(False)


def _set_paused(paused: bool) -> bool | None:
    """Pause or resume the pool; return whether it was paused before, None if unknown."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate
    from prefect.exceptions import PrefectException

    try:
        with get_client(sync_client=True) as client:
            before = client.read_work_pool(POOL).is_paused
            client.update_work_pool(POOL, WorkPoolUpdate(is_paused=paused))
    except (httpx.HTTPError, PrefectException):  # without its server a worker starts nothing either
        return None
    return before


def _drain(worker: int, say: Callable[[str], None]) -> None:
    """Interrupt the searches of a worker, and wait until they have saved themselves."""
    number = signal.SIGINT
    while searches := psutil.Process(worker).children():
        if number is signal.SIGINT:
            say("saving running searches; Ctrl-C again ends at once")
        os.kill(worker, signal.SIGSTOP)  # or it would start the next search
        try:
            for one in searches:
                one.send_signal(number)
            while any(one.status() != psutil.STATUS_ZOMBIE for one in searches):
                time.sleep(0.1)
        finally:
            os.kill(worker, signal.SIGCONT)
        psutil.wait_procs(searches, PATIENCE)
        time.sleep(LAST_LINES)
        number = signal.SIGKILL  # what started within this second has nothing to save yet


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.send_signal(signal.SIGINT)
        worker.wait(PATIENCE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
