"""Processes that use a store, to be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

PRELUDE = """
import os, sys
import optuna
sys.path.insert(0, {root!r})
from tests.contract.records import *
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.errors import ExternalSystemError
from satisfice.domain.decisions.decision import DecisionRecord
from satisfice.tasks.storage.store import open_store
def say(text): print(text, flush=True)
def heard(): return sys.stdin.readline()
url = {url!r}
"""


class Process:
    """A Python of its own that runs `code`; `url`, `say(text)` and `heard()` are at hand."""

    def __init__(self, code: str, url: str, **options: Any) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PRELUDE.format(root=str(ROOT), url=url) + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.stdin, self.stdout = self.popen.stdin, self.popen.stdout

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.stdin.close()
        self.stdout.close()

    def hear(self) -> str:
        return self.stdout.readline().strip()

    def say(self) -> None:
        print(file=self.stdin, flush=True)

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
