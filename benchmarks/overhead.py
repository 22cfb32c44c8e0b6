"""What a trial costs on top of its training: Satisfice beside bare Optuna, without and with MLflow.

    python benchmarks/overhead.py                     # the table of the README: about 40 minutes
    python benchmarks/overhead.py --seconds 0.1 --trials 20 --repeats 1

The tax of a trial is (workers x wall - sum of pure training) / trials, the sampler's own time left
out, and a worker that finds no trial left to do counted until its last one ended. All three systems
train the same thing for the same time in the same run, report a curve of five epochs, and store it
in SQLite. Later values are always better ones, so that nothing is pruned:

  optuna         a loop of ask, train, report and tell; two workers are two processes on one study
  optuna+mlflow  the same, and each trial's parameters, curve, cost, state in a nested MLflow run,
                 in as few calls as MLflow's client allows
  satisfice      the whole service: rules, gate, processes, checkpoints, energy, MLflow, decisions
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
EPOCHS = 5

PROBLEM = """
import sys
import time
sys.path.insert(0, {here!r})
from spinning import spin
import numpy as np
from satisfice import Data, Split

def load():
    def rows(begin, count):
        return Split(np.arange(begin, begin + count, dtype="float32")[:, None],
                     np.arange(count) % 2)
    return Data(rows(0, 40), rows(100, 20), rows(200, 20))

def train(trial, data):
    for epoch in trial.epochs({epochs}):
        spin({seconds} / {epochs})
        trial.report(score=time.monotonic())
    trial.finish()
"""
STUDY = """
study: overhead
problem: problem.py
data: {{source: made-up}}
objective: {{metric: score, direction: maximize}}
worth: 1000000 h per unit
budget: {{trials: {trials}}}
resources: {{workers: {workers}}}
confirm: {{leaders: 0}}
space:
  x: {{float: [0.0, 1.0]}}
  y: {{float: [1.0e-4, 1.0], log: true}}
  z: {{int: [1, 64]}}
"""


@dataclass(frozen=True)
class Tax:
    """What one run of one system measured, in seconds a trial."""

    total: float
    sampler: float

    @property
    def own(self) -> float:
        """The tax without the sampler's own time."""
        return self.total - self.sampler


def satisfice(seconds: float, trials: int, workers: int, folder: Path) -> Tax:
    """Run a whole search and read its journal."""
    study = folder / "overhead"
    study.mkdir()
    (study / "problem.py").write_text(
        PROBLEM.format(here=str(HERE), epochs=EPOCHS, seconds=seconds)
    )
    (study / "study.yaml").write_text(STUDY.format(trials=trials, workers=workers))
    settings = {**os.environ, "SATISFICE_HOME": str(folder / "home")}
    run = subprocess.run(
        [sys.executable, "-m", "satisfice", "run", str(study)],
        env=settings,
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    journal = folder / "home" / "searches" / "overhead-1" / "journal.jsonl"
    if run.returncode or not journal.exists():
        raise SystemExit(f"the search failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    facts = [json.loads(line) for line in journal.read_text().splitlines()]
    begun = [fact for fact in facts if fact["kind"] == "trial"]
    ended = [fact for fact in facts if fact["kind"] == "result"]
    asked = sum(fact.get("asking", 0.0) for fact in begun)
    # The first trial is asked for before its line is written: its asking counts too.
    start = begun[0]["at"] - begun[0].get("asking", 0.0)
    busy = sum(fact["at"] - start for fact in ended[-workers:])  # each worker until its last result
    return Tax(busy / len(ended) - seconds, asked / len(ended))


def peer(mode: str, seconds: float, trials: int, workers: int, folder: Path) -> Tax:
    """Run a loop of Optuna's own in as many processes as there are workers."""
    share = [trials // workers + (at < trials % workers) for at in range(workers)]
    command = [sys.executable, str(HERE / "peers.py"), mode, str(folder), str(seconds)]
    subprocess.run([*command, "0"], check=True, capture_output=True)  # makes the databases
    running = [
        subprocess.Popen([*command, str(count)], stdout=subprocess.PIPE, text=True)
        for count in share
    ]
    told = [json.loads(one.communicate()[0].splitlines()[-1]) for one in running]
    # Each process counts from its own first ask: imports are nobody's tax.
    busy, asked = sum(one["wall"] for one in told), sum(one["asking"] for one in told)
    return Tax(busy / trials - seconds, asked / trials)


SYSTEMS = {
    "optuna": lambda *given: peer("bare", *given),
    "optuna+mlflow": lambda *given: peer("mlflow", *given),
    "satisfice": satisfice,
}


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that goes away."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def main() -> None:
    """Measure and print a table."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--seconds", type=float, nargs="+", default=[0.1, 1.0, 5.0])
    # Even, so that no worker waits for the last trial; many short ones, so that what is done once
    # beside the first trials (MLflow is imported in a process of its own) counts once.
    read.add_argument("--trials", type=int, nargs="+", default=[200, 40, 12])
    read.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    read.add_argument("--repeats", type=int, default=3)
    given = read.parse_args()
    print(
        f"{'train':>6} {'workers':>7} {'system':>14} {'tax, ms':>8} {'spread':>15} {'of train':>8}"
    )
    for seconds, trials in zip(given.seconds, given.trials, strict=False):
        for workers in given.workers:
            taxes: dict[str, list[float]] = {name: [] for name in SYSTEMS}
            for _ in range(given.repeats):
                for name, system in SYSTEMS.items():
                    with folder() as place:
                        taxes[name].append(1000 * system(seconds, trials, workers, place).own)
            for name, found in taxes.items():
                middle = statistics.median(found)
                spread = f"{min(found):.0f} to {max(found):.0f}"
                share = f"{middle / 10 / seconds:.1f} %"
                print(
                    f"{seconds:>6} {workers:>7} {name:>14} {middle:>8.1f} {spread:>15} {share:>8}"
                )


if __name__ == "__main__":
    main()
