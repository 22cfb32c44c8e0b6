"""A trained model comes back from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.models.saved import load_model, save_model
from satisfice.tasks.problem.contract import Problem


def _unused(*_: object) -> Any:
    raise AssertionError("nobody calls this")


def test_a_model_file_holds_one_example_and_not_the_data_behind_it(tmp_path: Path) -> None:
    data = torch.zeros(100_000, 4)
    path = save_model(tmp_path, torch.nn.Linear(4, 2), {}, data[:1], rebuildable=True)
    assert path.stat().st_size < 10_000
    assert torch.load(path)["example_input"].shape == (1, 4)


def test_a_model_comes_back_in_evaluation_mode(tmp_path: Path) -> None:
    def build(params: dict[str, int]) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(4, params["width"]), torch.nn.Dropout())

    problem = Problem(Path("problem.py"), load=_unused, train=_unused, build=build)
    trained, example = build({"width": 3}), torch.ones(1, 4)
    for rebuildable in (True, False):
        path = save_model(tmp_path, trained, {"width": 3}, example, rebuildable=rebuildable)
        model, again = load_model(path, problem)
        assert torch.equal(again, example)
        assert torch.equal(model(example), trained.eval()(example))


def test_weights_without_a_build_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = save_model(tmp_path, torch.nn.Linear(4, 2), {}, None, rebuildable=True)
    with pytest.raises(StudyCodeError, match=r"no longer defines build\(params\)"):
        load_model(path, Problem(Path("problem.py"), load=_unused, train=_unused))
