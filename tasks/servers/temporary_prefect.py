"""A Prefect server that lasts for one search, when no other server is running.

Prefect would start one itself, but as a child in the terminal's process group: the Ctrl-C that lets
a search save itself would kill its server first, and a killed search would leave its server behind.
This one does not receive the terminal's signals, exits when the pipe to its parent closes, and
starts while its parent is still importing.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from satisfice.domain.errors import ExternalSystemError
from satisfice.tasks.files.home import home
from satisfice.tasks.servers.addresses import answers

PATIENCE = 180.0  # seconds; the first start creates a database, and the machine may be busy
_NICE = 10  # of its session: Linux schedules sessions against each other
# What Prefect sets for a server that it starts itself: no pages, no scheduler.
_TEMPORARY = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


def start_temporary_server() -> Callable[[], None]:
    """Start a server that lasts as long as this process, unless `PREFECT_API_URL` names one.

    Call it before prefect is imported: prefect reads the address then, and exit handlers run in
    reverse order, so that prefect sends its last events before this server is stopped.

    Returns:
        A function that waits until the server answers.

    Raises:
        ExternalSystemError: Raised by that function: the server has died or does not answer.
    """
    if os.environ.get("PREFECT_API_URL"):
        return lambda: None
    port = _free_port()
    address = f"http://127.0.0.1:{port}/api"
    log = home() / "prefect-temporary.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "satisfice.tasks.servers.temporary_prefect", str(port)],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_TEMPORARY},
            start_new_session=True,
        )
    os.environ["PREFECT_API_URL"] = address

    def wait() -> None:
        end = time.monotonic() + PATIENCE
        while not answers(f"{address}/health", timeout=2.0):
            if server.poll() is not None or time.monotonic() > end:
                raise ExternalSystemError(
                    f"Prefect's server did not start: {log.read_text(errors='replace')[-800:]}",
                    f"its whole log is in {log}",
                )
            time.sleep(0.05)
        with suppress(OSError):  # from here on it only records, and nothing waits for it
            Path(f"/proc/{server.pid}/autogroup").write_text(str(_NICE))

    atexit.register(_stop, server)
    return wait


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_starter, daemon=True).start()
    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )
