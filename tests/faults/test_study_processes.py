"""Processes that a study starts import what lies beside it, whatever flags we run with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order
from tests.faults.acts import orders, write_study

PROBLEM = """
import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from satisfice import Data, Split


def load():
    return Data(*(Split(np.arange(4.0)[:, None] + at, np.arange(4) % 2) for at in (0, 10, 20)))


def train(trial, data):
    import doubling

    how = trial.params["act"]
    if how == "loader":
        loader = torch.utils.data.DataLoader(
            doubling.Doubles(), batch_size=None, num_workers=1, multiprocessing_context="spawn"
        )
        found = next(iter(loader))
    elif how == "script":
        command, here = [sys.executable, "-m", "doubling"], Path(__file__).parent
        found = subprocess.run(command, cwd=here, capture_output=True, check=True).stdout
    else:
        with multiprocessing.get_context(how).Pool(1) as pool:
            (found,) = pool.map(doubling.double, [21])
    trial.report(accuracy=float(found))
"""
SIBLINGS = {
    "doubling": """
import tasks


class Doubles:
    def __len__(self):
        return 1

    def __getitem__(self, at):
        return double(21)


def double(value):
    return tasks.FACTOR * value


if __name__ == "__main__":
    print(double(21))
""",
    "tasks": "FACTOR = 2",  # the name of a folder of ours
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialServer]:
    """A server of a study with siblings."""
    folder = tmp_path_factory.mktemp("siblings")
    study = write_study(folder / "study", PROBLEM)
    for name, text in SIBLINGS.items():
        (folder / "study" / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SATISFICE_HOME", str(folder / "home"))
        opened = TrialServer(study)
    with opened:
        yield opened


@pytest.mark.parametrize("how", ["spawn", "forkserver", "loader", "script"])
def test_they_import_siblings(server: TrialServer, tmp_path: Path, how: str) -> None:
    order: Any = orders(server, tmp_path)(how)
    result = run_order(order, Prices(), server)
    assert result.value == 42.0, result.reason + (tmp_path / "00000/output.log").read_text()
