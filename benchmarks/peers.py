"""One worker of a peer: a loop of Optuna's own, with or without MLflow. Called by overhead.py.

python benchmarks/peers.py bare|mlflow FOLDER SECONDS TRIALS
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import optuna
from spinning import spin

EPOCHS = 5


class Timed(optuna.samplers.TPESampler):
    """TPE that counts its own time."""

    seconds = 0.0

    def sample_relative(self, *given: Any) -> dict[str, Any]:
        """Draw and count."""
        began = time.perf_counter()
        try:
            return super().sample_relative(*given)
        finally:
            self.seconds += time.perf_counter() - began

    def sample_independent(self, *given: Any) -> Any:
        """Draw and count."""
        began = time.perf_counter()
        try:
            return super().sample_independent(*given)
        finally:
            self.seconds += time.perf_counter() - began


def main() -> None:
    """Run the trials and print what they took."""
    mode, folder, seconds, count = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = Timed(seed=None, multivariate=True, constant_liar=True)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'optuna.db'}",
        study_name="overhead",
        direction="maximize",
        sampler=sampler,
        load_if_exists=True,
    )
    record = _mlflow(folder) if mode == "mlflow" else lambda *_: None
    began = time.perf_counter()
    for _ in range(int(count)):
        trial = study.ask()
        trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_float("y", 1e-4, 1.0, log=True)
        trial.suggest_int("z", 1, 64)
        curve = []
        start = time.perf_counter()
        for epoch in range(1, EPOCHS + 1):
            spin(seconds / EPOCHS)
            value = time.monotonic()
            curve.append((epoch, value, int(time.time() * 1000)))
        took = time.perf_counter() - start
        for epoch, value, _ in curve:
            trial.report(value, epoch)
        study.tell(trial, curve[-1][1])
        record(trial, curve, took)
    print(json.dumps({"wall": time.perf_counter() - began, "asking": sampler.seconds}))


def _mlflow(folder: Path) -> Any:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    found = client.get_experiment_by_name("overhead")
    place = found.experiment_id if found else client.create_experiment("overhead")
    parent = client.create_run(place, run_name="overhead").info.run_id

    def record(trial: optuna.Trial, curve: list[tuple[int, float, int]], took: float) -> None:
        run = client.create_run(
            place, tags={"mlflow.parentRunId": parent}, run_name=f"trial {trial.number}"
        ).info.run_id
        client.log_batch(
            run,
            metrics=[
                *(Metric("score", value, at, epoch) for epoch, value, at in curve),
                *(Metric(name, took, curve[-1][2], 0) for name in ("seconds", "kwh", "money")),
            ],
            params=[Param(name, str(value)) for name, value in trial.params.items()],
            tags=[RunTag("state", "complete"), RunTag("purpose", "search")],
        )
        client.set_terminated(run)

    return record


if __name__ == "__main__":
    main()
