"""A process of its own for a heavy library: out of reach of Ctrl-C, and replaced when it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from satisfice.domain.errors import ExternalSystemError
from satisfice.tasks.processes.companion import RESTARTS, Companion


@pytest.fixture
def companion() -> Iterator[Companion]:
    with Companion("json") as opened:
        yield opened


def test_it_imports_its_modules_and_runs_what_it_is_given(companion: Companion) -> None:
    assert companion.run(json.dumps, {"a": 1}) == '{"a": 1}'
    assert companion.run(os.getpid) == companion.run(os.getpid) != os.getpid()


def test_what_is_raised_there_is_raised_here(companion: Companion) -> None:
    with pytest.raises(json.JSONDecodeError):
        companion.run(json.loads, "{")


def test_a_killed_one_is_replaced_and_says_so_to_whoever_waited(companion: Companion) -> None:
    first = companion.run(os.getpid)
    waiting = companion.submit(time.sleep, 600)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(BrokenProcessPool):
        waiting.result()
    assert companion.run(os.getpid) != first


def test_one_that_dies_again_and_again_is_not_replaced_for_ever(companion: Companion) -> None:
    for _ in range(RESTARTS + 1):
        with pytest.raises(ExternalSystemError, match="the process that holds json has died"):
            companion.run(os._exit, 1)
    with pytest.raises(ExternalSystemError, match="has died"):
        companion.run(os.getpid)


def test_a_nice_one_gives_way_in_its_session_and_with_its_session() -> None:
    with Companion("json", nice=7) as gentle, Companion("json") as other:
        assert gentle.run(os.nice, 0) == os.nice(0) + 7
        assert gentle.run(os.getsid, 0) != os.getsid(0) == other.run(os.getsid, 0)
        shares = Path(f"/proc/{gentle.run(os.getpid)}/autogroup")
        assert not shares.exists() or shares.read_text().split()[-1] == "7"


ENDED = """
import os, sys
from satisfice.tasks.processes.companion import Companion
if __name__ == "__main__":
    companion = Companion("json")
    print(companion.run(os.getpid), flush=True)
    sys.stdin.read()
"""


def test_it_ends_with_its_starter_however_that_dies(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "starter.py"
    script.write_text(ENDED)
    starter = subprocess.Popen(
        [sys.executable, "-P", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        assert starter.stdout is not None
        companion = psutil.Process(int(starter.stdout.readline()))
        assert "-P" in companion.cmdline()  # inherited
        starter.kill()
    companion.wait(30)


INTERRUPTED = """
import os, signal
from satisfice.tasks.processes.companion import Companion
if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)
    for _ in range(3):
        companion = Companion("json")
        os.killpg(0, signal.SIGINT)  # as a terminal does, here before the companion's first line
        companion.run(os.getpid)
        os.killpg(0, signal.SIGINT)
        companion.run(os.getpid)
        companion.shutdown()
"""


def test_ctrl_c_does_not_reach_it_not_even_while_it_starts(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "starter.py"
    script.write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
