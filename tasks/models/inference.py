"""The quality attributes of a trained model, measured in the process that trained it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.quality import QualityAttributes
from satisfice.tasks.energy.meter import Meter
from satisfice.tasks.models.counting import count_macs, count_parameters, evaluating

if TYPE_CHECKING:
    import torch

FEWEST = 3  # of a model so slow that the time is up before that
WARM_UP_ROUND = 10
STABLE = 0.05  # relative change of the median between two rounds


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is run: inferences in a round, its seconds at least and at most, and rounds."""

    times: int
    at_least: float
    at_most: float
    rounds: int = 1


THOROUGH = Effort(200, 0.2, 2.0)  # counters of energy tick in thousandths to tenths of a second
# As much in all. Trials beside it make a latency worse and never better: the best round counts.
BESIDE_TRIALS = Effort(25, 0.025, 0.25, rounds=8)
GLANCE = Effort(50, 0.0, 0.4)  # a trial of seconds is not made longer by more than that


def measure(
    model: torch.nn.Module, example_input: torch.Tensor, watts_per_core: float, path: Path
) -> QualityAttributes:
    """Measure what a model is like to run, with the threads and on the device that it is on.

    Nothing else should run meanwhile: a trial beside it makes the latency worse than it is.

    Args:
        model: The trained model.
        example_input: Its input; of a batch only the first example is used.
        watts_per_core: Power of a busy core, where energy has to be estimated.
        path: The saved weights.
    """
    example = example_input[:1]
    macs = count_macs(model, example)
    speed, energy = _speed(model, example, watts_per_core, THOROUGH)
    return QualityAttributes(
        **speed,
        energy=energy,
        parameters=count_parameters(model),
        macs=macs,
        size_bytes=path.stat().st_size,
    )


def measure_inferences(
    model: torch.nn.Module, example_input: torch.Tensor, watts_per_core: float, effort: Effort
) -> dict[str, float]:
    """Measure how fast a model is, beside whatever else runs.

    Returns:
        `latency_ms_p50`, `latency_ms_p95` (of the round in which that is smallest) and
        `energy_wh_per_1000`.
    """
    return _speed(model, example_input[:1], watts_per_core, effort)[0]


def _speed(
    model: torch.nn.Module,
    example: torch.Tensor,
    watts_per_core: float,
    effort: Effort,
) -> tuple[dict[str, float], EnergyMode]:
    import torch

    def infer() -> None:
        model(example)
        if example.is_cuda:
            torch.cuda.synchronize(example.device)

    with evaluating(model), torch.inference_mode():
        most = effort.at_most * effort.rounds
        _warm_up(infer, most / 4)
        meter, end = Meter(watts_per_core), time.perf_counter() + most
        rounds = [_repeat(infer, effort)]
        while len(rounds) < effort.rounds and time.perf_counter() < end:
            rounds.append(_repeat(infer, effort))
        energy = meter.read()
    p95, p50 = min(tuple(np.percentile(seconds, (95, 50)) * 1e3) for seconds in rounds)
    return {
        "latency_ms_p50": float(p50),
        "latency_ms_p95": float(p95),
        "energy_wh_per_1000": energy.kwh * 1e6 / sum(map(len, rounds)),
    }, energy.mode


def _warm_up(infer: Callable[[], None], most: float) -> None:
    """Run rounds of inferences until the medians of two agree, or the time for it is used up."""
    before, end = math.inf, time.perf_counter() + most
    while time.perf_counter() < end:
        median = float(np.median(_repeat(infer, Effort(WARM_UP_ROUND, 0.0, most))))
        if abs(median - before) <= STABLE * median:
            return
        before = median


def _repeat(infer: Callable[[], None], effort: Effort) -> list[float]:
    """Run inferences so many times, but for no fewer seconds and no more; return each one's."""
    seconds: list[float] = []
    total = 0.0
    while (len(seconds) < effort.times or total < effort.at_least) and (
        len(seconds) < FEWEST or total < effort.at_most
    ):
        began = time.perf_counter()
        infer()
        seconds.append(time.perf_counter() - began)
        total += seconds[-1]
    return seconds
