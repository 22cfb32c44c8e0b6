"""Trained models on the disk: the weights if the study can build the module, else a pickle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.files.atomic import write_whole
from satisfice.tasks.problem.contract import Problem

MODEL = "model.pt"


def save_model(
    folder: Path, model: Any, params: Mapping[str, Any], example_input: Any, *, rebuildable: bool
) -> Path:
    """Save a trained model.

    Args:
        folder: The trial's folder.
        model: The module.
        params: The parameters that it was built from.
        example_input: An input for it with a batch size of one, or None.
        rebuildable: Whether the study's `build(params)` builds this module. If so, its weights are
            saved (`state_dict`, `params`), otherwise the whole `module` as a pickle.

    Returns:
        The file.
    """
    import torch

    content = io.BytesIO()
    if isinstance(example_input, torch.Tensor):
        # A view would be saved with all of the data that it is a view of.
        example_input = example_input.detach().cpu().clone()
    kept: dict[str, Any] = {"params": dict(params), "example_input": example_input}
    if rebuildable and isinstance(model, torch.nn.Module):
        kept["state_dict"] = model.state_dict()
    else:
        kept["module"] = model
    torch.save(kept, content)
    write_whole(folder / MODEL, content.getbuffer())
    return folder / MODEL


def load_model(path: Path, problem: Problem) -> tuple[Any, Any]:
    """Load a model that `save_model` saved.

    Args:
        path: The file; it must come from a training of ours, since a pickle can run any code.
        problem: The study's code.

    Returns:
        The model, on the CPU and in evaluation mode, and an input for it, or None if no input is
        known.
    """
    import torch

    saved = torch.load(path, map_location="cpu", weights_only=False)
    model = saved.get("module")
    if model is None:
        if problem.build is None:
            raise StudyCodeError(
                f"{path} holds weights, but {problem.file} no longer defines build(params)",
                "Restore build(params) as it was when the model was trained.",
            )
        model = problem.build(saved["params"])
        model.load_state_dict(saved["state_dict"])
    example = saved["example_input"]
    return model.eval(), problem.input_for(saved["params"]) if example is None else example
