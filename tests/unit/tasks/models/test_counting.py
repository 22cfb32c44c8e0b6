"""Predictions against models that are really built, and against counts made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.rules.predicted import ACTIVATIONS, LARGEST, MACS, OPERATIONS, SIZE
from satisfice.tasks.models.counting import (
    count_macs,
    count_parameters,
    count_work,
    evaluating,
    predict,
)

Build = Callable[[], nn.Module]
SIZES = (ACTIVATIONS, LARGEST, OPERATIONS)


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.attention(x, x, x, need_weights=False)[0]
        return found


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 16, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.lstm(x)[0]
        return found


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(8, 8, bias=False)
        self.other = nn.Linear(8, 8, bias=False)
        self.other.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.other(self.one(x))
        return found


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, groups=4),
        nn.Flatten(),
        nn.Linear(12 * 4 * 4, 10),
    )


# The model, the shape of an example, its weights and its MACs, both by hand.
BY_HAND: dict[str, tuple[Build, tuple[int, ...], int, int]] = {
    "linear": (lambda: nn.Linear(20, 5), (20,), 105, 100),
    "convolutions": (
        convolutions,
        (3, 10, 10),
        (8 * 27 + 8) + 16 + (12 * 18 + 12) + (1920 + 10),
        100 * 8 * 27 + 16 * 12 * 18 + 1920,
    ),
    "transposed": (lambda: nn.ConvTranspose2d(4, 8, 3), (4, 8, 8), 4 * 8 * 9 + 8, 64 * 4 * 8 * 9),
    "norm": (lambda: nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4)), (6,), 28 + 8, 24),
    "attention": (
        SelfAttention,
        (10, 32),
        4 * (32 * 32 + 32),
        4 * 10 * 32 * 32 + 2 * 4 * 10 * 10 * 8,
    ),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True),
        (10, 32),
        4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 4 * 32,
        4 * 10 * 32 * 32 + 2 * 4 * 10 * 10 * 8 + 2 * 10 * 32 * 64,
    ),
    "recurrent": (
        Recurrent,
        (10, 32),
        4 * 16 * (32 + 16 + 2),
        10 * 4 * 16 * (32 + 16),
    ),
    "lazy": (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), (4, 5), 63, 60),
    "tied": (Tied, (8,), 64, 128),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_a_prediction_is_what_a_built_model_has(kind: str) -> None:
    build, shape, parameters, macs = BY_HAND[kind]
    problem, names = SimpleNamespace(build=lambda params: build()), ["predicted.parameters", MACS]
    said = predict(problem, {}, shape, names)
    assert said == {"predicted.parameters": parameters, "predicted.macs": macs}
    model = build()
    assert count_macs(model, torch.randn(1, *shape)) == macs
    assert count_parameters(model) == parameters


@pytest.mark.parametrize("kind", [one for one in BY_HAND if one != "lazy"])
def test_the_size_is_that_of_the_saved_tensors(kind: str, tmp_path: Path) -> None:
    build, shape, _, _ = BY_HAND[kind]
    said = predict(SimpleNamespace(build=lambda params: build()), {}, shape, [SIZE])
    model = build()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    overhead = 2000 + 500 * len(model.state_dict())  # names and alignment
    assert 0 <= (tmp_path / "model.pt").stat().st_size - said[SIZE] < overhead


def test_the_work_of_one_inference_is_counted_by_hand() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    said = count_work(model, torch.zeros(1, 6))
    assert said == {
        MACS: 24 + 8,
        "operations": 3,  # a view is none
        "activation_bytes": (4 + 4 + 2) * 4,
        "largest_bytes": (6 + 4) * 4,  # weights are no activations
    }


def test_the_sizes_are_the_same_with_and_without_memory() -> None:
    for kind in ("linear", "convolutions", "norm", "tied"):
        build, shape, _, _ = BY_HAND[kind]
        problem = SimpleNamespace(build=lambda params, build=build: build())
        said = predict(problem, {}, shape, [MACS, *SIZES])
        assert count_work(build(), torch.zeros(1, *shape)) == pytest.approx(said, rel=0.02)


def test_the_configuration_decides() -> None:
    problem = SimpleNamespace(build=lambda params: nn.Linear(params["width"], 1, bias=False))
    said = [predict(problem, {"width": n}, (n,))["predicted.parameters"] for n in (3, 30)]
    assert said == [3, 30]


def test_a_model_too_large_for_any_memory_is_predicted() -> None:
    problem = SimpleNamespace(build=lambda params: nn.Linear(10_000_000, 10_000_000, bias=False))
    assert predict(problem, {}, (10_000_000,))["predicted.parameters"] == 1e14


def test_the_study_may_say_what_an_example_is() -> None:
    problem = SimpleNamespace(
        build=lambda params: nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 2, bias=False)),
        example_input=lambda params: torch.zeros((1, params["length"]), dtype=torch.long),
    )
    assert predict(problem, {"length": 7}, (99,))["predicted.macs"] == 7 * 8 * 2


def test_only_what_is_wanted_is_predicted() -> None:
    problem = SimpleNamespace(build=lambda params: nn.Linear(3, 2))
    unfit = (4,)  # what nobody wants to know cannot fail either
    assert predict(problem, {}, unfit, ["predicted.parameters"]) == {"predicted.parameters": 8}
    assert predict(problem, {}, (3,), ["predicted.macs"]) == {"predicted.macs": 6}
    lazy = SimpleNamespace(build=lambda params: nn.LazyLinear(2))
    assert predict(lazy, {}, (3,), ["predicted.parameters"]) == {"predicted.parameters": 8}


def test_an_example_that_raises_is_the_problems_fault() -> None:
    problem = SimpleNamespace(
        build=lambda params: nn.Linear(3, 2), example_input=lambda params: params["length"]
    )
    with pytest.raises(StudyCodeError, match=r"example_input\(params\) failed: KeyError"):
        predict(problem, {})


def test_of_a_batch_one_example_is_counted() -> None:
    problem = SimpleNamespace(
        build=lambda params: nn.Linear(4, 2), example_input=lambda params: torch.zeros(32, 4)
    )
    assert predict(problem, {})["predicted.macs"] == 8


def test_without_build_nothing_can_be_predicted() -> None:
    with pytest.raises(StudyCodeError, match=r"does not define build\(params\)") as fault:
        predict(SimpleNamespace(build=None, example_input=None), {}, (3,))
    assert "build(params)" in fault.value.hint


def test_a_build_that_raises_is_the_problems_fault() -> None:
    problem = SimpleNamespace(build=lambda params: nn.Linear(params["width"], 2))
    with pytest.raises(StudyCodeError, match="'width'"):
        predict(problem, {}, (3,))


def test_a_build_that_reads_values_is_told_so() -> None:
    problem = SimpleNamespace(build=lambda params: nn.Linear(int(torch.ones(3).sum().item()), 2))
    with pytest.raises(StudyCodeError, match="meta device") as fault:
        predict(problem, {}, (3,))
    assert "must not read values" in fault.value.hint


def test_an_example_that_does_not_fit_asks_for_another() -> None:
    problem = SimpleNamespace(build=lambda params: nn.Linear(3, 2))
    with pytest.raises(StudyCodeError, match=r"shape \(1, 4\)") as fault:
        predict(problem, {}, (4,))
    assert "example_input(params)" in fault.value.hint


def test_without_any_example_the_fault_says_what_is_missing() -> None:
    with pytest.raises(StudyCodeError, match="neither an example_input"):
        predict(SimpleNamespace(build=lambda params: nn.Linear(3, 2)), {})


def test_counting_leaves_everything_as_it_was() -> None:
    model = convolutions()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    switches = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    count_macs(model, torch.randn(1, 3, 10, 10))
    assert [module.training for module in model] == [True, False, True, True, True, True]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert switches == (torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled)


def test_modes_come_back_after_an_error() -> None:
    model = nn.Dropout()
    with pytest.raises(RuntimeError), evaluating(model):
        model(torch.zeros(2) @ torch.zeros(3))
    assert model.training
