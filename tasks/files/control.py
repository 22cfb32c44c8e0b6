"""The control file of a search, which pauses, resumes and stops its running trials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from satisfice.tasks.files.atomic import write_whole

Command: TypeAlias = Literal["run", "pause", "stop"]


def command(path: Path) -> Command:
    """Return the command to the trials of a search; `run` if there is none that can be read."""
    try:
        given = json.loads(path.read_bytes())["command"]
    except (OSError, ValueError, LookupError, TypeError):
        return "run"
    return given if given in get_args(Command) else "run"


def give(path: Path, what: Command) -> None:
    """Give a command to the trials of a search; each follows it at its next epoch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"command": what}).encode())
