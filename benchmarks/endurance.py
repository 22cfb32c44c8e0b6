"""Whether a search of 1,000 trials costs more at its end than at its beginning: time and memory.

    python benchmarks/endurance.py [--trials 1000]

The tax of a trial is the time from one result to the next, less the training and the sampler's own
time, as in overhead.py. Memory is the resident set of the coordinator, which trains nothing itself.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from overhead import EPOCHS, HERE, PROBLEM, STUDY, folder

SECONDS = 0.02


def main() -> None:
    """Run one long search and print a table."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--trials", type=int, default=1000)
    trials = read.parse_args().trials
    with folder() as place:
        study = place / "overhead"
        study.mkdir()
        problem = PROBLEM.format(here=str(HERE), epochs=EPOCHS, seconds=SECONDS)
        (study / "problem.py").write_text(problem)
        (study / "study.yaml").write_text(STUDY.format(trials=trials, workers=1))
        memory = run(study, place / "home", trials)
        facts = journal(place / "home")
    taxes = tax(facts)
    tenth = max(trials // 10, 1)
    print(f"{'trials':>12} {'tax, ms':>8} {'spread':>16} {'memory, MB':>11}")
    for first, last in ((10, tenth), (trials - tenth + 10, trials)):
        part = sorted(taxes[first - 1 : last - 1])
        low, high = part[len(part) // 10], part[-len(part) // 10 - 1]
        name = f"{first} to {last}"
        spread = f"{1000 * low:.0f} to {1000 * high:.0f}"
        at = min(memory, key=lambda count: abs(count - last))
        print(f"{name:>12} {1000 * statistics.median(part):>8.1f} {spread:>16} {memory[at]:>11.1f}")


def run(study: Path, home: Path, trials: int) -> dict[int, float]:
    """Run the search; return the coordinator's memory in MB by the number of finished trials."""
    memory: dict[int, float] = {}
    running = subprocess.Popen(
        [sys.executable, "-m", "satisfice", "run", str(study)],
        env={**os.environ, "SATISFICE_HOME": str(home)},
        cwd=HERE.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    process = psutil.Process(running.pid)
    while running.poll() is None:
        done = sum(fact["kind"] == "result" for fact in journal(home))
        if done and done < trials:
            memory[done] = process.memory_info().rss / 1e6
        time.sleep(1.0)
    if running.returncode:
        raise SystemExit(f"the search ended with {running.returncode}")
    return memory


def journal(home: Path) -> list[dict[str, Any]]:
    """Return what the coordinator has written down so far."""
    path = home / "searches" / "overhead-1" / "journal.jsonl"
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def tax(facts: list[dict[str, Any]]) -> list[float]:
    """Return the tax of each trial but the first, in seconds."""
    asked = {fact["number"]: fact["asking"] for fact in facts if fact["kind"] == "trial"}
    ended = [fact for fact in facts if fact["kind"] == "result"]
    return [
        after["at"] - before["at"] - SECONDS - asked[after["number"]]
        for before, after in pairwise(ended)
    ]


if __name__ == "__main__":
    main()
