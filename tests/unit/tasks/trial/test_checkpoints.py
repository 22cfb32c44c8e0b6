"""A checkpoint is whole or it is not there, and only what the event log knows is trusted."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from satisfice.tasks.trial.checkpoints import (
    Checkpoint,
    Throttle,
    load,
    randomness,
    remove,
    restore_randomness,
    save,
)


class _Store:
    """A trial's folder with what its event log would know."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests: set[str] = set()
        self.refused: list[str] = []

    def save(self, epoch: int, **states: Any) -> None:
        made = Checkpoint(epoch, {"accuracy": epoch / 10}, states, randomness())
        save(self.folder, made, self.digests.add)

    def load(self) -> Checkpoint | None:
        return load(self.folder, self.digests, lambda file, reason: self.refused.append(file))


@pytest.fixture
def store(tmp_path: Path) -> _Store:
    return _Store(tmp_path)


def test_what_was_saved_is_loaded(store: _Store) -> None:
    states = {
        "model": {"weight": torch.arange(3.0)},
        "schedule": {"milestones": Counter([2, 2, 4]), "last": np.float64(0.5)},
        "own": {"table": np.arange(6).reshape(2, 3), "names": ["a", None, (1, 2.5)]},
    }
    store.save(4, **states)
    back = store.load()
    assert back is not None
    assert (back.epoch, back.metrics) == (4, {"accuracy": 0.4})
    assert torch.equal(back.states["model"]["weight"], torch.arange(3.0))
    assert back.states["schedule"] == states["schedule"]
    assert np.array_equal(back.states["own"]["table"], states["own"]["table"])
    assert back.states["own"]["names"] == ["a", None, (1, 2.5)]


def test_without_a_file_there_is_no_checkpoint(store: _Store) -> None:
    assert store.load() is None
    assert store.refused == []


def test_the_previous_one_stands_in(store: _Store) -> None:
    store.save(1)
    store.save(2)
    store.save(3)
    (store.folder / "checkpoint.pt").write_bytes(b"")
    back = store.load()
    assert back is not None
    assert back.epoch == 2
    assert store.refused == ["checkpoint.pt"]


def test_a_crash_between_the_two_renames_loses_nothing(store: _Store) -> None:
    store.save(1)
    (store.folder / "checkpoint.pt").rename(store.folder / "checkpoint.previous.pt")
    back = store.load()
    assert back is not None
    assert back.epoch == 1


def test_a_file_that_the_log_does_not_know_is_refused(store: _Store) -> None:
    store.save(1)
    store.digests.clear()
    assert store.load() is None
    assert store.refused == ["checkpoint.pt"]


def test_code_in_a_checkpoint_is_never_run(store: _Store) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (store.folder / "sprung",)

    store.save(1, trap=Trap())
    assert store.load() is None
    assert not (store.folder / "sprung").exists()


def test_a_failed_save_leaves_the_one_before(store: _Store) -> None:
    store.save(1)
    with pytest.raises(Exception, match="lambda"):
        store.save(2, function=lambda: 0)
    back = store.load()
    assert back is not None
    assert back.epoch == 1


def test_removing_leaves_an_empty_folder(store: _Store) -> None:
    store.save(1)
    store.save(2)
    remove(store.folder)
    assert list(store.folder.iterdir()) == []


def test_all_random_generators_go_on_where_they_were() -> None:
    def draw() -> tuple[float, float, float, float]:
        normal = float(np.random.standard_normal())  # noqa: NPY002 - what user code may call
        return random.random(), random.gauss(), normal, torch.rand(1).item()

    draw()
    state = randomness()
    first = draw()
    assert draw() != first
    restore_randomness(state)
    assert draw() == first


def test_saving_takes_a_small_share_of_the_time() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    now = 0.9
    assert not throttle.due()
    now = 1.0
    assert throttle.due()
    with throttle.saving():
        now = 3.0
    now = 42.9
    assert not throttle.due()  # two seconds are a twentieth of forty
    now = 43.0
    assert throttle.due()
