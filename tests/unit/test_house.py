"""The map of the house names every module: whoever adds one says where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize("folder", ["domain", "tasks", "flows"])
def test_the_map_names_every_module(root: Path, folder: str) -> None:
    text = (root / "docs" / "house.md").read_text()
    part = text[text.index(f"## {folder}/") :].split("\n## ")[0]
    modules = {one.stem for one in (root / folder).glob("*.py")} - {"__init__"}
    assert {one for one in modules if f"`{one}`" not in part} == set()
