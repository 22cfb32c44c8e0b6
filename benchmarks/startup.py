"""From the command to the first trial, beside an empty Prefect flow in the same run.

    python benchmarks/startup.py [--repeats 3]

Cold: a fresh home, so that Prefect starts a temporary server and makes its database, and MLflow and
Optuna make theirs. Warm: against a Prefect server that is running, in a home that was used before.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EMPTY = """
import os, sys
os.environ["PREFECT_HOME"] = sys.argv[1]
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "180"
from prefect import flow
import time

@flow
def empty():
    print("BEGAN", time.time())

empty()
"""


def empty_flow(home: Path, settings: dict[str, str]) -> float:
    """Return the seconds from the command to the first line of an empty flow."""
    began = time.time()
    told = subprocess.run(
        [sys.executable, "-c", EMPTY, str(home / "prefect")],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return float(told.split("BEGAN")[1].split()[0]) - began


def first_trial(home: Path, settings: dict[str, str], study: str) -> float:
    """Return the seconds from the command to the first trial of a search."""
    before = set((home / "searches").glob("*")) if (home / "searches").exists() else set()
    began = time.time()
    running = subprocess.run(
        [sys.executable, "-m", "satisfice", "run", study, "--trials", "1"],
        env={**os.environ, **settings, "SATISFICE_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    made = sorted(set((home / "searches").glob("*")) - before)
    if running.returncode or not made:
        raise SystemExit(running.stdout[-2000:] + running.stderr[-2000:])
    for line in (made[0] / "journal.jsonl").read_text().splitlines():
        fact = json.loads(line)
        if fact["kind"] == "trial":
            return float(fact["at"]) - began
    raise SystemExit("no trial began")


def serve(home: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a Prefect server and wait until it answers."""
    from urllib.request import urlopen

    bin_folder = Path(sys.executable).parent
    server = subprocess.Popen(
        [str(bin_folder / "prefect"), "server", "start", "--port", str(port)],
        env={**os.environ, "PREFECT_HOME": str(home / "server")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/api/health", timeout=1):
                return server
        except OSError:
            time.sleep(0.2)


def main() -> None:
    """Measure and print a table."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--repeats", type=int, default=3)
    read.add_argument("--study", default="studies/digits")
    read.add_argument("--port", type=int, default=4299)
    given = read.parse_args()
    took: dict[str, list[tuple[float, float]]] = {"cold": [], "warm": []}
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            flow = empty_flow(Path(one), {})
            took["cold"].append((flow, first_trial(Path(other), {}, given.study)))
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        server = serve(home, given.port)
        try:
            settings = {"PREFECT_API_URL": f"http://127.0.0.1:{given.port}/api"}
            first_trial(home, settings, given.study)  # makes the databases
            for _ in range(given.repeats):
                flow = empty_flow(home, settings)
                took["warm"].append((flow, first_trial(home, settings, given.study)))
        finally:
            server.terminate()
            server.wait()
    print(f"{'':>6} {'empty flow, s':>14} {'first trial, s':>15} {'more, s':>8} {'spread':>14}")
    for name, pairs in took.items():
        more = [trial - flow for flow, trial in pairs]
        print(
            f"{name:>6} {statistics.median(flow for flow, _ in pairs):>14.1f} "
            f"{statistics.median(trial for _, trial in pairs):>15.1f} "
            f"{statistics.median(more):>8.1f} {min(more):>6.1f} to {max(more):.1f}"
        )


if __name__ == "__main__":
    main()
