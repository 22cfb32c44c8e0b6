"""The control file of a search: how a running trial is told to pause, to go on, or to stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from satisfice.tasks.files.atomic import write_whole

Command: TypeAlias = Literal["run", "pause", "stop"]


def command(path: Path) -> Command:
    """Return what the trials of a search shall do; `run` where nothing readable says otherwise."""
    try:
        said = json.loads(path.read_bytes())["command"]
    except (OSError, ValueError, LookupError, TypeError):
        return "run"
    return said if said in get_args(Command) else "run"


def give(path: Path, what: Command) -> None:
    """Tell the trials of a search what to do; each obeys at its next epoch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"command": what}).encode())
