"""A study imports the modules beside it, whatever else goes by their names."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.problem import siblings
from satisfice.tasks.problem.contract import Problem, load_problem
from satisfice.tasks.problem.siblings import hidden_by, importable, siblings_in

PROBLEM = """
import flows, model, tasks
from domain import owner
from domain.deep import depth

class Net:
    pass

def load():
    import lazy
    return lazy.OWNER, flows.OWNER, model.OWNER, tasks.OWNER, owner(), depth()

def train(trial, data):
    from domain import later
    return later.OWNER
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Begin and end without an active study: other tests in this process have loaded some."""

    def deactivate() -> None:
        if siblings._active is not None:
            siblings._active.deactivate()

    deactivate()
    path, modules = list(sys.path), set(sys.modules)
    yield
    deactivate()
    assert sys.path == path
    for name in set(sys.modules) - modules:
        assert name.partition(".")[0] not in {"flows", "model", "domain", "lazy", "problem"}


def write_study(folder: Path, owner: str) -> Path:
    (folder / "domain").mkdir(parents=True)
    said = f"OWNER = {owner!r}\n"
    for name in ("flows.py", "model.py", "tasks.py", "lazy.py", "domain/later.py"):
        (folder / name).write_text(said)
    (folder / "domain" / "__init__.py").write_text(f"def owner():\n    return {owner!r}\n")
    (folder / "domain" / "deep.py").write_text(f"def depth():\n    return {owner!r}\n")
    (folder / "problem.py").write_text(PROBLEM)
    return folder


def owners(problem: Problem) -> set[str]:
    return {*problem.load(), problem.train(None, None)}  # type: ignore[misc, arg-type]


def test_two_studies_in_a_process_keep_their_modules_apart(tmp_path: Path) -> None:
    first = load_problem(write_study(tmp_path / "first", "one"), "problem.py")
    second = load_problem(write_study(tmp_path / "second", "two"), "problem.py")
    assert owners(first) == {"one"}
    assert owners(second) == {"two"}
    assert owners(first) == {"one"}
    assert sys.path[0] == str(tmp_path / "first")
    assert str(tmp_path / "second") not in sys.path


def test_a_study_comes_before_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = write_study(tmp_path / "elsewhere", "another")
    monkeypatch.syspath_prepend(elsewhere)
    import tasks  # type: ignore[import-not-found]  # noqa: TID251 - not ours

    study = write_study(tmp_path / "study", "the study")
    with importable(study):
        assert owners(load_problem(study, "problem.py")) == {"the study"}
    assert sys.modules["tasks"] is tasks
    del sys.modules["tasks"]


def test_the_modules_are_importable_only_within_the_context(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", "it")
    own = siblings_in(folder)
    with importable(folder):
        import lazy  # type: ignore[import-not-found]

        assert own.imported == {lazy}
        with importable(write_study(tmp_path / "other", "other")):
            assert "lazy" not in sys.modules
        assert sys.modules["lazy"] is lazy
    assert "lazy" not in sys.modules
    with importable(folder):
        assert sys.modules["lazy"] is lazy, "it is not run again"


def test_libraries_that_are_loaded_stay_what_they_are(tmp_path: Path) -> None:
    import random

    import numpy as np

    for name in ("random", "numpy", "satisfice", "__main__"):
        (tmp_path / f"{name}.py").write_text("")
    kept = {name: sys.modules[name] for name in ("random", "numpy", "satisfice", "__main__")}
    with importable(tmp_path):
        assert {name: sys.modules[name] for name in kept} == kept
        assert sys.modules["random"] is random
        assert sys.modules["numpy"] is np


def test_what_hides_a_library_is_named(tmp_path: Path) -> None:
    for name in ("random.py", "optuna.py", "satisfice.py", "model.py", "no-module.py"):
        (tmp_path / name).write_text("")
    for name in ("torch", "tests", "data", "pandas"):
        (tmp_path / name).mkdir()
    for name in ("torch", "tests"):
        (tmp_path / name / "__init__.py").write_text("")
    assert hidden_by(tmp_path) == {
        "random.py": "the standard library's module random",
        "optuna.py": "the installed package optuna",
        "satisfice.py": "the installed package satisfice",
        "torch": "the installed package torch",
    }


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("from optuna import create_study\n", "optuna.py hides the installed package optuna"),
        ("import optuna.trial\n", "optuna.py hides the installed package optuna"),
        ("import optuna\noptuna.create_study()\n", "optuna.py hides the installed package"),
        ("from collections import no_such_name\n", "Fix the error"),
        ("import collections\ncollections.no_such_name\n", "Fix the error"),
        ("import no_such_module\n", "Install the package"),
    ],
)
def test_an_error_over_a_hidden_library_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, hint: str
) -> None:
    for name in [one for one in sys.modules if one.partition(".")[0] == "optuna"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "optuna.py").write_text("")
    (tmp_path / "problem.py").write_text(text)
    with pytest.raises(StudyCodeError) as caught:
        load_problem(tmp_path, "problem.py")
    assert caught.value.hint.startswith(hint)
    siblings_in(tmp_path).deactivate()


def test_a_problem_named_like_a_loaded_library_does_not_replace_it(tmp_path: Path) -> None:
    import random

    (tmp_path / "random.py").write_text("def load(): ...\ndef train(trial, data): ...\n")
    load_problem(tmp_path, "random.py")
    assert sys.modules["random"] is random


def test_a_spawned_process_finds_the_same_modules(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", "mine")
    load_problem(folder, "problem.py")
    (tmp_path / "pickle").write_bytes(pickle.dumps(sys.modules["problem"].Net()))
    script = f"""
import pickle, sys
sys.path[:] = {sys.path!r}  # as multiprocessing does it
net = pickle.loads(open({str(tmp_path / "pickle")!r}, "rb").read())
import domain
print(type(net).__module__, domain.owner())
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"problem", b"mine"]


def test_there_is_one_object_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert siblings_in(tmp_path / "link") is siblings_in(tmp_path)
