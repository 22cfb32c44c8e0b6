"""What a trial's event log tells, over several attempts."""

from __future__ import annotations

from pathlib import Path

import pytest

from satisfice.domain.economics.cost import EnergyMode
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.trial.progress import Progress


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events.jsonl")


def _epochs(log: EventLog, epochs: range, value: float, seconds: float) -> None:
    for epoch in epochs:
        seconds += 1.0
        log.append(
            "epoch",
            epoch=epoch,
            value=value,
            planned=8,
            metrics={"accuracy": value},
            seconds=seconds,
            kwh=seconds / 100,
            energy="measured",
        )


def test_an_empty_log_tells_nothing(log: EventLog) -> None:
    progress = Progress(log.path)
    assert not progress.follow()
    assert (progress.curve, progress.value, progress.attempt) == ((), None, 0)
    assert progress.energy is EnergyMode.UNKNOWN


def test_a_later_attempt_takes_the_place_of_what_it_repeats(log: EventLog) -> None:
    log.append("started", attempt=1, pid=1, from_epoch=1)
    _epochs(log, range(1, 6), value=0.1, seconds=0.0)
    log.append("started", attempt=2, pid=2, from_epoch=4)
    _epochs(log, range(4, 5), value=0.2, seconds=5.0)
    progress = Progress(log.path)
    progress.follow()
    assert [(point.epoch, point.value) for point in progress.curve] == [
        (1, 0.1),
        (2, 0.1),
        (3, 0.1),
        (4, 0.2),
    ]
    assert (progress.seconds, progress.kwh, progress.longest) == (6.0, 0.06, 1.0)
    assert progress.epochs == 8


def test_a_start_forgets_how_the_attempt_before_ended(log: EventLog) -> None:
    progress = Progress(log.path)
    log.append("started", attempt=1, pid=1, from_epoch=1)
    log.append("paused")
    log.append("finished", state="running")
    progress.follow()
    assert progress.end is not None
    log.append("started", attempt=2, pid=2, from_epoch=1)
    progress.follow()
    assert (progress.end, progress.paused, progress.attempt) == (None, False, 2)


def test_energy_is_as_certain_as_its_least_certain_part(log: EventLog) -> None:
    _epochs(log, range(1, 3), 0.1, 0.0)
    log.append("heartbeat", seconds=3.0, kwh=0.03, energy="estimated", rss_mb=1.0)
    progress = Progress(log.path)
    progress.follow()
    assert progress.energy is EnergyMode.ESTIMATED
    assert (progress.seconds, progress.kwh) == (3.0, 0.03)
