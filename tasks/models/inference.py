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

FEWEST = 3  # inferences, even if they exceed the time
WARM_UP_ROUND = 10
STABLE = 0.05  # relative change of the median between two rounds


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: inferences of a round, its minimum and maximum seconds, and rounds."""

    times: int
    at_least: float
    at_most: float
    rounds: int = 1


THOROUGH = Effort(200, 0.2, 2.0)  # energy counters update every 1 to 100 ms
# The same total. Trials running at the same time only increase latency, so the best round counts.
BESIDE_TRIALS = Effort(25, 0.025, 0.25, rounds=8)
GLANCE = Effort(50, 0.0, 0.4)  # short beside a trial of seconds


def measure(
    model: torch.nn.Module, example_input: torch.Tensor, watts_per_core: float, path: Path
) -> QualityAttributes:
    """Measure the quality attributes of a model, on its device and with the current threads.

    Nothing else should run at the same time, since that increases the latency.

    Args:
        model: The trained model.
        example_input: Its input; only the first example of a batch is used.
        watts_per_core: Power of a busy core, if energy has to be estimated.
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
    """Measure the speed of a model while other trials may be running.

    Returns:
        `latency_ms_p50`, `latency_ms_p95` (of the round with the lowest p95) and
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
    """Run rounds of inferences until two successive medians agree or the time is up."""
    before, end = math.inf, time.perf_counter() + most
    while time.perf_counter() < end:
        median = float(np.median(_repeat(infer, Effort(WARM_UP_ROUND, 0.0, most))))
        if abs(median - before) <= STABLE * median:
            return
        before = median


def _repeat(infer: Callable[[], None], effort: Effort) -> list[float]:
    """Run a number of inferences within limits of time; return the seconds of each."""
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
