"""A person who waits is shown for what; a file or a pipe is not."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from satisfice.flows.terminal.spinner import waiting

WAITS = """
import sys
from satisfice.flows.terminal.spinner import waiting
with waiting("counting sheep", 3) as advance:
    advance()
    sys.stdin.read(1)
print("done")
"""


def test_without_a_terminal_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with waiting("counting sheep", 3) as advance:
        advance()
    assert capfd.readouterr() == ("", "")


def test_with_a_terminal_progress_is_shown_and_taken_away(root: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS],
        cwd=root,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"counting sheep" not in shown or b"1/3" not in shown:
        shown += os.read(ours, 1000)
    output, _ = process.communicate(b"x")
    os.close(ours)
    assert (process.returncode, output) == (0, b"done\n")
