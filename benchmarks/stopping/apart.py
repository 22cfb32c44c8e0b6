"""Tasks on which nothing was ever fitted: scikit-learn's models on the data that come with it.

    python -m benchmarks.stopping.apart      # trains the tables again: half an hour on one core

Half of them were looked at when the form of the forecast was chosen (record 20), half never.

Every configuration of a grid is trained with three seeds on one split (60 % train, 40 % validation;
the seed is the training's). The metric is accuracy, or -log10 of the mean squared error; the time
is the processor's, on one thread. The tables are kept in `apart.npz`.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

KEPT = Path(__file__).with_name("apart.npz")
SEEDS = 3

# A value of each parameter, by the name that scikit-learn gives it.
GRIDS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "perceptron": {
        "width": (8, 16, 32, 64, 128),
        "depth": (1, 2),
        "learning_rate_init": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
        "alpha": (1e-4, 1e-2, 1.0),
        "batch_size": (16, 64, 256),
    },
    "boosting": {
        "n_estimators": (5, 10, 30, 100),
        "learning_rate": (0.01, 0.03, 0.1, 0.3, 1.0),
        "max_depth": (1, 2, 3, 5),
        "subsample": (0.5, 0.8),
        "min_samples_leaf": (1, 5, 20),
    },
    "forest": {
        "n_estimators": (5, 10, 20, 40),
        "max_features": (0.05, 0.1, 0.3, 0.6),
        "min_samples_leaf": (1, 2, 4, 8),
        "max_depth": (3, 6, 12, 24),
        "bootstrap": (False, True),
    },
    "linear": {
        "penalty": ("l1", "l2", "elasticnet"),
        "alpha": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
        "learning_rate": ("constant", "invscaling", "adaptive"),
        "eta0": (1e-4, 1e-3, 1e-2, 1e-1),
        "max_iter": (5, 20, 80),
        "average": (False, True),
    },
    "neighbours": {
        "n_neighbors": (1, 2, 4, 8, 16, 32),
        "weights": ("uniform", "distance"),
        "p": (1, 2),
        "n_estimators": (2, 5, 10),
        "max_samples": (0.15, 0.3, 0.9),
        "max_features": (0.1, 0.3, 0.6, 1.0),
    },
    "histogram": {
        "learning_rate": (0.01, 0.03, 0.1, 0.3, 1.0),
        "max_iter": (5, 15, 50),
        "max_leaf_nodes": (3, 7, 15, 31),
        "min_samples_leaf": (2, 10, 40),
        "l2_regularization": (0.0, 1.0, 30.0),
        "max_features": (0.2, 1.0),
    },
}
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "perceptron": ("breast_cancer", "diabetes", "wine"),
    "boosting": ("diabetes", "wine"),
    "forest": ("diabetes", "digits"),
    "linear": ("breast_cancer", "diabetes", "digits"),
    "neighbours": ("breast_cancer", "diabetes"),
    "histogram": ("breast_cancer", "diabetes"),
}
NAMES = tuple(f"{family}/{name}" for family, names in FAMILIES.items() for name in names)
IN_SIGHT = ("perceptron", "boosting", "forest")  # when the second reading of the way was chosen


def _perceptron(kind: str, width: int, depth: int, **settings: Any) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    made = MLPRegressor if kind == "regressor" else MLPClassifier
    return made(hidden_layer_sizes=(width,) * depth, max_iter=12, **settings)


def _boosting(kind: str, **settings: Any) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    made = GradientBoostingRegressor if kind == "regressor" else GradientBoostingClassifier
    return made(**settings)


def _forest(kind: str, **settings: Any) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    made = RandomForestRegressor if kind == "regressor" else RandomForestClassifier
    return made(**settings)


def _linear(kind: str, **settings: Any) -> Any:
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    return (SGDRegressor if kind == "regressor" else SGDClassifier)(**settings)


def _neighbours(kind: str, n_neighbors: int, weights: str, p: int, **settings: Any) -> Any:
    from sklearn.ensemble import BaggingClassifier, BaggingRegressor
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    regressor = kind == "regressor"
    one = KNeighborsRegressor if regressor else KNeighborsClassifier
    many = BaggingRegressor if regressor else BaggingClassifier
    return many(one(n_neighbors, weights=weights, p=p), **settings)


def _histogram(kind: str, **settings: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    regressor = kind == "regressor"
    made = HistGradientBoostingRegressor if regressor else HistGradientBoostingClassifier
    return made(**settings)


MODELS: Mapping[str, Callable[..., Any]] = {
    "perceptron": _perceptron,
    "boosting": _boosting,
    "forest": _forest,
    "linear": _linear,
    "neighbours": _neighbours,
    "histogram": _histogram,
}


def _train(task: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    family, data = task.split("/")
    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    kind = "regressor" if data == "diabetes" else "classifier"
    if kind == "regressor":
        y = (y - y.mean()) / y.std()
    classes = None if kind == "regressor" else y
    x, held_x, y, held_y = train_test_split(x, y, test_size=0.4, random_state=0, stratify=classes)
    scaler = StandardScaler().fit(x)
    x, held_x = scaler.transform(x), scaler.transform(held_x)
    grid = GRIDS[family]
    shape = (*map(len, grid.values()), SEEDS)
    values, seconds = np.empty(shape), np.empty(shape)
    for places in np.ndindex(shape):
        chosen = {name: grid[name][at] for name, at in zip(grid, places[:-1], strict=True)}
        begun = time.process_time()
        model = MODELS[family](kind, **chosen, random_state=places[-1]).fit(x, y)
        seconds[places] = time.process_time() - begun
        told = model.predict(held_x)
        if kind == "regressor":
            values[places] = -np.log10(np.mean((told - held_y) ** 2))
        else:
            values[places] = np.mean(told == held_y)
    return values.reshape(-1, SEEDS), seconds.reshape(-1, SEEDS)


def measured(task: str) -> tuple[tuple[int, ...], Floats, Floats]:
    """Return how many values each parameter of a task has, its metric, and its seconds.

    Both figures have the shape (configurations, seeds).
    """
    shape = tuple(len(values) for values in GRIDS[task.split("/", maxsplit=1)[0]].values())
    with np.load(KEPT) as kept:
        values, seconds = (kept[f"{task}/{one}"].astype(float) for one in ("values", "seconds"))
    return shape, values, seconds


def main() -> None:
    """Train what is missing; the tables are put together once all are there."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--parts", type=Path, default=Path(".satisfice/apart"))
    folder = read.parse_args().parts
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")  # twelve epochs are what is measured, converged or not
    parts = {}
    for task in NAMES:
        part = folder / f"{task.replace('/', '-')}.npz"
        if not part.exists():
            values, seconds = _train(task)
            np.savez(part, values=values.astype(np.float32), seconds=seconds.astype(np.float32))
            print(f"{task}: {len(values)} configurations, {seconds.sum() / 60:.1f} minutes")
        with np.load(part) as made:
            parts |= {f"{task}/{name}": made[name] for name in made.files}
    np.savez_compressed(KEPT, allow_pickle=False, **parts)


if __name__ == "__main__":
    main()
