"""What is said of the commit, the versions and the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from satisfice.tasks.environment import environment


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "study.yaml").write_text("study: digits\n")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "a study")
    return git(folder, "rev-parse", "HEAD")


def test_a_committed_study_has_a_commit_and_a_clean_tree(repository: Path) -> None:
    head = commit(repository)
    inner = repository / "studies"
    inner.mkdir()
    for folder in (repository, inner):
        found = environment(folder)
        assert (found["commit"], found["tree"]) == (head, "clean")


def test_changes_that_no_commit_holds_are_counted(repository: Path) -> None:
    head = commit(repository)
    (repository / "study.yaml").write_text("study: other\n")
    (repository / "problem.py").touch()
    found = environment(repository)
    assert (found["commit"], found["tree"]) == (head, "2 changed or untracked")


def test_a_missing_commit_repository_or_git_is_said_so(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment(repository)["commit"] == "none: nothing is committed"
    bare = tmp_path_factory.mktemp("bare")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(bare.parent))
    assert environment(bare)["commit"] == "none: not a git repository"
    monkeypatch.setenv("PATH", str(bare))
    assert environment(repository)["commit"] == "unknown: git is not installed"


def test_versions_and_machine_are_told_without_heavy_imports(tmp_path: Path) -> None:
    code = (
        "import sys; from satisfice.tasks.environment import environment;"
        "found = environment(sys.argv[1]);"
        "print(found['torch'], found['cpu'], found['cores'], found['memory'], sep='|');"
        "print(sorted({'torch', 'mlflow', 'prefect', 'numpy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    versions, heavy = done.stdout.splitlines()
    torch, cpu, cores, memory = versions.split("|")
    assert torch[0].isdigit()
    assert cpu
    assert " of " in cores
    assert memory.endswith("GiB")
    assert heavy == "[]"
