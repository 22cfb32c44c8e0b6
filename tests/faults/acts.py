"""A study whose parameters say how its training behaves, and what the tests of it share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook, Verdict
from satisfice.domain.space.space import Choice, Parameter, Space
from satisfice.domain.study import DataSource, Objective, Resources, Study
from satisfice.domain.trials.history import Purpose
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.events import read
from satisfice.tasks.trial_server.client import TrialServer

Give = Callable[..., TrialOrder]

PROBLEM = """
import os, random, signal, subprocess, sys, time
from pathlib import Path

import numpy as np
import torch

from satisfice.tasks.problem.data import Data, Split


def load():
    x = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
    y = (x.sum(axis=1) > 0).astype(int)
    rows = [np.arange(0, 40), np.arange(40, 50), np.arange(50, 60)]
    whole = Split(x, y)
    return Data(*(whole.take(one) for one in rows))


def build(params):
    if params.get("act") == "die in build":
        os._exit(5)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 2))


def evaluate(model, split):
    model.eval()
    with torch.no_grad():
        right = model(torch.as_tensor(split.x)).argmax(1) == torch.as_tensor(split.y)
    return {"accuracy": right.float().mean(), "rows": len(split)}


def train(trial, data):
    assert len(data.test) == 0
    ACTS[trial.params["act"]](trial, data)


def learn(trial, data):
    model = build(trial.params)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], 0.5)
    trial.track(model=model, optimizer=optimizer, schedule=schedule)
    x, y = torch.as_tensor(data.train.x), torch.as_tensor(data.train.y)
    for epoch in trial.epochs(trial.params.get("epochs", 6)):
        model.train()
        for batch in torch.randperm(len(x)).split(8):
            noise = random.random() * 0.01 + np.random.rand() * 0.01
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x[batch] + noise), y[batch])
            loss.backward()
            optimizer.step()
        schedule.step()
        if str(epoch) in trial.params.get("long", ""):  # long enough for a checkpoint
            time.sleep(1.1)
        # The loss, since it tells two states apart that have the same accuracy.
        trial.report(accuracy=evaluate(model, data.validation)["accuracy"], loss=loss.item())
        if str(epoch) in trial.params.get("stop", "") and not seen_before(trial, epoch):
            Path(trial.params["control"]).write_text('{"command": "stop"}')
        if str(epoch) in trial.params.get("kill", "") and not seen_before(trial, epoch):
            os.kill(os.getpid(), signal.SIGKILL)
    trial.finish(example_input=x[:1])


def seen_before(trial, epoch):
    mark = Path(trial.params["control"]).with_name(f"mark-{epoch}")
    seen = mark.exists()
    mark.touch()
    return seen


def crash(trial, data):
    trial.report(accuracy=0.5)
    raise KeyError("no such layer")  # the line that the test looks for


def leave(trial, data):
    sys.exit("enough")


def vanish(trial, data):
    os._exit(7)


def kill(trial, data):
    for epoch in trial.epochs(3):
        trial.report(accuracy=epoch / 10)
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def fault(trial, data):
    import ctypes

    ctypes.string_at(0)


def needy(trial, data):  # so many MiB, in use for a moment of the first epoch
    model = build(trial.params)
    trial.track(model=model)
    for epoch in trial.epochs(2):
        if epoch == 1:
            np.ones(trial.params["mib"] << 20, dtype=np.uint8)
        trial.report(accuracy=0.5)
    trial.finish(example_input=torch.as_tensor(data.train.x[:1]))


def numpy_hog(trial, data):
    trial.report(accuracy=0.5)
    kept = [np.ones(8 << 20, dtype=np.uint8) for _ in range(200)]


def torch_hog(trial, data):
    torch.ones(1 << 30)


def shared_hog(trial, data):  # memory that no limit on allocations sees
    import mmap

    kept = mmap.mmap(-1, 1 << 30, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    for at in range(0, 1 << 30, 4096):
        kept[at] = 1
        if at % (8 << 20) == 0:
            time.sleep(0.05)


def nan(trial, data):
    for epoch in trial.epochs(5):
        try:
            trial.report(accuracy=float("nan") if epoch == 3 else 0.5)
        except:
            pass


def silent(trial, data):
    for epoch in trial.epochs(2):
        pass


def misnamed(trial, data):
    trial.report(acuracy=0.9, loss=0.1)


def endless(trial, data):
    for epoch in trial.epochs(5):
        while epoch == 2:
            time.sleep(0.01)
        trial.report(accuracy=0.5)


def stuck(trial, data):  # no other thread of the process gets a turn
    import ctypes

    trial.report(accuracy=0.5)
    ctypes.PyDLL(None).pause()


def slow(trial, data):
    for epoch in trial.epochs(trial.params.get("epochs", 1000)):
        time.sleep(0.02)
        trial.report(accuracy=epoch / 1000)


def parent(trial, data):  # starts a process of its own, which would outlive it
    child = subprocess.Popen(["sleep", "300"])
    Path(trial.params["file"]).write_text(str(child.pid))
    slow(trial, data)


def dice(trial, data):
    trial.report(accuracy=torch.rand(1), numpy=np.random.rand(), python=random.random())


def unpicklable(trial, data):
    learn(trial, data)
    trial.finish(example_input=lambda: 0)


def late(trial, data):
    time.sleep(0.3)
    slow(trial, data)


ACTS = {name: one for name, one in globals().items() if callable(one)}
"""


def write_study(folder: Path, problem: str = PROBLEM, **resources: Any) -> Study:
    """Write a problem into a folder and return a study of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "problem.py").write_text(problem)
    return Study(
        name=folder.name,
        folder=str(folder),
        problem="problem.py",
        data=DataSource("made up"),
        objective=Objective("accuracy", Direction.MAXIMIZE),
        worth=Worth(1.0),
        prices=Prices(),
        budget=Budget(),
        space=Space((Parameter("act", Choice(("learn", "crash"))),)),
        rules=RuleBook((Rule("small", Expression("predicted.parameters + predicted.macs < 999")),)),
        resources=Resources(**resources),
    )


def until(holds: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)


def kinds(order: TrialOrder) -> list[str]:
    """Return the kinds of the events in a trial's log, in order."""
    return [event["kind"] for event in read(Path(order.folder) / "events.jsonl")[0]]


def orders(server: TrialServer, folder: Path) -> Give:
    """Return a maker of orders that live in a folder."""

    def make(act: str, number: int = 0, params: dict[str, Any] | None = None, **terms: Any) -> Any:
        trial = folder / f"{number:05d}"
        trial.mkdir(exist_ok=True)
        order = TrialOrder(
            search="acts-1",
            number=number,
            attempt=1,
            study=server.study.folder,
            folder=str(trial),
            control=str(folder / "control.json"),
            params={"act": act, **(params or {})},
            seed=3,
            purpose=Purpose.SEARCH,
            verdict=Verdict({}, {}),
            data_digest=server.ready().digest,
        )
        return replace(order, **terms)

    return make
