"""Make `home-f5450b0.tar.xz` with the `satisfice` command of that version.

python tests/data/make_home.py OLD_VERSION/.venv/bin/satisfice
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.data.old_home import ARCHIVE, PLACE, move

PATIENCE = 180.0  # seconds
MOST_BYTES = 1_000_000

STUDY = """\
study: tiny
data: {source: two-moons, expectations: expectations.py}
objective: {metric: likelihood, direction: maximize}
worth: 0.3 s per point, up to 1
prices: {hour: 3.60 EUR, kwh: 0.28 EUR}  # a second of training costs 0.001 EUR
budget: {time: 10 min, trials: 40}
resources: {workers: 2, memory: 2 GB}
confirm: {leaders: 2, seeds: 2}
space:
  width: {int: [4, 32], log: true, default: 8}
  heads: {int: [1, 4], default: 1}
  batch: {ordinal: [16, 32, 64], default: 32}
  lr:
    float: [1.0e-4, 1.0e-1]
    log: true
    default: 1.0e-3
    prior: {around: 1e-2 * batch / 32, factor: 3}
  decay: {derived: 0.1 * lr}
  optimizer: {choice: [sgd, adamw], prior: {weights: [1, 3]}, default: adamw}
  momentum: {float: [0.0, 0.99], when: optimizer == 'sgd', default: 0.9}
rules:
  - id: heads-divide-width
    require: width % heads == 0
    because: each head takes an equal part
  - id: fits-the-device
    require: predicted.parameters <= 120
    because: the device is small
  - id: starts-soon
    require: measured.checkpoint_bytes <= 20_000
gates:
  - latency_ms_p95 <= 1000
  - likelihood >= 0.3
"""
PROBLEM = '''\
"""Two moons and a perceptron; an epoch takes a millisecond, or as long as it is told to."""

import os
import time

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.nn.functional import cross_entropy

from satisfice import split

EPOCHS = 8


def load():
    points, classes = make_moons(240, noise=0.3, random_state=0)
    return split(points.astype("float32"), classes, seed=0)


def build(params):
    width = params["width"]
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))


def train(trial, data):
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    model = build(trial.params)
    optimizer = make_optimizer(model, trial.params)
    trial.track(model=model, optimizer=optimizer)
    for _ in trial.epochs(EPOCHS):
        time.sleep(float(os.environ.get("SECONDS_AN_EPOCH", "0")))
        for rows in torch.randperm(len(y)).split(trial.params["batch"]):
            optimizer.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        trial.report(**evaluate(model, data.validation))
    return trial.finish(example_input=x[:1])


def make_optimizer(model, params):
    if params["optimizer"] == "sgd":
        return torch.optim.SGD(model.parameters(), lr=params["lr"], momentum=params["momentum"])
    return torch.optim.AdamW(model.parameters(), lr=params["lr"], weight_decay=params["decay"])


@torch.no_grad()
def evaluate(model, split):
    loss = cross_entropy(model(torch.from_numpy(split.x)), torch.from_numpy(split.y))
    return {"likelihood": float(torch.exp(-loss))}
'''
EXPECTATIONS = """\
import great_expectations.expectations as gxe


def expectations():
    return [gxe.ExpectColumnValuesToBeInSet(column="label", value_set=[0, 1])]
"""
# Only caches, locks and logs, or what holds for the process of then.
NEEDLESS = ("*.lock", "*.log", "__pycache__", "pages.json")


class Shell:
    """A working directory with a study and a home, and the command of the old version."""

    def __init__(self, folder: Path, command: Path) -> None:
        self.folder, self.command = folder, command
        self.home, self.study = folder / "home", folder / "tiny"

    def start(self, *arguments: str, output: IO[str], **settings: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        ours = ("PREFECT_", "MLFLOW_", "SATISFICE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        own = {"SATISFICE_HOME": str(self.home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [str(self.command), *arguments],
            cwd=self.folder,
            env=kept | own | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, says: str) -> None:
        """Run a command to its end; it has to succeed, and to say something."""
        with tempfile.TemporaryFile("w+") as output:
            code = self.start(*arguments, output=output).wait(PATIENCE)
            output.seek(0)
            text = output.read()
        print(f"$ satisfice {' '.join(arguments)}\n{text}", flush=True)
        if code or says not in text:
            raise SystemExit(f"it ended with {code}, and should have said {says!r}")

    @contextmanager
    def pages(self) -> Iterator[None]:
        """Let `satisfice ui` run."""
        ports = ("--prefect-port", str(free_port()), "--mlflow-port", str(free_port()))
        with tempfile.TemporaryFile("w+") as output:
            process = self.start("ui", *ports, output=output)
            until((self.home / "pages.json").exists, process)
            yield
            os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE)

    def run_and_kill(self) -> None:
        """Begin a search, and kill all of it once a trial is done and another has a checkpoint."""
        with tempfile.TemporaryFile("w+") as output:
            slow = {"SECONDS_AN_EPOCH": "0.3"}  # a first checkpoint comes after a second
            options = ("--seed", "7", "--workers", "1")
            process = self.start("run", "tiny", *options, output=output, **slow)
            until(lambda: is_in_midst(self.home / "searches" / "tiny-3"), process)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # What is in sessions of its own sees that it is alone, and ends.
        until(lambda: not mentioned_by_processes(str(self.home)))
        time.sleep(2)  # a process gives back its memory first, and then its files


def is_in_midst(search: Path) -> bool:
    """Tell whether a trial of a search is done, and another goes on that has a checkpoint."""
    logs = [kinds(one) for one in sorted(search.glob("trials/*/events.jsonl"))]
    going = [one for one in logs if "finished" not in one]
    told = kinds(search / "journal.jsonl")
    return "result" in told and any("checkpoint" in one for one in going)


def kinds(log: Path) -> list[str]:
    """Return the kinds of the events in a log."""
    if not log.exists():
        return []
    whole = log.read_text().rpartition("\n")[0]
    return [json.loads(line)["kind"] for line in whole.splitlines()]


def mentioned_by_processes(text: str) -> bool:
    """Tell whether the environment of any process holds a text."""
    for one in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text.encode() in one.read_bytes():
                return True
        except OSError:  # it has ended, or is somebody else's
            continue
    return False


def until(holds: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something holds, while a process runs."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            raise SystemExit("it never came to hold")
        time.sleep(0.01)


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fill(shell: Shell) -> None:
    """Write the study, and let the old version fill its home."""
    shell.study.mkdir()
    for name, text in (
        ("study.yaml", STUDY),
        ("problem.py", PROBLEM),
        ("expectations.py", EXPECTATIONS),
    ):
        (shell.study / name).write_text(text)
    shell.run("run", "tiny", says="tiny-1: Worthwhile stop")
    shell.run("run", "tiny", "--if-worth", says="Not worth it tonight")
    shell.run("sweep", "tiny", "width=8,16", "heads=1,2,3", says="tiny-2: Plan done")
    with shell.pages():
        shell.run("deploy", "tiny", says="deployed sweep/tiny-sweep")
    shell.run_and_kill()


def tidy(folder: Path) -> None:
    """Remove what is needless, and bring each database into one small file."""
    for pattern in NEEDLESS:
        for one in folder.rglob(pattern):
            shutil.rmtree(one) if one.is_dir() else one.unlink()
    for file in folder.rglob("*.db"):
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    move(folder, str(folder), PLACE)
    for file in folder.rglob("*.db"):
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute("VACUUM")
    odd = [one for one in folder.rglob("*") if one.is_file() and _is_odd(one, str(folder))]
    if odd:
        raise SystemExit(f"a database is in use, or {folder} is still in {odd}")


def _is_odd(file: Path, path: str) -> bool:
    return file.suffix in {".db-wal", ".db-shm"} or path.encode() in file.read_bytes()


def pack(folder: Path) -> None:
    """Pack the study and the home."""

    def nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(ARCHIVE, "w:xz", preset=9 | lzma.PRESET_EXTREME) as archive:
        for name in ("tiny", "home"):
            archive.add(folder / name, name, filter=nobodys)
    size = ARCHIVE.stat().st_size
    print(f"{ARCHIVE}: {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit("that is too large")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="satisfice-home-") as made:
        place = Path(made).resolve()
        fill(Shell(place, Path(sys.argv[1]).resolve()))
        tidy(place)
        pack(place)
