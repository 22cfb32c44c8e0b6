"""A real Prefect server for all searches of a session, and the command line that uses it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.service import PATIENCE, Service, answers, free_port


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a real Prefect server; a temporary one for each run takes 12 s to start."""
    folder = tmp_path_factory.mktemp("prefect-server")
    port = free_port()
    settings = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--no-scheduler", "--no-late-runs"],
            env={k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"} | settings,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}/api"
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(f"{address}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "server.log").read_text()[-2000:])
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs: to make one takes 7 s, to copy one none."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    work = f"from satisfice.tasks.tracking.shipping import prepare; prepare('sqlite:///{path}')"
    subprocess.run([sys.executable, "-c", work], check=True, capture_output=True)
    return path


@pytest.fixture(scope="session")
def new_service(prefect_api: str, mlflow_database: Path) -> Callable[[Path], Service]:
    """Make the command line with a home in a folder."""

    def make(folder: Path) -> Service:
        service = Service(folder, prefect_api)
        service.home.mkdir(parents=True)
        shutil.copy(mlflow_database, service.home / "mlflow.db")
        return service

    return make


@pytest.fixture
def service(new_service: Callable[[Path], Service], tmp_path: Path) -> Iterator[Service]:
    """The command line with a home of the test's own."""
    made = new_service(tmp_path)
    yield made
    made.close()
