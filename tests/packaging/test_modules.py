"""The same modules are there, under one name each, however Satisfice was installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.e2e.service import write_study
from tests.packaging import load, walk
from tests.packaging.conftest import KINDS

FOLDERS = ("domain", "tasks", "flows")
# Prefect puts the working directory on the path while it imports a flow: what has the name of an
# installed package there would be imported in its place.
NAMES = (*FOLDERS, "problem", "model", "study", "spec", "search")


@pytest.fixture(scope="module", params=KINDS)
def walked(
    request: pytest.FixtureRequest,
    interpreter: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What an installation's interpreter finds."""
    at_hand = {"PYTHONPATH": str(ROOT / "src")} if request.param == "checkout" else {}
    done = subprocess.run(
        [interpreter(request.param), "-P", walk.__file__],
        cwd=tmp_path_factory.mktemp("empty"),
        env={**os.environ, **at_hand},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"kind": request.param, **found}


def test_each_is_the_copy_that_is_meant(
    walked: dict[str, Any], interpreter: Callable[[str], Path], archive: Path
) -> None:
    environment = str(interpreter(walked["kind"]).parents[1])
    place = {"checkout": str(ROOT / "src"), "editable install": str(archive / "src")}

    assert walked["root"].startswith(place.get(walked["kind"], environment))


def test_all_files_of_the_checkout_are_modules_there(walked: dict[str, Any]) -> None:
    assert sorted(walked["modules"]) == _modules_of_the_checkout()


def test_no_file_is_imported_under_two_names(walked: dict[str, Any]) -> None:
    assert walked["doubled"] == []


def test_tracebacks_name_one_path(walked: dict[str, Any]) -> None:
    expected = [Path(walked["root"], *name.split(".")[1:]) for name in walked["modules"]]
    files = {
        str(one / "__init__.py" if one.is_dir() else one.with_suffix(".py")) for one in expected
    }

    assert set(walked["paths"]) == files
    assert walked["traced"]
    assert set(walked["traced"]) <= files


def test_files_that_are_no_modules_are_there(walked: dict[str, Any]) -> None:
    assert walked["data"] == list(walk.DATA)


@pytest.mark.parametrize(
    ("kind", "clashing"), [("editable install", True), ("wheel", True), ("wheel", False)]
)
def test_another_process_and_prefect_find_our_names(
    kind: str, clashing: bool, interpreter: Callable[[str], Path], tmp_path: Path
) -> None:
    study = write_study(tmp_path / "study")
    place = tmp_path / "place"
    place.mkdir()
    for name in NAMES if clashing else ():
        (place / name).mkdir()
        (place / name / "__init__.py").write_text("raise RuntimeError('the working directory')")
        (place / f"{name}.py").write_text("raise RuntimeError('the working directory')")
    done = subprocess.run(
        [interpreter(kind), "-P", load.__file__, study],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["flows"] == ["satisfice.flows.search", "satisfice.flows.sweep"]
    assert found["same study"]
    assert found["paths of the error"]
    assert all(one.startswith(found["root"]) for one in found["paths of the error"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_no_package_of_its_own(folder: str) -> None:
    command = [sys.executable, "-c", f"import {folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError")
    assert f"import satisfice.{folder}" in last


def test_lint_refuses_a_folder_as_a_package() -> None:
    bare = [
        line.format(folder)
        for folder in FOLDERS
        for line in (
            "import {0}",
            "import {0}.some",
            "from {0} import one",
            "from {0}.some import one",
        )
    ]
    right = [line.replace(" ", " satisfice.", 1) for line in bare]
    command = [sys.executable, "-P", "-m", "ruff", "check", "--select", "TID251", "--no-cache"]
    options = ("--output-format", "concise", "--stdin-filename", "flows/some.py", "-")
    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        input="\n".join((*right, *bare)),
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.findall(
        r"^flows/some.py:(\d+):.* TID251 .*: import (\S+)$", done.stdout, re.MULTILINE
    )
    wanted = [f"satisfice.{folder}" for folder in FOLDERS for _ in range(4)]

    assert told == [(str(line), name) for line, name in enumerate(wanted, len(right) + 1)]


def _modules_of_the_checkout() -> list[str]:
    source = ROOT / "src" / "satisfice"
    files = [*source.glob("*.py"), *(one for top in FOLDERS for one in (ROOT / top).rglob("*.py"))]
    parts = {
        one.relative_to(source if source in one.parents else ROOT).with_suffix("") for one in files
    }
    names = {".".join(("satisfice", *one.parts)).removesuffix(".__init__") for one in parts}
    return sorted(names - {"satisfice"})
