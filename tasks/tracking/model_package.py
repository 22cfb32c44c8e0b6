"""A trained model as an MLflow model that loads in any process, without the study's code.

The model is exported to a graph (`torch.export`). If that fails, it is pickled together with the
study's classes. Imports torch where it is used.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satisfice.tasks.models.saved import load_model
from satisfice.tasks.problem.contract import load_problem
from satisfice.tasks.problem.siblings import siblings_in

if TYPE_CHECKING:
    import torch
    from mlflow.models import Model

CLOSE = 1e-4  # an exported graph may round differently


def package(study: Path, problem: str, model: Path, path: Path, card: Model) -> str:
    """Write a trained model as an MLflow model.

    Args:
        study: The study folder.
        problem: The file in it.
        model: The file in which the training saved the model: `state_dict` and `params`, or the
            `module` itself, and an `example_input`.
        path: The folder to write.
        card: The metadata of the model.

    Returns:
        A note for users on the format; empty for a graph that accepts any batch size.
    """
    code = load_problem(study, problem)
    module, example = load_model(model, code)
    if example is None:
        _pickle(code.file.parent, module, path, card)
        return "; pickled and without a signature, since no example input is known"
    # A batch of one would be exported as the constant 1, and no other size would be accepted.
    several = example.repeat(2, *[1] * (example.ndim - 1)) if len(example) == 1 else example
    for batch, note in ((several, ""), (example, "; accepts only batches of the example's size")):
        try:
            with _quietly():
                _export(module, batch, example, path, card, dynamic=not note)
        except Exception as error:  # noqa: BLE001 - torch.export raises many kinds of errors
            fault = error
            shutil.rmtree(path, ignore_errors=True)
        else:
            return note
    _pickle(code.file.parent, module, path, card, example)
    return f"; pickled, since it cannot be exported: {_first_line(fault)}"


def _export(
    module: torch.nn.Module,
    batch: torch.Tensor,
    example: torch.Tensor,
    path: Path,
    card: Model,
    *,
    dynamic: bool,
) -> None:
    """Write the exported graph, and check that its outputs equal the module's."""
    import mlflow.pytorch
    import torch

    mlflow.pytorch.save_model(
        module,
        path,
        mlflow_model=card,
        input_example=batch.numpy(),
        signature=_signature(module, batch, dynamic=dynamic),
        pip_requirements=_requirements(),  # or MLflow would run the model in a new process
        serialization_format="pt2",
    )
    graph = mlflow.pytorch.load_model(str(path))
    sizes = (1, 3) if dynamic else (len(example),)
    for size in sizes:
        probe = example[:1].repeat(size, *[1] * (example.ndim - 1))
        with torch.no_grad():
            torch.testing.assert_close(graph(probe), module(probe), rtol=CLOSE, atol=CLOSE)


def _pickle(
    study: Path,
    module: torch.nn.Module,
    path: Path,
    card: Model,
    example: torch.Tensor | None = None,
) -> None:
    import mlflow.pytorch

    with _by_value(study):
        mlflow.pytorch.save_model(
            module,
            path,
            mlflow_model=card,
            input_example=None if example is None else example.numpy(),
            signature=None if example is None else _signature(module, example, dynamic=True),
            pip_requirements=_requirements(),
            serialization_format="pickle",
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter from printing graphs into the terminal's live view."""
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _by_value(study: Path) -> Iterator[None]:
    """Let pickles contain the study's classes themselves, so that they load without its folder."""
    import cloudpickle  # type: ignore[import-untyped]

    own = siblings_in(study).imported
    for one in own:
        cloudpickle.register_pickle_by_value(one)
    try:
        yield
    finally:
        for one in own:
            cloudpickle.unregister_pickle_by_value(one)


def _signature(module: torch.nn.Module, batch: torch.Tensor, *, dynamic: bool) -> Any:
    import numpy as np
    import torch
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    with torch.no_grad():
        answer = module(batch)
    if not isinstance(answer, torch.Tensor):
        raise TypeError(f"the model returns {type(answer).__name__}, not a tensor")
    inputs, outputs = (
        Schema(
            [TensorSpec(np.dtype(one.numpy().dtype), (-1 if dynamic else len(one), *one.shape[1:]))]
        )
        for one in (batch, answer)
    )
    return ModelSignature(inputs, outputs)


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("mlflow", "torch", "cloudpickle", "numpy")]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
