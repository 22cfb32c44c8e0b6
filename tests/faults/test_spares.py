"""Children that were forked ahead of their orders."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.trials.history import TrialState
from satisfice.tasks.files.events import read
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order
from tests.faults.acts import Give, kinds, orders, until, write_study

PRICES = Prices()


@pytest.fixture
def server(tmp_path: Path, home: Path) -> Iterator[TrialServer]:
    """A server of the test's own, since it counts all children."""
    with TrialServer(write_study(tmp_path / "acts")) as opened:
        yield opened


@pytest.fixture
def give(tmp_path: Path, server: TrialServer) -> Give:
    """Make orders for that server."""
    return orders(server, tmp_path)


def _pid(order: Any) -> int:
    (started,) = (one for one in read(Path(order.folder) / "events.jsonl")[0] if "pid" in one)
    return int(started["pid"])


def _spare(server: TrialServer, *working: int) -> psutil.Process:
    """Wait for the one child that has no order yet."""

    def spares() -> list[psutil.Process]:
        return [one for one in psutil.Process(server.pid).children() if one.pid not in working]

    until(lambda: len(spares()) == 1)
    return spares()[0]


def test_a_training_is_done_by_the_spare_that_waits_for_it(server: TrialServer, give: Give) -> None:
    assert run_order(give("learn", 0), PRICES, server).state is TrialState.COMPLETE
    for number in (1, 2):
        spare = _spare(server)
        order = give("learn", number)
        assert run_order(order, PRICES, server).state is TrialState.COMPLETE
        assert _pid(order) == spare.pid


def test_a_spare_changes_no_result(server: TrialServer, give: Give) -> None:
    results = []
    for number in (0, 1):
        results.append(run_order(give("dice", number), PRICES, server).metrics)
        _spare(server)
    assert results[0] == results[1]


def test_a_spare_that_was_killed_is_not_missed(server: TrialServer, give: Give) -> None:
    run_order(give("learn", 0), PRICES, server)
    spare = _spare(server)
    spare.kill()
    until(lambda: not spare.is_running())
    order = give("learn", 1)
    assert run_order(order, PRICES, server).state is TrialState.COMPLETE
    assert _pid(order) != spare.pid
    assert _spare(server).pid != spare.pid


def test_no_child_holds_a_stream_of_another(
    server: TrialServer, give: Give, tmp_path: Path
) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux tells what a process has open")
    given = [give("slow", number) for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for order in given:
            pool.submit(run_order, order, PRICES, server)
            until(lambda order=order: "epoch" in kinds(order))
        working = [_pid(order) for order in given]
        children = [one.pid for one in psutil.Process(server.pid).children()]
        assert set(working) < set(children)
        until(lambda: all(len(_sockets(pid)) == 1 for pid in children))
        assert len(set.union(*map(_sockets, children))) == len(children)
        server.close()
    assert not any(map(psutil.pid_exists, children))


def _sockets(pid: int) -> set[str]:
    targets = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was just closed
            targets.add(str(file.readlink()))
    return {one for one in targets if one.startswith("socket:")}
