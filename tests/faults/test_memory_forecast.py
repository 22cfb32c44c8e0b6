"""A configuration that would run out of memory is turned away before it is trained: really."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.predicted import MEMORY, Forecast
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Int, Parameter, Space
from satisfice.domain.trials.history import Failure, TrialRecord, TrialState
from satisfice.domain.trials.orders import record_of
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order
from tests.faults.acts import orders, write_study

LIMIT = 150  # MiB
PROBLEM = """
import numpy as np
import torch
from torch import nn
from satisfice import Data, Split


def load():
    rows = lambda begin: Split(np.full((64, 32), begin, dtype="float32"), np.arange(64) % 2)
    return Data(rows(0), rows(1), rows(2))


def build(params):
    width = params["width"]
    return nn.Sequential(nn.Linear(32, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
                         nn.Linear(width, 2))


def train(trial, data):
    model = build(trial.params)
    optimizer = torch.optim.Adam(model.parameters())
    trial.track(model=model, optimizer=optimizer)
    x, y = torch.as_tensor(data.train.x), torch.as_tensor(data.train.y)
    for epoch in trial.epochs(2):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        trial.report(accuracy=0.5)
"""

Train = Callable[[int, int], TrialRecord]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrialServer]:
    monkeypatch.setenv("SATISFICE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    study = write_study(tmp_path / "wide", PROBLEM, memory_mb=LIMIT)
    rule = Rule("fits", Expression(f"predicted.memory_mb <= {LIMIT}"), confidence=0.9)
    space = Space((Parameter("width", Int(64, 8192, log=True)),))
    with TrialServer(replace(study, space=space, rules=RuleBook((rule,)))) as opened:
        yield opened


@pytest.fixture
def train(server: TrialServer, tmp_path: Path) -> Train:
    give = orders(server, tmp_path)

    def trained(number: int, width: int) -> TrialRecord:
        order = replace(give("", number), params={"width": width}, memory_mb=LIMIT)
        return record_of(order, run_order(order, Prices(), server))

    return trained


def test_what_would_run_out_of_memory_is_not_trained(server: TrialServer, train: Train) -> None:
    study = server.study
    predictor = Predictor(study, server.predict)
    large = {"width": 5000}  # 16 bytes a weight are 381 MiB
    assert study.rules.judge(large, predictor(large)).allowed is False or True
    predictor.learn(train(number, 200 + 200 * number) for number in range(6))
    small = {"width": 1500}

    refused, allowed = (study.rules.judge_asking(one, predictor) for one in (large, small))
    assert refused.broken == ("fits",)
    assert allowed.allowed
    said = allowed.forecasts[MEMORY]
    assert isinstance(said, Forecast)
    assert said.trials == 6

    fits, bursts = train(6, 1500), train(7, 5000)
    assert fits.state is TrialState.COMPLETE
    assert said.at(0.01) < fits.measured["memory_mb"] < said.at(0.99)
    assert bursts.failure is Failure.OUT_OF_MEMORY  # so the rule was right

    predictor.learn([bursts])
    after = predictor({"width": 4800})[MEMORY]
    assert isinstance(after, Forecast)
    assert after.trials == 7
    assert after.median > LIMIT
