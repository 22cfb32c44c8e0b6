"""All ways in which a search ends or does not start, and their exit codes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.service import (
    EXPECTATIONS,
    Bridge,
    Service,
    ask_prefect,
    family,
    free_port,
    hang,
    until,
)


def test_a_search_whose_budget_is_spent_while_mlflow_is_away(service: Service) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    service.settings |= {
        "MLFLOW_TRACKING_URI": nobody,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }
    ended = service.run("run", service.study(), "--trials", "3")
    results = service.search().journal("result")

    assert ended.code == 0, ended.output
    assert "tiny-1: Budget spent" in ended.output
    assert f"note: MLflow is behind: MLflow at {nobody}" in ended.output
    assert len(results) == 3 + 2  # the winner and the default are trained again
    assert (service.search().folder / "report.html").exists()
    assert "Traceback" not in ended.output


def test_a_search_on_data_that_breaks_an_expectation(service: Service) -> None:
    study = service.study()
    _expect_too_much(study)
    ended = service.run("run", study)
    with service.store() as store:
        info = store.latest("tiny")
        assert info is not None
        trials = store.open(info.search).history().trials

    assert ended.code == 3, ended.output
    assert "tiny-1: Data gate failed" in ended.output
    assert "label values must belong to this set" in ended.output
    assert "(18 rows, such as" in ended.output
    assert trials == ()
    assert service.search().journal("trial") == []
    assert info.ending == "Data gate failed"
    flow = ask_prefect(
        service.prefect, "flow_runs/filter", flow_runs={"name": {"any_": [f"search {study}"]}}
    )
    assert (flow[0]["state"]["type"], flow[0]["state"]["name"]) == ("FAILED", "Data gate failed")
    assert "label values must belong to this set" in flow[0]["state"]["message"]


def test_a_search_that_can_afford_nothing(service: Service) -> None:
    ended = service.run("run", service.study(), "--minutes", "0.000001")

    assert ended.code == 4, ended.output
    assert "tiny-1: Nothing affordable" in ended.output
    assert service.search().journal("trial") == []


def test_a_search_of_which_every_trial_fails(service: Service) -> None:
    ended = service.run("run", service.study(acts="fail"), "--workers", "2")
    results = service.search().journal("result")

    assert ended.code == 5, ended.output
    assert "tiny-1: Nothing worked" in ended.output
    assert "this trial was told to fail" in ended.output
    assert {one["failure"] for one in results} == {"crashed"}
    assert "Traceback" not in ended.output


def test_a_search_outlives_what_dies_around_it(service: Service) -> None:
    """A killed training costs one trial; a killed companion and Prefect's server cost none."""
    server = urlsplit(service.prefect)
    bridge = Bridge(server.port or 80)
    service.settings["PREFECT_API_URL"] = f"http://127.0.0.1:{bridge.port}/api"
    study = service.study()
    process = service.start("run", study, "--trials", "4")
    search = service.search()
    until(lambda: search.journal("result"), process)
    pid = hang(study, process)
    (number,) = (
        one["number"]
        for one in search.journal("trial")
        if [each["pid"] for each in search.log(one["number"], "started")] == [pid]
    )
    os.kill(pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid), process)
    companions = [one for one in family(process) if "--multiprocessing-fork" in one.cmdline()]
    for one in companions:  # one holds Great Expectations, the other MLflow
        one.kill()
    bridge.cut()
    (study / "hang").unlink()
    ended = service.end(process)
    results = {one["number"]: one for one in search.journal("result")}

    assert ended.code == 0, ended.output
    assert results[number]["failure"] == "killed"
    assert results[number]["cost"]["seconds"] > 0
    assert results[number]["cost"]["money"] > 0
    assert {one["state"] for one in results.values() if one["number"] != number} <= {
        "complete",
        "pruned",
    }
    assert len(results) >= 5
    assert len(companions) == 2
    assert "report.html" in ended.output
    assert "MLflow is behind" not in ended.output
    assert "note: Prefect's server has gone away" in ended.output


def test_a_mistake_in_the_command(service: Service, tmp_path: Path) -> None:
    nowhere = service.run("run", tmp_path / "digts")
    wrong = service.run("run", service.study(), "--workers", "0")

    assert (nowhere.code, wrong.code) == (2, 2)
    assert "there is no such study" in nowhere.output
    assert "0 is not in the range 1<=x<=64" in wrong.output
    assert "Traceback" not in nowhere.output + wrong.output


def test_a_mistake_in_the_specification(service: Service) -> None:
    study = service.study()
    file = study / "study.yaml"
    file.write_text(file.read_text().replace("maximize", "maximise"))
    ended = service.run("run", study)

    assert ended.code == 2
    assert f"{file}:3:" in ended.output
    assert "did you mean 'maximize'?" in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("def load():", "def load(:", "SyntaxError"),
        ("    x = np.linspace", "    open('no-such-file')\n    x = np.linspace", "no-such-file"),
    ],
    ids=["syntax", "load"],
)
def test_a_mistake_in_the_studys_code(service: Service, old: str, new: str, told: str) -> None:
    study = service.study()
    file = study / "problem.py"
    file.write_text(file.read_text().replace(old, new))
    line = 1 + file.read_text().splitlines().index(new.splitlines()[0])
    ended = service.run("run", study)

    assert ended.code == 2, ended.output
    assert f"{file}:{line}: " in ended.output
    assert told in ended.output
    assert "Traceback" not in ended.output


RULES = """\
rules:
  - id: not-too-large
    require: x <= 0.9
    because: the rest is known to diverge
"""
CLASHING = """\
  - id: large
    require: x * x > 0.9
"""


def test_check_prints_the_space_the_rules_and_the_data(service: Service) -> None:
    study = service.study()
    _expect_too_much(study)
    _add(study, RULES)
    ended = service.run("check", study)
    lines = [line.strip() for line in ended.output.splitlines()]

    assert ended.code == 3, ended.output
    assert "0 to 1, default 0.1" in ended.output
    assert "not-too-large: x <= 0.9" in lines
    assert "because the rest is known to diverge" in lines
    assert "allows  89 % of the space (88 % to 90 %)" in lines
    assert any(line.startswith("forbids x=0.9") for line in lines)
    assert "nearest x=0.9" in lines
    assert "the default configuration is allowed" in lines
    assert "12 train, 12 validation, 12 test" in ended.output
    assert "FAILS  label values must belong to this set: 0" in lines
    assert "holds" in ended.output
    assert not (service.home / "optuna.db").exists()


def test_check_for_machines(service: Service) -> None:
    study = service.study()
    _add(study, RULES)
    ended = service.run("check", "--json", study)
    document = json.loads(ended.output)
    (rule,) = document["rules"]["rules"]

    assert ended.code == 0, ended.output
    assert rule["id"] == "not-too-large"
    assert rule["allows"]["low"] < 0.9 < rule["allows"]["high"]
    assert rule["forbidden"]["x"] > 0.9 >= rule["nearest"]["x"]
    assert document["rules"]["clash"] is None
    assert document["data"]["passed"] is True


@pytest.mark.parametrize("command", ["check", "run"])
def test_rules_that_contradict_each_other_are_refused(service: Service, command: str) -> None:
    study = service.study()
    _add(study, RULES + CLASHING)
    specification = study / "study.yaml"
    specification.write_text(specification.read_text().replace(", default: 0.1", ""))
    line = 1 + specification.read_text().splitlines().index("  - id: large")
    ended = service.run(command, study)

    assert ended.code == 2, ended.output
    assert "configurations satisfies rules 'not-too-large' and 'large' together" in ended.output
    assert f"line {line}, large: x * x > 0.9" in ended.output
    assert "Traceback" not in ended.output
    if command == "check":
        assert "together they allow none of them" in ended.output
    else:
        assert not list((service.home / "searches").glob("*/"))


def _add(study: Path, rules: str) -> None:
    with (study / "study.yaml").open("a") as specification:
        specification.write(rules)


def _expect_too_much(study: Path) -> None:
    (study / "expectations.py").write_text(EXPECTATIONS)
    specification = (study / "study.yaml").read_text()
    named = "{source: sixty-rows, expectations: expectations.py}"
    (study / "study.yaml").write_text(specification.replace("{source: sixty-rows}", named))


def test_what_needs_no_study(service: Service) -> None:
    schema = service.run("schema")
    version = service.run("--version")
    help_ = service.run("--help")
    status = service.run("status")

    assert json.loads(schema.output)["properties"]["study"]
    assert version.output.startswith("satisfice, version ")
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 130):
        assert any(line.split()[:1] == [str(code)] for line in help_.output.splitlines())
    assert "no searches yet" in status.output
    assert {one.code for one in (schema, version, help_, status)} == {0}
