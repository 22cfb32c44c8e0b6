"""A model on new data: on all that it was not trained on, and on parts of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.models.saved import save_model
from satisfice.tasks.models.scoring import score
from satisfice.tasks.problem.contract import Problem
from satisfice.tasks.problem.data import Data, Split
from satisfice.tasks.validation.manifest import write_manifest

Evaluate = Callable[[Any, Split], dict[str, Any]]


def scored(folder: Path, evaluate: Evaluate | None, count: int = 30) -> list[dict[str, float]]:
    """Score a model on data of which it has seen none."""
    x = np.random.default_rng(0).normal(size=(2 * count, 3)).astype("float32")
    new, old = (Split(part, np.arange(count) % 2) for part in (x[:count], x[count:]))
    write_manifest(Data(old, new, old), folder / "new.npz")
    write_manifest(Data(old, old, old), folder / "old.npz")
    model = save_model(folder, torch.nn.Linear(3, 2), {}, None, rebuildable=False)
    problem = Problem(folder / "problem.py", load=lambda: None, train=print, evaluate=evaluate)  # type: ignore[arg-type,return-value]
    return score(problem, model, new, folder / "new.npz", folder / "old.npz")


def mean(model: Any, split: Split) -> dict[str, Any]:
    with torch.no_grad():
        return {"mean": model(torch.as_tensor(split.x)).mean(), "rows": len(split)}


def test_the_parts_are_equal_and_make_up_the_whole(tmp_path: Path) -> None:
    whole, *parts = scored(tmp_path, mean)
    assert whole["rows"] == 30
    assert [one["rows"] for one in parts] == [3.0] * 10
    assert np.mean([one["mean"] for one in parts]) == pytest.approx(whole["mean"], rel=1e-4)
    assert len({one["mean"] for one in parts}) == 10


def test_a_metric_that_needs_many_examples_has_no_parts(tmp_path: Path) -> None:
    def careful(model: Any, split: Split) -> dict[str, Any]:
        if len(split) < 20:
            raise ValueError("only one class is there")
        return mean(model, split)

    assert [one["rows"] for one in scored(tmp_path, careful)] == [30]


def test_a_single_example_is_no_part_of_itself(tmp_path: Path) -> None:
    assert [one["rows"] for one in scored(tmp_path, mean, count=1)] == [1, 1]


def test_without_evaluate_there_is_no_score(tmp_path: Path) -> None:
    with pytest.raises(
        StudyCodeError, match=r"problem\.py does not define evaluate\(model, split\)"
    ):
        scored(tmp_path, None)


def test_what_evaluate_raises_is_told_in_one_line(tmp_path: Path) -> None:
    def wrong(model: Any, split: Split) -> dict[str, Any]:
        raise KeyError("accuracy")

    with pytest.raises(StudyCodeError, match="KeyError: 'accuracy'"):
        scored(tmp_path, wrong)
