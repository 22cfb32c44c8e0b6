"""What other machines' runners (Dask, Ray) would send: an order goes out, a result comes back."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cloudpickle
import psutil
import pytest

from satisfice.domain.economics.cost import EnergyMode, Prices
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import CurvePoint, Failure, Purpose, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.tasks.problem.contract import load_data, load_problem
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.trial_server.supervisor import run_order
from tests.e2e.service import until, write_study

PRICES = Prices(hour=3.6)


@pytest.fixture
def order(tmp_path: Path, home: Path) -> TrialOrder:
    """An order of a study that this process has no server for."""
    study = read_study(write_study(tmp_path / "tiny"))
    folder = tmp_path / "00000"
    folder.mkdir()
    return TrialOrder(
        search="tiny-1",
        number=0,
        attempt=1,
        study=study.folder,
        folder=str(folder),
        control=str(tmp_path / "control.json"),
        params={"x": 0.25, "act": "work"},
        seed=3,
        purpose=Purpose.SEARCH,
        verdict=Verdict({"small": 0.5}, {"predicted.parameters": 12.0}),
        data_digest=load_data(load_problem(Path(study.folder), study.problem)).digest(),
        deadline_seconds=60.0,
    )


def test_an_order_travels(order: TrialOrder) -> None:
    assert cloudpickle.loads(cloudpickle.dumps(order)) == order


def test_a_result_travels() -> None:
    result = TrialResult(
        number=3,
        attempt=2,
        state=TrialState.FAILED,
        value=0.5,
        metrics={"score": 0.5},
        curve=(CurvePoint(1, 0.5, 0.1),),
        cost=PRICES.of(2.0, 1e-6, EnergyMode.MEASURED),
        failure=Failure.CRASHED,
        reason="crashed",
        artefacts={"log": "events.jsonl"},
    )

    assert cloudpickle.loads(cloudpickle.dumps(result)) == result


def test_a_process_that_has_nothing_but_the_order_trains_it(order: TrialOrder) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        worker = psutil.Process(pool.submit(os.getpid).result())
        first = pool.submit(run_order, order, PRICES).result()
        servers = worker.children()
        second = pool.submit(run_order, order, PRICES).result()
        assert worker.children() == servers  # the second order finds it running

    assert len(servers) == 1
    assert first.state is second.state is TrialState.COMPLETE
    assert [point.epoch for point in first.curve] == [1, 2, 3, 4]
    assert first.value == pytest.approx(1 - 0.45**2, abs=1e-5)
    assert 0 < first.cost.money == pytest.approx(first.cost.seconds / 1000)
    until(lambda: not any(map(_lives, servers)))  # it goes with its worker


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
