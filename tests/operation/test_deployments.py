"""Searches through Prefect: by its schedule and by its form, on a real server and a real worker."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest

from satisfice.domain.summary import Ending
from tests.e2e.service import PATIENCE, Recorded, ask_prefect, family, until, write_study
from tests.operation.conftest import Machine, lives

pytestmark = pytest.mark.timeout(300)

NIGHTLY, ON_DEMAND, SWEEP = "tiny-nightly", "tiny-on-demand", "tiny-sweep"
OLD, GONE, THEIRS = "old-nightly", "of-an-environment-that-is-gone", "of-somebody-else"
YEARLY = {"cron": "0 0 1 1 *", "timezone": "Europe/Berlin"}


@pytest.fixture(scope="module")
def old(machine: Machine, deployed: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Deployments in our pool that a worker finds, the first as earlier versions made it."""
    body = _by_an_earlier_version(deployed[NIGHTLY]) | {
        "parameters": {"study": "tiny", "trials": 1},
        "schedules": [{"schedule": YEARLY, "active": True}],
    }
    gone = body["job_variables"] | {"command": "/gone/bin/python -P -m prefect.engine"}
    made: dict[str, dict[str, Any]] = {
        OLD: {},
        GONE: {"entrypoint": deployed[NIGHTLY]["entrypoint"], "job_variables": gone},
        THEIRS: {"entrypoint": "their.flow"},
    }
    api = machine.pages["prefect"]
    return {
        name: ask_prefect(api, "deployments/", **body | changes, name=name)
        for name, changes in made.items()
    }


@pytest.fixture(scope="module")
def worker(machine: Machine, old: dict[str, dict[str, Any]]) -> Iterator[subprocess.Popen[str]]:
    """`satisfice worker`; it asks for work every second here, not every ten."""
    process = machine.start("worker", PREFECT_WORKER_QUERY_SECONDS="1")

    def begun() -> bool:
        assert process.poll() is None, machine.output(process)
        return "started!" in machine.output(process)

    until(begun)
    yield process
    machine.end(process)


@pytest.fixture(scope="module")
def deployed(machine: Machine) -> dict[str, dict[str, Any]]:
    """What is deployed, after a second deployment that begins every minute and not at night."""
    api = machine.pages["prefect"]
    write_study(machine.folder / "tiny", budget="time: 10 min, trials: 4")
    first = machine.run("deploy", "tiny")
    assert first.code == 0, first.output
    (made,) = (one for one in ask_prefect(api, "deployments/filter") if one["name"] == NIGHTLY)
    ask_prefect(api, "deployments/", **_by_an_earlier_version(made), name=NIGHTLY)
    second = machine.run("deploy", "tiny", "--cron", "* * * * *", "--timezone", "Europe/Berlin")
    assert second.code == 0, second.output
    assert f"deployed search/{NIGHTLY}" in second.output
    return {one["name"]: one for one in ask_prefect(api, "deployments/filter")}


def test_deploying_again_changes_what_is_there(deployed: dict[str, dict[str, Any]]) -> None:
    nightly = [one["schedule"] for one in deployed[NIGHTLY]["schedules"]]

    assert set(deployed) == {NIGHTLY, ON_DEMAND, SWEEP}
    assert [(one["cron"], one["timezone"]) for one in nightly] == [("* * * * *", "Europe/Berlin")]
    assert deployed[ON_DEMAND]["schedules"] == []


def test_all_run_where_and_as_they_were_deployed(
    machine: Machine, deployed: dict[str, dict[str, Any]]
) -> None:
    for name, one in deployed.items():
        only_if_worth = {"if_worth": True} if name == NIGHTLY else {}  # what has a schedule
        assert one["entrypoint"].startswith("satisfice.flows.")
        assert " -P " in one["job_variables"]["command"]
        assert one["work_pool_name"] == "satisfice"
        assert one["parameters"] == {"study": "tiny", **only_if_worth}
        assert one["job_variables"]["working_dir"] == str(machine.folder)
        assert one["job_variables"]["env"]["SATISFICE_HOME"] == str(machine.home)
        assert "tiny" in one["description"]


def test_the_form_has_types_defaults_and_descriptions(deployed: dict[str, dict[str, Any]]) -> None:
    schema = deployed[ON_DEMAND]["parameter_openapi_schema"]
    fields = schema["properties"]

    def kind(name: str) -> set[str]:
        one = fields[name]
        return {each["type"] for each in one.get("anyOf", [one])}

    assert kind("study") == {"string"}
    assert kind("resume") == kind("if_worth") == {"boolean"}
    assert kind("minutes") == {"number", "null"}
    for name in ("trials", "workers", "seed"):
        assert kind(name) == {"integer", "null"}
    assert fields["resume"]["default"] is fields["if_worth"]["default"] is False
    assert all("default" in one and one["description"] for one in fields.values())
    assert "required" not in schema


def test_the_form_of_a_sweep_has_a_list_of_texts(deployed: dict[str, dict[str, Any]]) -> None:
    fields = deployed[SWEEP]["parameter_openapi_schema"]["properties"]

    assert fields["parameters"]["type"] == "array"
    assert fields["parameters"]["items"] == {"type": "string"}
    assert {one["type"] for one in fields["random"]["anyOf"]} == {"integer", "null"}
    for name in ("again", "confirm", "dry_run", "resume"):
        assert fields[name]["type"] == "boolean"
        assert fields[name]["default"] is False
    assert {"minutes", "trials", "workers", "seed"} < set(fields)
    assert all("default" in one and one["description"] for one in fields.values())


def test_the_form_refuses_what_makes_no_sense(
    machine: Machine, deployed: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        _ask_for(machine, deployed[ON_DEMAND], trials=0)

    assert refusal.value.code == 409
    assert "trials" in refusal.value.read().decode()


def test_a_search_on_demand_and_one_by_schedule(
    machine: Machine,
    deployed: dict[str, dict[str, Any]],
    worker: subprocess.Popen[str],
) -> None:
    whole_form = {"study": "tiny", "resume": False, "minutes": 5, "trials": 2, "workers": 1}
    asked = _ask_for(machine, deployed[ON_DEMAND], **whole_form, seed=7)
    by_form = _final(machine, id={"any_": [asked["id"]]})
    by_schedule = _final(machine, deployment_id={"any_": [deployed[NIGHTLY]["id"]]})
    # On a busy machine its runs would queue up before those of the next tests.
    ask_prefect(machine.pages["prefect"], f"deployments/{deployed[NIGHTLY]['id']}/pause_deployment")
    log = (machine.home / "prefect-server.log").read_text()

    assert by_form["state"]["name"] == Ending.BUDGET_SPENT
    assert by_form["name"] == "search tiny"
    assert _trials(machine, by_form) == 2
    assert by_schedule["auto_scheduled"]
    assert by_schedule["state"]["name"] in {Ending.BUDGET_SPENT, Ending.NOT_WORTH_CONTINUING}
    assert by_schedule["state"]["message"]
    assert _trials(machine, by_schedule) > 2
    # Where the loop that plans the runs fails, it says so here and nowhere else. A busy database is
    # no failure: Prefect asks again.
    raised = re.findall(r"^[\w.]*(?:Error|Exception)\b.*", log, re.MULTILINE)
    assert [one for one in raised if "database is locked" not in one] == []


def test_a_worker_renews_deployments_whose_runs_could_not_start(
    machine: Machine, old: dict[str, dict[str, Any]], worker: subprocess.Popen[str]
) -> None:
    asked = _ask_for(machine, old[OLD])
    ended = _final(machine, id={"any_": [asked["id"]]})
    found = {
        one["name"]: one for one in ask_prefect(machine.pages["prefect"], "deployments/filter")
    }
    own = found[ON_DEMAND]

    assert ended["state"]["name"] == Ending.BUDGET_SPENT
    assert set(re.findall(r"updated deployment (\S+):", machine.output(worker))) == {OLD, GONE}
    for renewed in (found[OLD], found[GONE]):
        assert renewed["entrypoint"] == own["entrypoint"]
        assert renewed["job_variables"] == own["job_variables"]
        assert renewed["parameters"] == {"study": "tiny", "trials": 1}
        (schedule,) = (one["schedule"] for one in renewed["schedules"])
        assert YEARLY.items() <= schedule.items()
    for kept in ("entrypoint", "job_variables"):
        assert found[THEIRS][kept] == old[THEIRS][kept]


def test_ctrl_c_at_the_worker_lets_a_search_save_itself(
    machine: Machine, deployed: dict[str, dict[str, Any]], worker: subprocess.Popen[str]
) -> None:
    long = write_study(machine.folder / "long", worth="1 EUR per point", epochs=50, seconds=0.04)
    text = (long / "study.yaml").read_text()
    (long / "study.yaml").write_text(text.replace("study: tiny", "study: long"))
    asked = _ask_for(machine, deployed[ON_DEMAND], study="long")
    search = Recorded(machine.home / "searches" / "long-1")
    until(lambda: search.epochs() > 0, worker)
    processes = family(worker)
    commands = [one.cmdline() for one in processes if lives(one)]
    os.killpg(worker.pid, signal.SIGINT)
    code = worker.wait(PATIENCE)
    flow = _final(machine, id={"any_": [asked["id"]]})

    assert [one for one in commands if "python" in one[0] and "-P" not in one] == []
    assert code == 0, machine.output(worker)
    assert (flow["state"]["type"], flow["state"]["name"]) == ("CANCELLED", Ending.INTERRUPTED)
    assert f"long-1: {Ending.INTERRUPTED}" in machine.output(worker)
    assert "Traceback" not in machine.output(worker)
    assert "unfinished, can be resumed" in machine.run("status").output
    until(lambda: not any(map(lives, processes)))


def test_a_study_with_a_mistake_is_not_deployed(elsewhere: Machine) -> None:
    study = write_study(elsewhere.folder / "tiny", budget="times: 10 min")
    ended = elsewhere.run("deploy", study)

    assert ended.code == 2
    assert "did you mean 'time'" in ended.output


def test_without_a_server_it_says_how_to_start_one(elsewhere: Machine) -> None:
    write_study(elsewhere.folder / "tiny")
    for command in (("deploy", "tiny"), ("worker",)):
        ended = elsewhere.run(*command)

        assert ended.code == 2
        assert "no Prefect server is running" in ended.output
        assert "`satisfice ui`" in ended.output


def test_a_schedule_that_is_none_is_refused(machine: Machine) -> None:
    write_study(machine.folder / "tiny-too")
    ended = machine.run("deploy", "tiny-too", "--cron", "every night")

    assert ended.code == 2
    assert "is not a valid schedule" in ended.output


def _by_an_earlier_version(made: dict[str, Any]) -> dict[str, Any]:
    """Return a deployment, but for its name, as earlier versions made it."""
    kept = ("flow_id", "work_pool_name", "parameter_openapi_schema", "pull_steps", "parameters")
    variables = {name: one for name, one in made["job_variables"].items() if name != "command"}
    old = {"entrypoint": "flows.search.search", "job_variables": variables}
    return {name: made[name] for name in kept} | old


def _ask_for(machine: Machine, deployment: dict[str, Any], **values: Any) -> Any:
    """Start a run of a deployment as the form in Prefect's pages does."""
    path = f"deployments/{deployment['id']}/create_flow_run"
    state = {"type": "SCHEDULED", "message": "Run from the Prefect UI"}
    return ask_prefect(machine.pages["prefect"], path, parameters=values, state=state)


def _final(machine: Machine, **chosen: Any) -> Any:
    """Wait until one of the chosen flow runs has come to its end."""
    ends = {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}
    found: list[Any] = []

    def ended() -> bool:
        api = machine.pages["prefect"]
        found[:] = ask_prefect(api, "flow_runs/filter", flow_runs={**chosen, "state": ends})
        if not found:
            time.sleep(0.3)  # a real server answers: do not keep it from its work
        return bool(found)

    until(ended)
    return found[0]


def _trials(machine: Machine, flow: Any) -> int:
    """Return how many trials the search of a flow run has proposed."""
    mine = {"flow_run_id": {"any_": [flow["id"]]}, "key": {"like_": "-decision"}}
    made = ask_prefect(machine.pages["prefect"], "artifacts/filter", artifacts=mine)
    search = made[0]["key"].removesuffix("-decision")
    told = Recorded(machine.home / "searches" / search).journal("trial")
    return sum(one["purpose"] != "confirmation" for one in told)
