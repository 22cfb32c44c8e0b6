"""The score of an earlier model on new data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.models.saved import load_model
from satisfice.tasks.problem.contract import Problem, describe
from satisfice.tasks.problem.data import Split
from satisfice.tasks.validation.manifest import unseen

PARTS = 10  # of the examples, whose spread is the sampling error
FEWEST = 2  # examples of a part


def score(
    problem: Problem, model: Path, validation: Split, manifest: Path, trained_on: Path
) -> list[dict[str, float]]:
    """Score a model on the examples of a split that it was not trained on.

    Args:
        problem: The study's code.
        model: The file of the model.
        validation: The validation split of the new data.
        manifest: The manifest of the new data.
        trained_on: The manifest of the data that the model was trained on.

    Returns:
        Metrics by name: first on all of these examples, then on random parts of equal size, unless
        these are too small for the study's `evaluate`.

    Raises:
        StudyCodeError: The study's code raised, a file has changed, or no example is left.
    """
    evaluate = problem.evaluate
    if evaluate is None:
        raise StudyCodeError(f"{problem.file} does not define evaluate(model, split)")

    def on(rows: Any) -> dict[str, float]:
        scores = evaluate(loaded, validation.take(rows))
        return {name: float(value) for name, value in scores.items()}

    try:
        rows = np.random.default_rng(0).permutation(unseen(manifest, trained_on))
        loaded, _ = load_model(model, problem)
        whole = on(rows) if len(rows) else None
    except Exception as error:
        raise StudyCodeError(describe(error, problem.file)) from error
    if whole is None:
        raise StudyCodeError("it was trained on every example of the validation split")
    try:
        parts = np.array_split(rows, max(min(PARTS, len(rows) // FEWEST), 1))
        return [whole, *map(on, parts)]
    except Exception:  # noqa: BLE001 - a metric may need more examples than a part has
        return [whole]
