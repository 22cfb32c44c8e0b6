"""What spare forks save a trial: the trial server with and without them, side by side.

    python benchmarks/forks.py --repeats 150

One order after another is run to its end by both servers in turn, so that both meet the same load.
The overhead of an order is its wall time less that of its training, which only sleeps, so that the
fork of a spare meanwhile has a processor to itself: the best case for spares.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from satisfice.domain.economics.cost import Prices
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Purpose, TrialState
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.home import home
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order

EPOCHS = 5
VARIANTS = {"spares": "", "on demand": "forks._SPARES = 0"}
PROBLEM = """
import time

import numpy as np
import torch
from satisfice import Data, Split
from satisfice.tasks.trial_server import forks

{change}  # this file is imported in the trial server

def load():
    def rows(count):
        return Split(np.random.rand(count, 64).astype("float32"), np.arange(count) % 2)
    return Data(rows(20_000), rows(2_000), rows(2_000))

def train(trial, data):
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
    trial.track(model=model, optimizer=torch.optim.AdamW(model.parameters()))
    for epoch in trial.epochs({epochs}):
        time.sleep({seconds} / {epochs})
        trial.report(score=float(epoch))
    trial.finish()
"""
STUDY = """
study: forks
problem: problem.py
data: {source: made-up}
objective: {metric: score, direction: maximize}
worth: 1 h per unit
budget: {trials: 1}
space:
  x: {float: [0.0, 1.0]}
"""


def start(name: str, seconds: float) -> TrialServer:
    """Start the server of a variant."""
    folder = home() / name.replace(" ", "-")
    folder.mkdir()
    problem = PROBLEM.format(change=VARIANTS[name], seconds=seconds, epochs=EPOCHS)
    (folder / "problem.py").write_text(problem)
    (folder / "study.yaml").write_text(STUDY)
    return TrialServer(read_study(folder))


def overhead(server: TrialServer, number: int, seconds: float) -> float:
    """Run one order, and return its overhead in milliseconds."""
    folder = Path(server.study.folder) / str(number)
    folder.mkdir()
    order = TrialOrder(
        search="forks-1",
        number=number,
        attempt=1,
        study=server.study.folder,
        folder=str(folder),
        control=str(folder / "control.json"),
        params={"x": 0.5},
        seed=number,
        purpose=Purpose.SEARCH,
        verdict=Verdict({}, {}),
        data_digest=server.ready().digest,
    )
    began = time.monotonic()
    result = run_order(order, Prices(), server)
    took = time.monotonic() - began
    if result.state is not TrialState.COMPLETE:
        raise SystemExit(f"the training failed: {result.reason}")
    return 1000 * (took - seconds)


def main() -> None:
    """Measure and print a table."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--seconds", type=float, default=0.5)
    read.add_argument("--repeats", type=int, default=150)
    given = read.parse_args()
    found: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(start(name, given.seconds)) for name in VARIANTS}
        for number in range(given.repeats + 1):
            for name, server in servers.items():
                took = overhead(server, number, given.seconds)
                if number:  # the first order of a server finds no spare
                    found[name].append(took)
    print(f"{'variant':>10} {'median, ms':>11} {'quartiles':>15} {'least':>7} {'saved, ms':>10}")
    for name, taken in found.items():
        low, middle, high = statistics.quantiles(taken, n=4)
        differences = [one - usual for one, usual in zip(taken, found["spares"], strict=True)]
        print(
            f"{name:>10} {middle:>11.1f} {f'{low:.1f} to {high:.1f}':>15} {min(taken):>7.1f} "
            f"{statistics.median(differences):>10.1f}"
        )


if __name__ == "__main__":
    import os

    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SATISFICE_HOME"] = scratch
        main()
