"""The control file says one of three things, and whatever is unreadable says to go on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from satisfice.tasks.files.atomic import write_whole
from satisfice.tasks.files.control import Command, command, give


@pytest.mark.parametrize("said", ["run", "pause", "stop"])
def test_what_was_given_is_read(tmp_path: Path, said: Command) -> None:
    path = tmp_path / "search" / "control.json"
    give(path, said)
    assert command(path) == said


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", '{"command": "explode"}', "\x00\xff"])
def test_anything_else_means_run(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "control.json"
    if text is not None:
        path.write_text(text)
    assert command(path) == "run"


def test_a_file_is_never_seen_half_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [b"a" * 100_000, b"b" * 50_000]
    write_whole(path, contents[0])
    done = threading.Event()

    def write() -> None:
        for number in range(50):
            write_whole(path, contents[number % 2])
        done.set()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    while not done.is_set():
        assert path.read_bytes() in contents
    for writer in writers:
        writer.join()
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
