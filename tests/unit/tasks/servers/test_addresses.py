"""Where links lead, and which settings Prefect gets."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from satisfice.tasks.servers.addresses import (
    MLFLOW_PORT,
    NOTE,
    on_mlflow_pages,
    running_prefect,
    settle_prefect,
)

PLACE = "/#/experiments/1/runs/abc"
VIEW = "?workflowType=machine_learning"
DATABASE = f"sqlite:////somewhere/mlflow.db{PLACE}"


class _Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that is well."""
    with HTTPServer(("127.0.0.1", 0), _Well) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _own_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    home.mkdir()
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(("PREFECT_", "MLFLOW_", "SATISFICE_MLFLOW")):
            monkeypatch.delenv(name)
    yield
    for name in set(os.environ) - set(kept):  # what settle_prefect has added
        del os.environ[name]


def test_a_run_in_a_database_is_where_the_pages_will_be() -> None:
    assert on_mlflow_pages(DATABASE) == f"http://127.0.0.1:{MLFLOW_PORT}{PLACE}{VIEW}"


def test_a_run_in_a_database_is_where_the_pages_are(home: Path, server: str) -> None:
    (home / NOTE).write_text(json.dumps({"mlflow": server}))

    assert on_mlflow_pages(DATABASE) == f"{server}{PLACE}{VIEW}"


def test_a_run_on_a_server_is_there() -> None:
    run = f"https://mlflow.example/team{PLACE}"

    assert on_mlflow_pages(run) == run + VIEW


def test_browsers_may_need_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATISFICE_MLFLOW_PAGES", "http://localhost:5000/")

    assert on_mlflow_pages(f"http://mlflow:5000{PLACE}") == f"http://localhost:5000{PLACE}{VIEW}"


def test_no_run_has_no_page() -> None:
    assert on_mlflow_pages("") == ""


@pytest.mark.parametrize(
    "note", ['{"prefect": "http://127.0.0.1:1/api"}', "{", '{"other": 1}', None]
)
def test_a_server_that_does_not_answer_is_not_running(home: Path, note: str | None) -> None:
    if note is not None:
        (home / NOTE).write_text(note)

    assert running_prefect() is None


def test_prefect_is_pointed_at_the_server_that_runs(home: Path, server: str) -> None:
    (home / NOTE).write_text(json.dumps({"prefect": server}))
    settle_prefect()

    assert os.environ["PREFECT_API_URL"] == server
    assert os.environ["PREFECT_HOME"] == str(home / "prefect")


def test_what_the_user_has_said_stays(
    home: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / NOTE).write_text(json.dumps({"prefect": server}))
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    settle_prefect()

    assert os.environ["PREFECT_API_URL"] == "https://prefect.example/api"
