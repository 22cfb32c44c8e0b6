"""Prefect's and MLflow's web pages: their servers, started by `satisfice ui`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from satisfice.domain.errors import ExternalSystemError, UserError
from satisfice.tasks.files.home import home, tracking_url
from satisfice.tasks.processes.signals import undisturbed
from satisfice.tasks.servers.addresses import NOTE, answers, noted, settle_prefect

PATIENCE = 120.0  # seconds; the first start creates two databases
LEAVING = 20.0  # seconds for a server to shut down


@dataclass(frozen=True, slots=True)
class Pages:
    """The addresses of the web pages."""

    prefect: str
    mlflow: str


@contextmanager
def pages(prefect_port: int, mlflow_port: int) -> Iterator[Pages]:
    """Serve Prefect's and MLflow's pages on loopback, and stop both servers on exit.

    Call it from the main thread: it delays signals, so that Ctrl-C never leaves a server behind.

    If `MLFLOW_TRACKING_URI` names a server, that one's pages are used and none is started.

    Raises:
        UserError: The pages are being served already, or a port is taken.
        ExternalSystemError: A server did not start; the message holds the end of its log.
    """
    _refuse_twice()
    prefect_page, mlflow_page = (f"http://127.0.0.1:{one}" for one in (prefect_port, mlflow_port))
    served = tracking_url().startswith(("http://", "https://"))
    _refuse_taken(prefect_port, "--prefect-port")
    if not served:
        _refuse_taken(mlflow_port, "--mlflow-port")
    settle_prefect()
    servers: list[_Server] = []
    try:
        with undisturbed():
            servers.append(_start_prefect(prefect_port))
        if served:
            mlflow_page = tracking_url().rstrip("/")
        else:
            with undisturbed():
                servers.append(_start_mlflow(mlflow_port))
        for one in servers:
            one.wait_until_it_answers()
        note = {"prefect": f"{prefect_page}/api", "mlflow": mlflow_page, "pid": os.getpid()}
        (home() / NOTE).write_text(json.dumps(note))
        yield Pages(prefect_page, mlflow_page)
    finally:
        (home() / NOTE).unlink(missing_ok=True)
        for one in servers:
            one.tell_to_end()
        for one in servers:
            one.end()


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    process: subprocess.Popen[bytes]
    health: str
    log: Path

    def wait_until_it_answers(self) -> None:
        end = time.monotonic() + PATIENCE
        while not answers(self.health, timeout=2.0):
            if self.process.poll() is not None or time.monotonic() > end:
                tail = self.log.read_text(errors="replace")[-1500:].strip()
                raise ExternalSystemError(
                    f"the {self.name} server did not start; the end of its log:\n{tail}",
                    f"the whole log is in {self.log}",
                )
            time.sleep(0.1)

    def tell_to_end(self) -> None:
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Wait for the server to exit, and kill what is left of it, also when interrupted."""
        try:
            self.process.wait(LEAVING)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)  # MLflow's server leaves child processes behind
            self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def _start_prefect(port: int) -> _Server:
    address = f"http://127.0.0.1:{port}/api"
    settings = {**os.environ, "PREFECT_UI_API_URL": address}
    settings["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "INFO"  # goes to the log file
    settings.pop("PREFECT_API_URL", None)
    command = [
        *(sys.executable, "-P", "-m", "prefect", "server", "start", "--host", "127.0.0.1"),
        *("--port", str(port)),
    ]
    return _start("prefect", command, settings, f"{address}/health")


def _start_mlflow(port: int) -> _Server:
    command = [
        *(sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"),
        *("--port", str(port), "--backend-store-uri", _absolute(tracking_url())),
        *("--serve-artifacts", "--artifacts-destination", str(home() / "mlartifacts")),
    ]
    # Jobs score traces of language models, in seven more processes.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    health = f"http://127.0.0.1:{port}/health"
    return _start("mlflow", command, {**os.environ, **quiet}, health)


def _absolute(uri: str) -> str:
    """Make the path of a SQLite address absolute, since the server runs in another folder."""
    path = uri.removeprefix("sqlite:///")
    return uri if path == uri else f"sqlite:///{Path(path).resolve()}"


def _start(name: str, command: Sequence[str], settings: dict[str, str], health: str) -> _Server:
    log = home() / f"{name}-server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=settings,
            # MLflow starts uvicorn without -P: it must not import from the working directory.
            cwd=home(),
            start_new_session=True,  # so that the terminal's Ctrl-C reaches only this process
        )
    return _Server(name, process, health, log)


def _refuse_twice() -> None:
    address = noted("prefect")
    if address is not None:
        pid = json.loads((home() / NOTE).read_text()).get("pid")
        raise UserError(
            f"the pages are being served already: {address.removesuffix('/api')}",
            f"process {pid} serves them: open that address, or stop the process first",
        )


def _refuse_taken(port: int, option: str) -> None:
    if _is_free(port):
        return
    other = next((one for one in range(port + 1, min(port + 100, 65536)) if _is_free(one)), None)
    command = f"`satisfice ui {option} {other or 'PORT'}`"
    raise UserError(f"port {port} is taken by another program", f"choose another: {command}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
