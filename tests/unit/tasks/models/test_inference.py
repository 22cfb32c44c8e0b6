"""Quality attributes of real models; how long anything takes is never asserted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from torch import nn

from satisfice.domain.economics.cost import EnergyMode
from satisfice.tasks.models.inference import BESIDE_TRIALS, THOROUGH, measure, measure_inferences


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    path.write_bytes(b"w" * 1234)
    return path


class Recording(nn.Module):
    """A model that remembers what it was asked, and in which mode."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 2)
        self.seconds = seconds
        self.batches: list[int] = []
        self.modes: set[tuple[bool, bool]] = set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        time.sleep(self.seconds)
        self.batches.append(len(x))
        self.modes.add((self.training, torch.is_grad_enabled()))
        found: torch.Tensor = self.layer(x)
        return found


def test_what_can_be_counted_is_exact(saved: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(), nn.Linear(256, 10))
    quality = measure(model, torch.randn(1, 1, 8, 8), 10.0, saved)
    assert quality.parameters == (4 * 9 + 4) + (2560 + 10)
    assert quality.macs == 64 * 4 * 9 + 2560
    assert quality.size_bytes == 1234


def test_times_and_energy_are_there_and_in_order(saved: Path) -> None:
    quality = measure(nn.Linear(6, 2), torch.randn(1, 6), 10.0, saved)
    assert 0 < quality.latency_ms_p50 <= quality.latency_ms_p95
    assert quality.energy_wh_per_1000 > 0
    assert quality.energy in {EnergyMode.MEASURED, EnergyMode.ESTIMATED}


def test_it_runs_one_example_at_a_time_in_evaluation_mode(saved: Path) -> None:
    model = Recording()
    measure(model, torch.randn(16, 6), 10.0, saved)
    assert set(model.batches) == {1}
    assert model.modes == {(False, False)}
    assert len(model.batches) >= 200
    assert model.training


def test_a_slow_model_is_measured_a_few_times_only(saved: Path) -> None:
    model = Recording(seconds=0.3)
    measure(model, torch.randn(1, 6), 10.0, saved)
    assert len(model.batches) <= 12
    beside = Recording(seconds=0.3)
    measure_inferences(beside, torch.randn(1, 6), 10.0, BESIDE_TRIALS)
    assert len(beside.batches) <= 24


class Disturbed(Recording):
    """A model that something else holds up at first, for longer than a warm-up takes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seconds = 0.005 if len(self.batches) < 120 else 0.0
        return super().forward(x)


def test_beside_trials_the_quietest_round_counts() -> None:
    quiet, whole = Disturbed(), Disturbed()
    beside = measure_inferences(quiet, torch.randn(1, 6), 10.0, BESIDE_TRIALS)
    at_once = measure_inferences(whole, torch.randn(1, 6), 10.0, THOROUGH)
    assert 0 < beside["latency_ms_p50"] <= beside["latency_ms_p95"] < 5
    assert at_once["latency_ms_p95"] >= 5
    assert len(quiet.batches) >= 200


def test_training_goes_on_as_if_nothing_had_been_measured(saved: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    measure(model, torch.randn(1, 6), 10.0, saved)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
