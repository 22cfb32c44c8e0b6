"""Three small real problems, of three kinds, from data that ships with Python and scikit-learn.

`digits`: images to classes; accuracy. `photographs`: noise taken from patches of two photographs;
mean squared error. `text`: the next character of Python's own help pages; bits per character.
Each has a space with conditional parameters and schedules, so that late bloomers occur: a rate
that is too high until it falls, a plateau that a recurrent network leaves when it leaves it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

Params = dict[str, Any]
Pairs = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Data:
    """What is given and what is asked for, in three splits that share nothing."""

    train: Pairs
    validation: Pairs
    test: Pairs


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        load: Reads the data.
        draw: Draws a configuration.
        build: Makes the network of a configuration.
        loss: What training minimises.
        metric: What is reported: of outputs and targets.
        blur: Changes a batch of training inputs by the configuration's noise.
    """

    load: Callable[[], Data]
    draw: Callable[[np.random.Generator], Params]
    build: Callable[[Params], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]
    metric: Callable[[Tensor, Tensor], float]
    blur: Callable[[Tensor, Params], Tensor]


def _split(inputs: Tensor, targets: Tensor, groups: np.ndarray, sizes: tuple[int, int]) -> Data:
    """Deal out groups: so many to training, so many to validation, the others to the test."""
    dealt = np.random.default_rng(0).permutation(np.unique(groups))
    parts = np.split(dealt, np.cumsum(sizes))
    rows = [torch.from_numpy(np.flatnonzero(np.isin(groups, part))) for part in parts]
    return Data(*((inputs[one], targets[one]) for one in rows))


def _log(random: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(random.uniform(math.log(low), math.log(high))))


def _training(random: np.random.Generator, low: float, high: float) -> Params:
    """Draw what all problems share: the optimizer, its rate, and how the rate changes."""
    params: Params = {
        "optimizer": str(random.choice(["sgd", "adamw"])),
        "schedule": str(random.choice(["constant", "cosine", "step", "warm"])),
        "batch": int(random.choice([16, 32, 64])),
    }
    if params["optimizer"] == "sgd":
        params["momentum"] = float(random.uniform(0.0, 0.98))
        params["lr"] = _log(random, 10 * low, 10 * high)
    else:
        params["decay"] = _log(random, 1e-4, 1e-1)
        params["lr"] = _log(random, low, high)
    if params["schedule"] == "step":
        params["step_at"] = float(random.uniform(0.3, 0.85))
    return params


# -- digits


def _load_digits() -> Data:
    from sklearn.datasets import load_digits

    found = load_digits()
    images = torch.from_numpy(found.images[:, None].astype("float32") / 16)
    return _split(images, torch.from_numpy(found.target), np.arange(len(images)), (700, 300))


def _draw_digits(random: np.random.Generator) -> Params:
    return _training(random, 1e-4, 1e-1) | {
        "channels": 4 * int(_log(random, 1, 7)),
        "groups": int(random.choice([1, 2, 4])),
        "depth": int(random.integers(1, 4)),
        "dropout": float(random.uniform(0.0, 0.8)),
        "noise": float(random.uniform(0.0, 0.6)),
    }


def _build_digits(params: Params) -> nn.Module:
    channels = params["channels"]
    layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    for _ in range(params["depth"]):
        grouped = nn.Conv2d(channels, channels, 3, padding=1, groups=params["groups"])
        layers += [grouped, nn.BatchNorm2d(channels), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(params["dropout"])]
    return nn.Sequential(*layers, nn.Linear(4 * channels, 10))


def _accuracy(outputs: Tensor, targets: Tensor) -> float:
    return float((outputs.argmax(dim=1) == targets).double().mean())


def _noisy(inputs: Tensor, params: Params) -> Tensor:
    return inputs + params["noise"] * torch.randn_like(inputs)


# -- photographs

_BLOCK, _PATCH, _NOISE = 64, 16, 0.1


def _load_photographs() -> Data:
    """Cut patches that do not touch, a block of 64 x 64 pixels being in one split only."""
    from sklearn.datasets import load_sample_images

    patches, blocks = [], []
    for number, image in enumerate(load_sample_images().images):
        grey = image.mean(axis=2).astype("float32") / 255
        height, width = (side - side % _BLOCK for side in grey.shape)
        for row in range(0, height, 2 * _PATCH):
            for column in range(0, width, 2 * _PATCH):
                patches.append(grey[row : row + _PATCH, column : column + _PATCH])
                blocks.append((number, row // _BLOCK, column // _BLOCK))
    clean = torch.from_numpy(np.array(patches))[:, None]
    noise = np.random.default_rng(1).standard_normal(tuple(clean.shape)).astype("float32")
    groups = np.unique(np.array(blocks), axis=0, return_inverse=True)[1].ravel()
    return _split(clean + _NOISE * torch.from_numpy(noise), clean, groups, (60, 20))


def _draw_photographs(random: np.random.Generator) -> Params:
    return _training(random, 1e-4, 1e-1) | {
        "channels": int(_log(random, 4, 17)),
        "depth": int(random.integers(0, 4)),
        "activation": str(random.choice(["ReLU", "Tanh", "GELU"])),
        "residual": bool(random.random() < 0.5),
        "norm": bool(random.random() < 0.3),
        "noise": float(random.choice([0.0, random.uniform(0.0, 0.1)])),
    }


class _Denoiser(nn.Module):
    def __init__(self, params: Params) -> None:
        super().__init__()
        channels, activation = params["channels"], getattr(nn, params["activation"])
        layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1), activation()]
        for _ in range(params["depth"]):
            layers += [nn.Conv2d(channels, channels, 3, padding=1)]
            layers += [nn.BatchNorm2d(channels)] if params["norm"] else []
            layers += [activation()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))
        self.residual = params["residual"]

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return x + found if self.residual else found


def _error(outputs: Tensor, targets: Tensor) -> float:
    return float(mse_loss(outputs, targets))


# -- text

_LENGTH, _LETTERS = 33, " etaoinsrlhcdumpfbgywvxkqzj.,`'_()=-\n"


def _load_text() -> Data:
    """Cut Python's help pages into lines of 33 characters; a page is in one split only."""
    from pydoc_data.topics import topics

    lines, pages = [], []
    for number, page in enumerate(topics[name] for name in sorted(topics)):
        kept = [_LETTERS.find(letter) + 1 for letter in page.lower()]
        for start in range(0, min(len(kept), 40 * _LENGTH) - _LENGTH, _LENGTH):
            lines.append(kept[start : start + _LENGTH])
            pages.append(number)
    chosen = np.random.default_rng(2).permutation(len(lines))[:720]
    text = torch.from_numpy(np.array(lines)[chosen])
    return _split(text[:, :-1], text[:, 1:], np.array(pages)[chosen], (30, 10))


def _draw_text(random: np.random.Generator) -> Params:
    cell = str(random.choice(["GRU", "LSTM", "RNN"]))
    params = _training(random, 5e-4, 5e-2) | {
        "cell": cell,
        "embedding": int(_log(random, 4, 25)),
        "hidden": int(_log(random, 8, 65)),
        "dropout": float(random.uniform(0.0, 0.5)),
        "noise": float(random.choice([0.0, random.uniform(0.0, 0.3)])),
    }
    if cell == "RNN":
        params["nonlinearity"] = str(random.choice(["tanh", "relu"]))
    return params


class _Writer(nn.Module):
    def __init__(self, params: Params) -> None:
        super().__init__()
        letters, hidden = len(_LETTERS) + 1, params["hidden"]
        more = {"nonlinearity": params["nonlinearity"]} if params["cell"] == "RNN" else {}
        self.read = nn.Embedding(letters, params["embedding"])
        cell = getattr(nn, params["cell"])
        self.cell = cell(params["embedding"], hidden, batch_first=True, **more)
        self.drop = nn.Dropout(params["dropout"])
        self.write = nn.Linear(hidden, letters)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.write(self.drop(self.cell(self.read(x))[0]))
        return found.transpose(1, 2)


def _bits(outputs: Tensor, targets: Tensor) -> float:
    return float(cross_entropy(outputs, targets)) / math.log(2)


def _misread(inputs: Tensor, params: Params) -> Tensor:
    wrong = torch.rand(inputs.shape) < params["noise"]
    return torch.where(wrong, torch.randint_like(inputs, len(_LETTERS) + 1), inputs)


PROBLEMS = {
    "digits": Problem(_load_digits, _draw_digits, _build_digits, cross_entropy, _accuracy, _noisy),
    "photographs": Problem(
        _load_photographs, _draw_photographs, _Denoiser, mse_loss, _error, _noisy
    ),
    "text": Problem(_load_text, _draw_text, _Writer, cross_entropy, _bits, _misread),
}
