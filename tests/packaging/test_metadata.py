"""What is written about the package in several places says the same."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def tested() -> dict[str, Version]:
    """The versions that were tested together."""
    pins = (one for one in (ROOT / "constraints.txt").read_text().splitlines() if "==" in one)
    return {
        canonicalize_name(name): Version(pin) for name, pin in (one.split("==") for one in pins)
    }


def test_nothing_is_required_twice(project: dict[str, Any]) -> None:
    needed = [Requirement(one).name for one in project["dependencies"]]
    for extra in ([], *project["optional-dependencies"].values()):
        names = Counter([*needed, *(Requirement(one).name for one in extra)])
        assert [name for name, count in names.items() if count > 1] == []


def test_what_was_tested_is_what_is_required(
    project: dict[str, Any], tested: dict[str, Version]
) -> None:
    for text in (*project["dependencies"], *project["optional-dependencies"]["dev"]):
        one = Requirement(text)
        assert tested[canonicalize_name(one.name)] in one.specifier, text


def test_any_minor_version_of_optuna_is_allowed_and_one_is_tested(
    project: dict[str, Any], tested: dict[str, Version]
) -> None:
    (optuna,) = (Requirement(one) for one in project["dependencies"] if one.startswith("optuna"))
    major, minor = tested["optuna"].release[:2]

    assert f"{major}.{minor + 1}.0" in optuna.specifier
    assert f"{major + 1}.0.0" not in optuna.specifier


def test_hooks_run_the_version_of_ruff_that_was_tested(tested: dict[str, Version]) -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()

    assert set(re.findall(r"ruff==([\d.]+)", text)) == {str(tested["ruff"])}


def test_the_citation_names_this_version(project: dict[str, Any]) -> None:
    text = (ROOT / "CITATION.cff").read_text()

    assert f"\nversion: {project['version']}\n" in text
    assert f"\nlicense: {project['license']}\n" in text
