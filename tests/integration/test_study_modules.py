"""A study's `tasks.py`, `domain/`, `flows.py` and `model.py` are its own in every process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Purpose, TrialState
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.processes.companion import Companion
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order
from satisfice.tasks.validation.gate import validate

STUDY = """
study: points
problem: problem.py
data: {source: random points, expectations: expectations.py}
objective: {metric: accuracy, direction: maximize}
worth: 1 min per point
budget: {trials: 2}
space:
  rate: {float: [0.01, 1.0], log: true, default: 0.1}
rules:
  - id: small
    require: predicted.parameters < 100
"""
PROBLEM = """
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import flows
from model import Net
from satisfice import split


class Points(Dataset):
    def __init__(self, part):
        self.part = part

    def __len__(self):
        return len(self.part)

    def __getitem__(self, row):
        from domain import centred  # in the loader's process, for the first time

        return centred(self.part.x[row]), self.part.y[row]


def load():
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    return split(x, (x[:, 0] > 0).astype(int), seed=0)


def build(params):
    return Net()


def train(trial, data):
    import tasks

    model = build(trial.params)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.params["rate"])
    loader = DataLoader(
        Points(data.train), batch_size=8, num_workers=1, multiprocessing_context="spawn"
    )
    trial.track(model=model, optimizer=optimizer)
    for _ in trial.epochs(1):
        for x, y in loader:
            optimizer.zero_grad()
            flows.loss(model(x), y).backward()
            optimizer.step()
        trial.report(accuracy=tasks.accuracy(model, data.validation))
    return trial.finish(example_input=torch.zeros(1, 3))


def evaluate(model, part):
    from domain.score import accuracy

    return {"accuracy": accuracy(model, part)}
"""
MODULES = {
    "study.yaml": STUDY,
    "problem.py": PROBLEM,
    "model.py": "from torch import nn\n\nclass Net(nn.Linear):\n"
    "    def __init__(self):\n        super().__init__(3, 2)\n",
    "flows.py": "from torch.nn.functional import cross_entropy as loss\n",
    "tasks.py": "from domain.score import accuracy\n",
    "domain/__init__.py": "def centred(x):\n    return x - 0.0\n",
    "domain/score.py": "import torch\n\ndef accuracy(model, part):\n"
    "    found = model(torch.from_numpy(part.x)).argmax(1).numpy()\n"
    "    return float((found == part.y).mean())\n",
    "expectations.py": "import great_expectations.expectations as gxe\nimport limits\n\n"
    "def expectations():\n    from domain import bounds\n\n"
    "    return [gxe.ExpectTableRowCountToEqual(value=bounds.ROWS, description=limits.TEXT)]\n",
    "limits.py": "TEXT = 'sixty points'\n",
    "domain/bounds.py": "ROWS = 60\n",
}
# What the working directory holds: a Celery application, Prefect flows, and other code.
ELSEWHERE = {
    "tasks.py": "raise RuntimeError('the tasks of another project were imported')\n",
    "flows/__init__.py": "raise RuntimeError('the flows of another project were imported')\n",
    "domain/__init__.py": "raise RuntimeError('the domain of another project was imported')\n",
    "model.py": "raise RuntimeError('the model of another project was imported')\n",
    "limits.py": "raise RuntimeError('the limits of another project were imported')\n",
    "random.py": "raise RuntimeError('the standard library was hidden')\n",
}
TUNE = """
import optuna
import domain, flows, model, tasks
from satisfice import MarginalGainCallback, PricedPruner, RuleAwareSampler, read_study

terms = {"worth": "1 min per point"}
space = {"x": optuna.distributions.IntDistribution(1, 9)}
sampler = RuleAwareSampler(optuna.samplers.RandomSampler(seed=0), space, ["x % 2 == 0"])
pruner = PricedPruner(**terms, max_epochs=3)
study = optuna.create_study(sampler=sampler, pruner=pruner)
study.optimize(
    lambda trial: trial.suggest_int("x", 1, 9) / 9, 3, callbacks=[MarginalGainCallback(**terms)]
)
print(len(study.trials), tasks.NAME, flows.NAME, domain.NAME, model.NAME)
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study folder, seen from a working directory that holds modules of the same names."""
    monkeypatch.chdir(write(tmp_path / "elsewhere", ELSEWHERE))
    return write(tmp_path / "points", MODULES)


def test_a_trial_a_spawned_loader_a_confirmation_and_the_gate_import_them(
    folder: Path, tmp_path: Path
) -> None:
    study = read_study(folder)
    with TrialServer(study) as server:
        assert server.predict({"rate": 0.1}) == {"predicted.parameters": 8.0}
        ready = server.ready()
        with Companion("great_expectations") as gate:
            report = gate.run(validate, study, ready.manifest, ready.digest, None)
        (tmp_path / "trial").mkdir()
        order = TrialOrder(
            search="points-1",
            number=0,
            attempt=1,
            study=study.folder,
            folder=str(tmp_path / "trial"),
            control=str(tmp_path / "control.json"),
            params={"rate": 0.1},
            seed=0,
            purpose=Purpose.CONFIRMATION,
            verdict=Verdict({}, {}),
            data_digest=ready.digest,
            keep_model=True,
        )
        result = run_order(order, Prices(), server)
        assert (result.state, result.reason) == (TrialState.COMPLETE, "")
        assert result.metrics.keys() == {"accuracy", "test_accuracy"}
        assert server.measure(Path(result.artefacts["model"])).parameters == 8
    assert report.passed
    assert report.results[-1].name == "sixty points"


def test_check_names_what_hides_a_library(folder: Path) -> None:
    write(folder, {"statistics.py": "", "optuna.py": ""})
    command = [sys.executable, "-m", "satisfice", "check", "--json", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hides"] == {
        "optuna.py": "the installed package optuna",
        "statistics.py": "the standard library's module statistics",
    }


def test_plain_optuna_works_beside_them(tmp_path: Path) -> None:
    names = ("tasks.py", "flows.py", "model.py", "domain/__init__.py")
    files = {name: f"NAME = {name.partition('.')[0].partition('/')[0]!r}\n" for name in names}
    folder = write(tmp_path / "own", {**files, "tune.py": TUNE})
    done = subprocess.run(
        [sys.executable, "tune.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3", "tasks", "flows", "domain", "model"]
