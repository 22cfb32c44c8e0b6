"""Trains configurations drawn at random, once each, and keeps their curves."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.pruning.problems import PROBLEMS, Data, Pairs, Params, Problem

EPOCHS = 30


def train(problem: Problem, data: Data, params: Params, seed: int) -> tuple[list[float], ...]:
    """Train one configuration.

    Returns:
        After each epoch the metric on the validation split and the processor's seconds so far,
        reports included; and, after the last, the metric on the test split.
    """
    torch.manual_seed(seed)
    inputs, targets = data.train
    model = problem.build(params)
    optimizer = _optimizer(model, params)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _factor(params))
    begun = time.process_time()
    values, seconds = [], []
    for _ in range(EPOCHS):
        model.train()
        for rows in torch.randperm(len(inputs)).split(params["batch"]):
            optimizer.zero_grad()
            problem.loss(model(problem.blur(inputs[rows], params)), targets[rows]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
        schedule.step()
        values.append(_evaluate(problem, model, data.validation))
        seconds.append(time.process_time() - begun)
    return values, seconds, [_evaluate(problem, model, data.test)]


def _optimizer(model: nn.Module, params: Params) -> torch.optim.Optimizer:
    if params["optimizer"] == "sgd":
        return torch.optim.SGD(model.parameters(), params["lr"], momentum=params["momentum"])
    return torch.optim.AdamW(model.parameters(), params["lr"], weight_decay=params["decay"])


def _factor(params: Params) -> Callable[[int], float]:
    """Return what the rate is multiplied with after so many epochs."""
    return {
        "constant": lambda _: 1.0,
        "cosine": lambda epoch: float(0.5 + 0.5 * np.cos(np.pi * epoch / EPOCHS)),
        "step": lambda epoch: 0.1 if epoch >= params["step_at"] * EPOCHS else 1.0,
        "warm": lambda epoch: min((epoch + 1) / (EPOCHS / 2), 2 - 2 * epoch / EPOCHS),
    }[params["schedule"]]


@torch.no_grad()
def _evaluate(problem: Problem, model: nn.Module, pairs: Pairs) -> float:
    model.eval()
    return problem.metric(model(pairs[0]), pairs[1])


def fill(name: str, count: int, folder: Path) -> None:
    """Train until so many configurations are kept; goes on where it was cut off.

    Args:
        name: The problem.
        count: How many configurations there are to be.
        folder: Where the curves go, in `NAME.npz`: `values` and `seconds` of shape
            (configurations, epochs), and `test`, one for each.
    """
    torch.set_num_threads(1)
    problem = PROBLEMS[name]
    data = problem.load()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.npz"
    kept: dict[str, np.ndarray] = {
        "values": np.empty((0, EPOCHS), "float32"),
        "seconds": np.empty((0, EPOCHS), "float32"),
        "test": np.empty(0, "float32"),
    }
    if file.exists():
        with np.load(file) as found:
            kept = dict(found)
    for number in range(len(kept["test"]), count):
        params = problem.draw(np.random.default_rng([number, *name.encode()]))
        values, seconds, test = train(problem, data, params, number)
        rows = {"values": [values], "seconds": [seconds], "test": test}
        kept = {key: np.append(kept[key], np.float32(rows[key]), axis=0) for key in kept}
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, **kept)
        part.replace(file)
