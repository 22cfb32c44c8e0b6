"""The layout holds its rules: small packages, one home for a name, tests that mirror the source."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

LAYERS = ("domain", "tasks", "flows")
MOST_MODULES = 12


def modules(folder: Path) -> list[Path]:
    """The modules of a layer or a package, without what makes a folder a package."""
    return [one for one in folder.rglob("*.py") if one.stem != "__init__"]


@pytest.mark.parametrize("layer", LAYERS)
def test_no_package_has_more_modules_than_one_can_look_over(root: Path, layer: str) -> None:
    sizes = Counter(one.parent for one in modules(root / layer))
    assert {str(one): size for one, size in sizes.items() if size > MOST_MODULES} == {}


@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_has_a_name_twice(root: Path, layer: str) -> None:
    names = Counter(one.stem for one in modules(root / layer))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_a_package_says_what_it_is_for_and_nothing_else(root: Path, layer: str) -> None:
    for file in (root / layer).glob("*/**/__init__.py"):
        docstring, *rest = ast.parse(file.read_text()).body
        assert isinstance(docstring, ast.Expr), file
        assert not rest, file


@pytest.mark.parametrize("layer", LAYERS)
def test_unit_tests_mirror_the_source(root: Path, layer: str) -> None:
    tests = root / "tests" / "unit" / layer
    for file in tests.rglob("test_*.py"):
        tested = root / layer / file.relative_to(tests).with_name(file.name.removeprefix("test_"))
        assert tested.exists(), file


@pytest.mark.parametrize("layer", LAYERS)
def test_the_map_of_the_architecture_names_every_package(root: Path, layer: str) -> None:
    text = (root / "docs" / "explanation" / "architecture.md").read_text()
    part = text[text.index(f"## {layer}/") :].split("\n## ")[0]
    inside = (one for one in (root / layer).iterdir() if one.name[:2] != "__")
    names = {one.stem for one in inside if one.is_dir() or one.suffix == ".py"}
    assert {one for one in names if f"`{one}`" not in part} == set()
