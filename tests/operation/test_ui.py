"""`satisfice ui`: both pages are served, searches appear on them, and Ctrl-C leaves nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import urllib.request

import pytest

from tests.e2e.service import answers, ask_prefect, family, free_port, until, write_study
from tests.operation.conftest import Machine, lives

pytestmark = pytest.mark.timeout(300)

SAFE_PATH = "PYTHONSAFEPATH"


def test_both_pages_are_served(machine: Machine) -> None:
    ui = machine.output(machine.started[0])

    for name in ("Prefect", "MLflow"):
        address = re.search(rf"^{name} +(\S+)$", ui, re.MULTILINE)
        assert address is not None
        assert f"<title>{name}" in _read(address[1])


def test_no_server_imports_from_the_working_directory(machine: Machine) -> None:
    for one in family(machine.started[0]):
        # MLflow starts a Python itself, and does not pass the flag on.
        assert "-P" in one.cmdline() or one.cwd() == str(machine.home), one.cmdline()
        assert one.environ().get(SAFE_PATH) == os.environ.get(SAFE_PATH)  # as the user has it


def test_a_search_that_begins_now_appears_on_them(machine: Machine) -> None:
    study = write_study(machine.folder / "seen", budget="time: 10 min, trials: 2")
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(text.replace("study: tiny", "study: seen"))
    ended = machine.run("run", "seen")
    assert ended.code == 0, ended.output
    pages = machine.pages
    flow = ask_prefect(
        pages["prefect"], "flow_runs/filter", flow_runs={"name": {"any_": ["search seen"]}}
    )
    made = ask_prefect(
        pages["prefect"],
        "artifacts/filter",
        artifacts={"flow_run_id": {"any_": [one["id"] for one in flow]}},
    )
    data = {one["key"]: one["data"] for one in made}
    links = {key: re.fullmatch(r"\[.*\]\((.*)\)", data[f"seen-1-{key}"]) for key in _FILES}

    assert [one["state"]["name"] for one in flow] == ["Budget spent"]
    assert len(data) == len(made) == 6  # each of them once
    assert "seen-1: Budget spent" in data["seen-1-decision"]
    assert f"MLflow run   {pages['mlflow']}/#/experiments/" in ended.output
    for key, file in _FILES.items():
        link = links[key]
        assert link is not None
        assert link[1].startswith(f"{pages['mlflow']}/#/experiments/")
        _is_on_the_page(pages["mlflow"], link[1], file)


_FILES = {"mlflow-run": "", "report": "report.html", "data-docs": "data/index.html"}


def _is_on_the_page(mlflow: str, link: str, file: str) -> None:
    """Follow a link as MLflow's page does, which asks the server for the run and the file."""
    run = re.findall(r"/runs/(\w+)", link)[0]
    found = json.loads(_read(f"{mlflow}/api/2.0/mlflow/runs/get?run_id={run}"))
    assert found["run"]["info"]["run_name"] == "seen-1"
    if file:
        assert f"/artifacts/{file}" in link
        assert "<html" in _read(f"{mlflow}/get-artifact?path={file}&run_uuid={run}")


def test_a_second_one_is_refused(machine: Machine) -> None:
    ended = machine.run("ui", "--prefect-port", str(free_port()))

    assert ended.code == 2
    assert f"served already: {machine.pages['prefect'].removesuffix('/api')}" in ended.output
    assert machine.pages["mlflow"]  # the note of the first one is still there


@pytest.mark.parametrize("option", ["--prefect-port", "--mlflow-port"])
def test_a_taken_port_is_refused(elsewhere: Machine, option: str) -> None:
    ports = {"--prefect-port": free_port(), "--mlflow-port": free_port()}
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports[option] = other.getsockname()[1]
        ended = elsewhere.run("ui", *(str(one) for pair in ports.items() for one in pair))

    assert ended.code == 2
    assert f"port {ports[option]} is taken" in ended.output
    assert re.search(rf"`satisfice ui {option} \d+`", ended.output)


def test_ctrl_c_ends_both_and_all_that_they_started(machine: Machine) -> None:
    ui, pages = machine.started[0], machine.pages
    processes = family(ui)
    os.killpg(ui.pid, signal.SIGINT)  # as the terminal does; the servers are not in this group
    code = ui.wait(60)

    assert len(processes) >= 3  # Prefect's server, MLflow's, and what that has started
    assert code == 0, machine.output(ui)
    assert "the pages are no longer served" in machine.output(ui)
    until(lambda: not any(map(lives, processes)))
    assert not (machine.home / "pages.json").exists()
    assert not answers(f"{pages['prefect']}/health")
    assert not answers(f"{pages['mlflow']}/health")


def test_a_hang_up_while_it_starts_leaves_nothing(elsewhere: Machine) -> None:
    ui = elsewhere.start(
        "ui", "--prefect-port", str(free_port()), "--mlflow-port", str(free_port())
    )
    until(lambda: len(family(ui)) >= 2)
    processes = family(ui)
    os.killpg(ui.pid, signal.SIGHUP)  # as a terminal does that is closed

    assert ui.wait(60) == 0, elsewhere.output(ui)
    until(lambda: not any(map(lives, processes)))


def _read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        text: str = answer.read().decode()
        return text
