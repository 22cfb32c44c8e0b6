"""A home that an earlier version wrote keeps working: only the command line looks at it here."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.data.old_home import NUMBERS, OldHome, unpack
from tests.e2e.service import ask_prefect, free_port, until

pytestmark = pytest.mark.timeout(900)

PATIENCE = 280.0  # seconds for a command: a busy machine is slow

SATISFICE = Path(sys.executable).with_name("satisfice")
FINISHED, SWEPT, KILLED = "tiny-1", "tiny-2", "tiny-3"
DEPLOYED = {
    "tiny-nightly": "flows.search.search",
    "tiny-on-demand": "flows.search.search",
    "tiny-sweep": "flows.sweep.sweep",
}
ENDINGS = {"Worthwhile stop": "Not worth continuing"}  # by what the home calls it
THEN: dict[str, Any] = json.loads(NUMBERS.read_text())["searches"]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> OldHome:
    """What was unpacked; tests only read from it, or write what is written again each time."""
    return unpack(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldHome]:
    """Another copy, on whose databases `satisfice ui` runs."""
    copy = unpack(tmp_path_factory.mktemp("served"))
    ports = ("--prefect-port", str(free_port()), "--mlflow-port", str(free_port()))
    with started(copy, "ui", *ports) as (ui, output):
        note = copy.home / "pages.json"
        until(lambda: note.exists() or ui.poll() is not None)
        assert note.exists(), output.read_text()
        yield copy
        os.killpg(ui.pid, signal.SIGINT)
        ui.wait(PATIENCE)


def test_status_lists_its_searches(old: OldHome) -> None:
    rows = run(old, "status").splitlines()
    told = {words[0]: row for row in rows if (words := row.split())}

    assert {FINISHED, SWEPT, KILLED} <= set(told)
    for search, facts in THEN.items():
        number, value = facts["best"]
        assert f"{value:.4f} (trial {number})" in told[search]
        assert ENDINGS.get(facts["ending"], facts["ending"]) in told[search]
    assert "unfinished, can be resumed" in told[KILLED]
    assert "1 scheduled run skipped since" in told[FINISHED]


def test_why_decides_again_as_it_was_decided(old: OldHome) -> None:
    told = run(old, "why", "tiny", "--search", FINISHED, "--all")
    rows = re.findall(r"^ *(\d+) .* (stop|go on) +(stop|go on) *$", told, re.MULTILINE)
    expected = [
        (str(one["after"]), *(["stop" if one["stop"] else "go on"] * 2))
        for one in THEN[FINISHED]["decisions"]["search"]
    ]

    assert rows == expected
    assert f"{len(rows)} of {len(rows)} decisions are the same when replayed" in told


def test_a_report_is_written_again(old: OldHome) -> None:
    page = old.search(KILLED) / "report.html"
    page.unlink(missing_ok=True)
    run(old, "report", "tiny")

    assert KILLED in page.read_text()


def test_its_deployments_are_served(served: OldHome) -> None:
    found = ask_prefect(pages(served)["prefect"], "deployments/filter")

    assert {one["name"]: one["entrypoint"] for one in found} == DEPLOYED


def test_deploying_again_renews_them(served: OldHome) -> None:
    run(served, "deploy", "tiny")
    found = ask_prefect(pages(served)["prefect"], "deployments/filter")

    assert {one["name"]: one["entrypoint"] for one in found} == {
        name: f"satisfice.{entrypoint}" for name, entrypoint in DEPLOYED.items()
    }


def test_its_registered_model_is_served(served: OldHome) -> None:
    version, alias = THEN[FINISHED]["registered"]
    asked = f"api/2.0/mlflow/registered-models/alias?name=tiny&alias={alias}"
    with urllib.request.urlopen(f"{pages(served)['mlflow']}/{asked}", timeout=20) as answer:
        assert json.load(answer)["model_version"]["version"] == version


def test_a_killed_search_goes_on_and_a_scheduled_one_follows(served: OldHome) -> None:
    search = served.search(KILLED)
    saved = {log: epochs for log in search.glob("trials/*/events.jsonl") if (epochs := last(log))}
    finished = len(THEN[KILLED]["trials"])
    resumed = run(served, "resume", "tiny", "--trials", str(finished + 3))
    following = run(served, "run", "tiny", "--if-worth", "--trials", "2")

    assert saved
    for log, epoch in saved.items():
        begun = [one["from_epoch"] for one in events(log, "started")]
        assert begun == [1, epoch + 1]
        assert [one["epoch"] for one in events(log, "epoch")].count(epoch) == 1
        assert events(log, "finished")
    told = [one["number"] for one in events(search / "journal.jsonl", "result")]
    assert len(told) == len(set(told)) > finished
    assert re.search(rf"^{KILLED}: (Budget spent|Not worth continuing)$", resumed, re.MULTILINE)
    assert "unfinished" not in run(served, "status")
    skipped = "tiny: Skipped: expected gain below cost" in following
    assert KILLED in following if skipped else "tiny-4: " in following


def run(old: OldHome, *arguments: str) -> str:
    """Run a command that succeeds; return what it prints."""
    with started(old, *arguments) as (process, output):
        code = process.wait(PATIENCE)
    assert code == 0, output.read_text()
    return output.read_text()


@contextmanager
def started(old: OldHome, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start a command as people do in a shell; give it and the file that it prints into."""
    ours = ("PREFECT_", "MLFLOW_", "SATISFICE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    own = {"SATISFICE_HOME": str(old.home), "NO_COLOR": "1", "COLUMNS": "200"}
    output = old.folder / f"output-{len(list(old.folder.glob('output-*')))}"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [SATISFICE, *arguments],
            cwd=old.folder,
            env=kept | own,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, output
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def pages(old: OldHome) -> dict[str, str]:
    """Return the addresses of Prefect's API and of MLflow."""
    noted: dict[str, str] = json.loads((old.home / "pages.json").read_text())
    return noted


def events(log: Path, kind: str) -> list[dict[str, Any]]:
    """Return the events of one kind in a log."""
    found = []
    for line in log.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:  # the last line of a process that was killed
            continue
    return [one for one in found if one["kind"] == kind]


def last(log: Path) -> int:
    """Return the epoch of the checkpoint that an unfinished trial goes on from; 0: none."""
    saved = [one["epoch"] for one in events(log, "checkpoint")]
    return saved[-1] if saved and not events(log, "finished") else 0
