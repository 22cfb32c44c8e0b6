"""Prefect's and MLflow's own servers, and the settings under which this process meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import OutsideFault
from tasks.home import home, tracking_url

PATIENCE = 120.0  # seconds; a first start creates two databases


def settle_prefect() -> None:
    """Point Prefect at our home and at a running server, where the user has not said otherwise.

    Must run before prefect is imported, which reads its settings then.
    """
    defaults = {
        "PREFECT_HOME": str(home() / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the console is ours
        # 20 s by default, which is too short for a first start on a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "DO_NOT_TRACK": "1",
    }
    address = running_prefect()
    if address is not None:
        defaults["PREFECT_API_URL"] = address
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def running_prefect() -> str | None:
    """Return the address of the Prefect server that `satisfice ui` has started, if it answers."""
    try:
        address = str(json.loads(_note().read_text())["prefect"])
    except (OSError, ValueError, KeyError):
        return None
    return address if answers(f"{address}/health", timeout=1.0) else None


@dataclass(frozen=True, slots=True)
class Pages:
    """Addresses of the pages that people look at."""

    prefect: str
    mlflow: str


@contextmanager
def pages(prefect_port: int = 4200, mlflow_port: int = 5000) -> Iterator[Pages]:
    """Serve Prefect's and MLflow's pages on loopback, and stop them at the end.

    Raises:
        OutsideFault: A server did not start; the message holds the end of its log.
    """
    settle_prefect()
    bin_folder = Path(sys.executable).parent
    prefect_api = f"http://127.0.0.1:{prefect_port}/api"
    mlflow_page = f"http://127.0.0.1:{mlflow_port}"
    settings = {**os.environ, "PREFECT_UI_API_URL": prefect_api}
    settings.pop("PREFECT_API_URL", None)
    prefect = _start(
        "prefect",
        [
            bin_folder / "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(prefect_port),
        ],
        settings,
    )
    mlflow = _start(
        "mlflow",
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"),
            *("--port", str(mlflow_port), "--backend-store-uri", tracking_url()),
            *("--serve-artifacts", "--artifacts-destination", home() / "mlartifacts"),
        ],
        dict(os.environ),
    )
    try:
        _wait(prefect, f"{prefect_api}/health")
        _wait(mlflow, f"{mlflow_page}/health")
        _note().write_text(json.dumps({"prefect": prefect_api, "mlflow": mlflow_page}))
        yield Pages(f"http://127.0.0.1:{prefect_port}", mlflow_page)
    finally:
        _note().unlink(missing_ok=True)
        for one in (prefect, mlflow):
            one.process.terminate()
        for one in (prefect, mlflow):
            one.process.wait(timeout=30)


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


def _note() -> Path:
    return home() / "pages.json"


def _start(name: str, command: Sequence[str | Path], settings: dict[str, str]) -> _Server:
    log = home() / f"{name}-server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=settings, start_new_session=True
        )
    return _Server(name, process, log)


def _wait(server: _Server, address: str) -> None:
    end = time.monotonic() + PATIENCE
    while not answers(address, timeout=2.0):
        if server.process.poll() is not None or time.monotonic() > end:
            tail = server.log.read_text(errors="replace")[-1500:]
            raise OutsideFault(
                f"the {server.name} server did not start:\n{tail}",
                "is the port taken? Choose another one: `satisfice ui --help`",
            )
        time.sleep(0.2)


def answers(address: str, timeout: float) -> bool:
    """Tell whether an address answers that all is well, within so many seconds."""
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
