"""A trial server that all tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from satisfice.tasks.trial_server.client import TrialServer
from tests.faults.acts import Give, orders, write_study


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialServer]:
    """A trial server that all tests share."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SATISFICE_HOME", str(folder / "home"))
        opened = TrialServer(write_study(folder / "acts"))
    with opened:
        yield opened


@pytest.fixture
def give(tmp_path: Path, server: TrialServer) -> Give:
    """Make orders for the shared server, each test with a folder of its own."""
    return orders(server, tmp_path)
