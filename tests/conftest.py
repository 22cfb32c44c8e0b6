"""What all tests share."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _find(package: str) -> None:
    """Let a folder of the repository be imported without the repository being on the path.

    On the path, the folders `domain`, `tasks` and `flows` would hide what an installed copy lacks.
    """
    folder = ROOT / package
    spec = spec_from_file_location(
        package, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    sys.modules[package] = module_from_spec(spec)


for _package in ("benchmarks", "tests"):
    if _package not in sys.modules:
        _find(_package)


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, in place of `.satisfice`."""
    path = tmp_path / "home"
    monkeypatch.setenv("SATISFICE_HOME", str(path))
    return path
