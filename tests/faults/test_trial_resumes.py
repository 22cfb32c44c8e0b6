"""What is interrupted goes on where it was, bit for bit."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.trials.history import Failure, TrialState
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.control import give as command
from satisfice.tasks.files.events import read
from satisfice.tasks.trial_server.supervisor import run_order
from tests.faults.acts import until

PRICES = Prices()


def _events(order: TrialOrder, kind: str) -> list[dict[str, Any]]:
    log = read(Path(order.folder) / "events.jsonl")[0]
    return [event for event in log if event["kind"] == kind]


def _losses(order: TrialOrder) -> dict[int, float]:
    return {one["epoch"]: one["metrics"]["loss"] for one in _events(order, "epoch")}


def _froms(order: TrialOrder) -> list[int]:
    return [one["from_epoch"] for one in _events(order, "started")]


def _stopped(give: Any, server: Any, *stops: int) -> TrialOrder:
    """Train until each of these epochs, stopping there, and return the next attempt's order."""
    params = {"stop": "".join(map(str, stops))}
    order = give("learn", 1, params)
    order = replace(order, params={**order.params, "control": order.control})
    for _ in stops:
        command(Path(order.control), "run")
        result = run_order(order, PRICES, server)
        assert result.state is TrialState.RUNNING
        order = replace(order, attempt=order.attempt + 1)
    command(Path(order.control), "run")
    return order


@pytest.fixture
def undisturbed(give: Any, server: Any) -> dict[int, float]:
    order = give("learn", 0)
    run_order(order, PRICES, server)
    return _losses(order)


def test_a_stopped_trial_resumes_with_the_next_epoch(
    give: Any, server: Any, undisturbed: dict[int, float]
) -> None:
    order = _stopped(give, server, 2, 4)
    result = run_order(order, PRICES, server)
    assert result.state is TrialState.COMPLETE
    assert _froms(order) == [1, 3, 5]
    assert _losses(order) == undisturbed
    assert [point.epoch for point in result.curve] == [1, 2, 3, 4, 5, 6]
    times = [point.seconds for point in result.curve]
    assert times == sorted(times)  # the attempts' times add up


def test_a_stopped_trial_says_so_and_keeps_its_checkpoint(give: Any, server: Any) -> None:
    order = give("learn", params={"stop": "3"})
    order = replace(order, params={**order.params, "control": order.control})
    result = run_order(order, PRICES, server)
    assert (result.state, result.failure) == (TrialState.RUNNING, None)
    assert result.reason == "stopped after epoch 3; it resumes with epoch 4"
    assert result.value == result.curve[-1].value
    assert Path(result.artefacts["checkpoint"]).exists()


def test_a_stop_before_the_first_epoch_resumes_from_the_beginning(
    give: Any, server: Any, undisturbed: dict[int, float]
) -> None:
    order = give("learn", 1)
    command(Path(order.control), "stop")
    assert run_order(order, PRICES, server).state is TrialState.RUNNING
    command(Path(order.control), "run")
    run_order(replace(order, attempt=2), PRICES, server)
    assert _losses(order) == undisturbed


def test_without_tracked_objects_a_stopped_trial_begins_anew(give: Any, server: Any) -> None:
    order = give("slow", params={"epochs": 3})
    with ThreadPoolExecutor(1) as pool:
        command(Path(order.control), "pause")
        running = pool.submit(run_order, order, PRICES, server)
        until(lambda: _events(order, "paused"))
        command(Path(order.control), "stop")
        assert "resumes with epoch 1" in running.result().reason
    command(Path(order.control), "run")
    assert run_order(replace(order, attempt=2), PRICES, server).state is TrialState.COMPLETE


@pytest.mark.parametrize("harm", ["truncate", "flip", "empty"])
def test_a_broken_checkpoint_falls_back_to_the_one_before(
    give: Any, server: Any, undisturbed: dict[int, float], harm: str
) -> None:
    order = _stopped(give, server, 2, 4)
    _harm(Path(order.folder) / "checkpoint.pt", harm)
    run_order(order, PRICES, server)
    assert [event["file"] for event in _events(order, "refused")] == ["checkpoint.pt"]
    assert _froms(order) == [1, 3, 3]
    assert _losses(order) == undisturbed


def test_two_broken_checkpoints_fall_back_to_the_beginning(
    give: Any, server: Any, undisturbed: dict[int, float]
) -> None:
    order = _stopped(give, server, 2, 4)
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        _harm(Path(order.folder) / name, "truncate")
    result = run_order(order, PRICES, server)
    assert len(_events(order, "refused")) == 2
    assert _froms(order) == [1, 3, 1]
    assert _losses(order) == undisturbed
    assert len(result.curve) == 6


def _harm(file: Path, harm: str) -> None:
    text = bytearray(file.read_bytes())
    middle = len(text) // 2
    text[middle] ^= 0xFF
    whole = {"truncate": text[:middle], "flip": text, "empty": b""}
    file.write_bytes(whole[harm])


def test_a_killed_trial_resumes_after_its_last_checkpoint(
    give: Any, server: Any, undisturbed: dict[int, float]
) -> None:
    order = give("learn", 1, {"long": "2", "kill": "4"})
    order = replace(order, params={**order.params, "control": order.control})
    killed = run_order(order, PRICES, server)
    assert killed.failure is Failure.KILLED
    assert [event["epoch"] for event in _events(order, "checkpoint")] == [2]
    result = run_order(replace(order, attempt=2), PRICES, server)
    assert result.state is TrialState.COMPLETE
    assert _froms(order) == [1, 3]
    assert _losses(order) == undisturbed
    assert result.cost.seconds > killed.curve[-1].seconds


def test_a_pause_is_not_charged(give: Any, server: Any) -> None:
    order = give("slow", params={"epochs": 20})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_order, order, PRICES, server)
        until(lambda: len(_events(order, "epoch")) >= 3)
        command(Path(order.control), "pause")
        until(lambda: _events(order, "paused"))
        until(lambda: len(_while_paused(order)) >= 2)
        command(Path(order.control), "run")
        result = running.result()
    before, after = _while_paused(order)[:2]
    assert before["seconds"] == after["seconds"]
    assert before["kwh"] == after["kwh"]
    assert result.state is TrialState.COMPLETE
    log = read(Path(order.folder) / "events.jsonl")[0]
    lasted = log[-1]["at"] - log[0]["at"]
    paused = _events(order, "resumed")[0]["at"] - _events(order, "paused")[0]["at"]
    assert result.cost.seconds < lasted - paused / 2


def _while_paused(order: TrialOrder) -> list[dict[str, Any]]:
    begin, end = (
        _events(order, kind)[0]["at"] if _events(order, kind) else math.inf
        for kind in ("paused", "resumed")
    )
    return [event for event in _events(order, "heartbeat") if begin <= event["at"] <= end]


def test_a_paused_trial_checkpoints_and_goes_on_the_same(
    give: Any, server: Any, undisturbed: dict[int, float]
) -> None:
    order = give("learn", 1, {"long": "3"})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_order, order, PRICES, server)
        until(lambda: len(_events(order, "epoch")) >= 2)
        command(Path(order.control), "pause")
        until(lambda: _events(order, "paused"))
        assert (Path(order.folder) / "checkpoint.pt").exists()
        command(Path(order.control), "run")
        running.result()
    assert _losses(order) == undisturbed
