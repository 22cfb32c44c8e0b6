"""Winners in a real model registry: gates, champion and challenger, loading without the study."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Budget, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import ExternalSystemError, UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.quality import Gate, GateResult
from satisfice.domain.space.space import Int, Parameter, Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.summary import DataReport, Ending, Registration, SearchSummary
from satisfice.domain.trials.history import History
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.tracking.connection import open_client, pointed_at
from satisfice.tasks.tracking.registry import compare, register, restore

NET = """
import torch
from helper import Scaled

class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = torch.nn.Sequential(
            Scaled(), torch.nn.Conv2d(1, width, 3), torch.nn.BatchNorm2d(width), torch.nn.ReLU(),
            torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(width * 36, 10),
        )

    def forward(self, x):
        {before}
        return self.layers(x)

def build(params):
    return Net(params["width"])

def load(): ...
def train(trial, data): ...
"""
HELPER = """
import torch

class Scaled(torch.nn.Module):
    def forward(self, x):
        return x / 16
"""
# A branch on the values cannot be exported to a graph.
EXOTIC = "if float(x.sum()) > 1e9: return self.layers(-x)"

LOADED = """
import json, sys
import mlflow, torch
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pytorch.load_model(sys.argv[2], map_location="cpu")
asked = torch.load(sys.argv[3], weights_only=True)
with torch.no_grad():
    print(json.dumps([model(one).tolist() for one in asked]))
"""


class Searches:
    """Makes searches of one study that ended with a trained model."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder, self.uri = folder, uri
        self.study = Study(
            name=f"model-{folder.name}",
            folder=str(folder / "study"),
            problem="problem.py",
            data=DataSource("digits"),
            objective=Objective("accuracy", Direction.MAXIMIZE),
            worth=Worth(1.0),
            prices=Prices(),
            budget=Budget(),
            space=Space((Parameter("width", Int(1, 8)),)),
            gates=(Gate(Expression("latency_ms_p95 <= 20")),),
            text="objective: {metric: accuracy, direction: maximize}\n",
        )
        self.model = folder / "model.pt"
        self.count = 0

    def write(self, before: str = "pass", **saved: Any) -> Any:
        """Write the study and a trained model of it; return the model."""
        import torch

        from satisfice.tasks.problem.contract import load_problem

        study = Path(self.study.folder)
        study.mkdir()
        (study / "problem.py").write_text(NET.replace("{before}", before))
        (study / "helper.py").write_text(HELPER)
        torch.manual_seed(0)
        build = load_problem(study, "problem.py").build
        assert build is not None
        module = build({"width": 3})
        module(torch.rand(16, 1, 8, 8))  # moves the running statistics of the normalisation
        facts = {"state_dict": module.state_dict(), "params": {"width": 3}}
        facts["example_input"] = torch.rand(1, 1, 8, 8)
        if saved.pop("whole", False):
            facts = {"module": module, "example_input": facts["example_input"]}
        torch.save(facts | saved, self.model)
        return module.eval()

    def ended(self, *test: float, digest: str = "d1", passed: bool = True) -> SearchSummary:
        self.count += 1
        search = f"{self.study.name}-{self.count}"
        EventLog(self.folder / search / "journal.jsonl").append(
            "search",
            search=search,
            study=self.study.name,
            text=self.study.text,
            environment={},
            rules=[],
        )
        mean = sum(test) / len(test)
        winner = Confirmed("trial 1", {"width": 3}, mean, test, test, (5, 6, 7), mean, mean, mean)
        gate = GateResult(
            "latency_ms_p95 <= 20", passed, {"latency_ms_p95": 2.0 if passed else 31.5}
        )
        return SearchSummary(
            search=search,
            study=self.study,
            ending=Ending.NOT_WORTH_CONTINUING,
            decision=Decision.to_stop("enough"),
            history=History((), Direction.MAXIMIZE),
            decisions=(),
            ledger=Ledger(Budget()),
            started=1e6,
            seconds=9.0,
            data=DataReport(digest, {"train": 9}, ()),
            confirmed=(winner,),
            gates=(gate,),
        )

    def register(self, summary: SearchSummary) -> Registration:
        folder = self.folder / summary.search
        return register(self.uri, folder, self.study, summary, self.model)

    def aliases(self) -> dict[str, str]:
        aliases = open_client(self.uri).get_registered_model(self.study.name).aliases
        return {alias: str(version) for alias, version in aliases.items()}


@pytest.fixture(autouse=True)
def own_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test's study import its own `helper.py`, as a process of its own would."""
    monkeypatch.delitem(sys.modules, "helper", raising=False)


@pytest.fixture
def searches(tmp_path: Path, mlflow_database: str) -> Searches:
    return Searches(tmp_path, mlflow_database)


@pytest.fixture
def answers(tmp_path: Path) -> Callable[[Searches, list[Any]], Any]:
    """Asks the champion in a process that has never seen the study."""

    def ask(searches: Searches, batches: list[Any]) -> Any:
        import torch

        torch.save(batches, tmp_path / "asked.pt")
        gone = Path(searches.study.folder)
        gone.rename(gone.with_name("gone"))
        champion = f"models:/{searches.study.name}@champion"
        command = [sys.executable, "-c", LOADED, searches.uri, champion]
        done = subprocess.run(
            [*command, str(tmp_path / "asked.pt")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return [torch.tensor(one) for one in json.loads(done.stdout)]

    return ask


def test_a_champion_answers_in_a_process_without_its_study(
    mlflow_server: Any, tmp_path: Path, answers: Callable[[Searches, list[Any]], Any]
) -> None:
    import torch
    from mlflow.models import get_model_info

    searches = Searches(tmp_path, mlflow_server.uri)
    module = searches.write()
    registration = searches.register(searches.ended(0.9, 0.91, 0.92))
    told = "registered version 1 as champion (no previous champion)"
    assert registration == Registration(searches.study.name, "1", "champion", told)
    batches = [torch.rand(size, 1, 8, 8) for size in (1, 2, 5)]
    with torch.no_grad():
        for said, batch in zip(answers(searches, batches), batches, strict=True):
            torch.testing.assert_close(said, module(batch))

    version = open_client(searches.uri).get_model_version(searches.study.name, "1")
    run = open_client(searches.uri).get_run(version.run_id)
    assert run.data.tags["satisfice.search"] == version.tags["satisfice.search"]
    assert json.loads(version.tags["satisfice.test"]) == [0.9, 0.91, 0.92]
    logged = [f"models:/{one.model_id}" for one in run.outputs.model_outputs]
    assert logged == [version.source]
    with pointed_at(searches.uri):
        info = get_model_info(f"models:/{searches.study.name}/1")
    assert info.signature.inputs.inputs[0].shape == (-1, 1, 8, 8)
    assert info.signature.outputs.inputs[0].shape == (-1, 10)
    assert info.saved_input_example_info is not None


@pytest.mark.parametrize("whole", [False, True])
def test_a_model_that_cannot_be_exported_is_pickled_with_its_classes(
    whole: bool, searches: Searches, answers: Callable[[Searches, list[Any]], Any]
) -> None:
    import torch

    module = searches.write(before=EXOTIC, whole=whole)
    registration = searches.register(searches.ended(0.9, 0.91))
    assert registration.alias == "champion"
    assert "; pickled, since it cannot be exported" in registration.reason
    batch = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(answers(searches, [batch])[0], module(batch))


def test_a_challenger_becomes_champion_when_it_is_better_by_more_than_noise(
    searches: Searches,
) -> None:
    searches.write()
    first = searches.register(searches.ended(0.90, 0.91, 0.92))
    noise = searches.register(searches.ended(0.90, 0.92, 0.93))
    assert (first.alias, noise.alias) == ("champion", "challenger")
    assert "within noise (accuracy 0.9167 against 0.91" in noise.reason
    assert searches.aliases() == {"champion": "1", "challenger": "2"}

    summary = searches.ended(0.97, 0.975, 0.98)
    better = searches.register(summary)
    assert (better.version, better.alias) == ("3", "champion")
    assert "version 3 replaces champion 1: accuracy 0.975 against 0.91" in better.reason
    assert searches.aliases() == {"champion": "3", "previous-champion": "1"}

    again = searches.register(summary)
    assert (again.version, again.alias) == ("3", "champion")
    assert len(open_client(searches.uri).search_model_versions(f"name='{again.model}'")) == 3

    restored = restore(searches.uri, searches.study.name, "1")
    assert (restored.version, restored.alias) == ("1", "champion")
    assert searches.aliases() == {"champion": "1", "previous-champion": "3"}
    restore(searches.uri, searches.study.name, "3")
    assert searches.aliases() == {"champion": "3", "previous-champion": "1"}
    with pytest.raises(UserError, match="no version 9") as mistake:
        restore(searches.uri, searches.study.name, "9")
    assert sorted(mistake.value.hint.split(": ")[1].split(", ")) == ["1", "2", "3"]


def test_a_failed_gate_keeps_a_model_out(searches: Searches) -> None:
    refused = searches.register(searches.ended(0.9, 0.9, passed=False))
    assert (refused.version, refused.alias) == ("", "")
    assert "'latency_ms_p95 <= 20' failed (latency_ms_p95 = 31.5)" in refused.reason

    unmeasured = searches.register(replace(searches.ended(0.9, 0.9), gates=()))
    assert (unmeasured.version, unmeasured.alias) == ("", "")
    assert "'latency_ms_p95 <= 20' was not measured" in unmeasured.reason

    nobody = searches.register(replace(searches.ended(0.9, 0.9), confirmed=()))
    assert "no confirmed winner" in nobody.reason
    assert open_client(searches.uri).search_registered_models(f"name='{nobody.model}'") == []


def test_a_registry_that_is_away_is_said_so(searches: Searches) -> None:
    summary = searches.ended(0.9, 0.9)
    with pytest.raises(ExternalSystemError, match="refused"):
        register(
            "http://127.0.0.1:9",
            searches.folder / summary.search,
            searches.study,
            summary,
            searches.model,
        )
    with pytest.raises(ExternalSystemError, match="refused"):
        restore("http://127.0.0.1:9", "model", "1")


def tags(test: list[float], **also: str) -> dict[str, str]:
    facts = {"data": "d1", "metric": "error", "direction": "minimize", "test": json.dumps(test)}
    return {f"satisfice.{name}": value for name, value in (facts | also).items()}


@pytest.mark.parametrize(
    ("challenger", "better", "because"),
    [
        (tags([0.01, 0.02, 0.015]), True, "error 0.015 against 0.11"),
        (tags([0.2, 0.21, 0.22]), False, "not better"),
        (tags([0.09, 0.1, 0.13]), False, "within noise"),
        (tags([0.01]), False, "1 and 3 seeds are too few"),
        (tags([0.01, 0.02, 0.015], data="d2"), False, "their data differ (d2 against"),
        (tags([0.01, 0.02, 0.015], metric="loss"), False, "their metrics differ"),
    ],
)
def test_what_beats_a_champion(challenger: dict[str, str], better: bool, because: str) -> None:
    said, reason = compare(challenger, tags([0.1, 0.11, 0.12]))
    assert said is better
    assert because in reason


def test_seeds_that_make_no_difference_leave_no_noise() -> None:
    assert compare(tags([0.1, 0.1]), tags([0.2, 0.2]))[0]
    assert not compare(tags([0.1, 0.1]), tags([0.1, 0.1]))[0]
