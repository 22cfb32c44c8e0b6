"""The place where shipping goes on: kept whole, and counting what waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from satisfice.tasks.files.events import EventLog
from satisfice.tasks.tracking.spool import OpenTrial, Spool, trial_log


def test_a_saved_place_is_read_back(tmp_path: Path) -> None:
    spool = Spool("1", "abc", 120, 3, 7, {"7": OpenTrial("def", 44, 2, ["loss"], "default")})
    spool.incumbent, spool.spent = 0.5, {"money": 1.25}
    spool.save(tmp_path)
    assert Spool.load(tmp_path) == spool


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"open": {}, "unknown": 1}', '{"open": 3}'])
def test_a_missing_or_broken_place_means_the_beginning(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "shipped.json").write_text(text)
    assert Spool.load(tmp_path) == Spool()


def test_what_waits_is_the_journal_and_the_trials_that_it_names(tmp_path: Path) -> None:
    journal = EventLog(tmp_path / "journal.jsonl")
    journal.append("search")
    journal.append("trial", number=0)
    journal.append("trial", number=1)
    for number in (0, 1, 2):  # nobody knows of trial 2 yet
        for epoch in (1, 2):
            EventLog(trial_log(tmp_path, number)).append("epoch", epoch=epoch)
    assert Spool().waiting(tmp_path) == 3 + 4
    part = Spool(events=2, open={"0": OpenTrial("abc", trial_log(tmp_path, 0).stat().st_size)})
    assert part.waiting(tmp_path) == 1 + 2
