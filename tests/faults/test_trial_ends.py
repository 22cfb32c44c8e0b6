"""Every way in which a training can end is a result, with its reason and its cost."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from satisfice.domain.economics.cost import EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.trials.history import (
    CurvePoint,
    Failure,
    History,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.tasks.files.events import read
from satisfice.tasks.models.saved import load_model
from satisfice.tasks.problem.contract import load_problem
from satisfice.tasks.problem.data import Data
from satisfice.tasks.trial.pruning import write_snapshot
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.trial_server.supervisor import run_order
from satisfice.tasks.validation.manifest import write_manifest
from tests.faults.acts import until

MODE = EnergyMode.ESTIMATED
PRICES = Prices("EUR", hour=3600.0)


def _curve(result: TrialResult) -> list[tuple[int, float]]:
    return [(point.epoch, point.value) for point in result.curve]


def _losses(order: TrialOrder) -> dict[int, float]:
    log = read(Path(order.folder) / "events.jsonl")[0]
    return {one["epoch"]: one["metrics"]["loss"] for one in log if one["kind"] == "epoch"}


def test_a_normal_run_gives_its_curve_its_value_and_its_cost(give: Any, server: Any) -> None:
    result = run_order(give("learn"), PRICES, server)
    assert (result.state, result.failure, result.reason) == (TrialState.COMPLETE, None, "")
    assert [epoch for epoch, _ in _curve(result)] == [1, 2, 3, 4, 5, 6]
    assert result.value == result.curve[-1].value == result.metrics["accuracy"]
    times = [point.seconds for point in result.curve]
    assert times == sorted(times)
    assert result.cost.seconds >= times[-1] > 0
    assert result.cost.money == pytest.approx(result.cost.seconds)
    assert result.cost.kwh > 0
    assert result.cost.energy is not EnergyMode.UNKNOWN
    assert "checkpoint" not in result.artefacts


def test_the_same_seed_gives_the_same_training_bit_for_bit(give: Any, server: Any) -> None:
    orders = [give("learn", number, seed=seed) for number, seed in enumerate([5, 5, 6])]
    with ThreadPoolExecutor(2) as pool:  # two supervisors at once
        list(pool.map(lambda order: run_order(order, PRICES, server), orders))
    same, again, other = map(_losses, orders)
    assert same == again != other


def test_every_generator_is_seeded(give: Any, server: Any) -> None:
    orders = [give("dice", number, seed=seed) for number, seed in enumerate([5, 5, 6])]
    same, again, other = (run_order(order, PRICES, server).metrics for order in orders)
    assert same == again
    assert not set(same.values()) & set(other.values())


def test_a_stated_duration_of_epochs_makes_the_whole_result_repeatable(
    give: Any, server: Any
) -> None:
    orders = [give("learn", number, epoch_seconds=2.0) for number in range(2)]
    first, second = (run_order(order, PRICES, server) for order in orders)
    assert first.measured.keys() == second.measured.keys()  # memory is the process's own affair
    first, second = (replace(one, number=0, artefacts={}, measured={}) for one in (first, second))
    assert first == second
    assert [point.seconds for point in first.curve] == [2, 4, 6, 8, 10, 12]
    assert first.cost.seconds == 12


@pytest.mark.parametrize(
    ("act", "failure", "said"),
    [
        ("crash", Failure.CRASHED, "KeyError: 'no such layer'"),
        ("leave", Failure.CRASHED, "train() called sys.exit"),
        ("vanish", Failure.CRASHED, "exit code 7"),
        ("kill", Failure.KILLED, "signal 9 (SIGKILL), perhaps out of memory"),
        ("fault", Failure.KILLED, "signal 11 (SIGSEGV)"),
        ("nan", Failure.NOT_A_NUMBER, "accuracy became nan in epoch 3"),
        ("silent", Failure.CRASHED, "did not report the objective 'accuracy'"),
        ("misnamed", Failure.CRASHED, "'acuracy', 'loss', but not 'accuracy'"),
    ],
)
def test_a_failure_is_recorded_as_what_it_is(
    give: Any, server: Any, act: str, failure: Failure, said: str
) -> None:
    result = run_order(give(act), PRICES, server)
    assert (result.state, result.failure, result.value) == (TrialState.FAILED, failure, None)
    assert said in result.reason
    assert result.cost.seconds > 0


def test_a_crash_names_the_line_of_the_users_code(give: Any, server: Any) -> None:
    order = give("crash")
    result = run_order(order, PRICES, server)
    file, line = result.reason.split(":")[:2]
    text = Path(file).read_text().splitlines()[int(line) - 1]
    assert "the line that the test looks for" in text
    last = read(Path(order.folder) / "events.jsonl")[0][-1]
    assert text.strip() in last["traceback"]


def test_a_killed_training_keeps_its_curve(give: Any, server: Any) -> None:
    assert _curve(run_order(give("kill"), PRICES, server)) == [(1, 0.1), (2, 0.2)]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("numpy_hog", "MemoryError: Unable to allocate"),
        ("torch_hog", "can't allocate memory"),
        ("shared_hog", "its limit is 100 MiB"),
    ],
)
def test_a_training_is_held_to_its_memory(give: Any, server: Any, act: str, said: str) -> None:
    result = run_order(give(act, memory_mb=100), PRICES, server)
    assert result.failure is Failure.OUT_OF_MEMORY
    assert said in result.reason


def test_a_memory_limit_leaves_room_for_what_fits(give: Any, server: Any) -> None:
    result = run_order(give("learn", memory_mb=100, threads=2), PRICES, server)
    assert result.state is TrialState.COMPLETE, result.reason


def test_a_training_tells_what_it_has_needed(give: Any, server: Any) -> None:
    small, large = (
        run_order(give("needy", number, {"mib": mib}), PRICES, server).measured
        for number, mib in enumerate((64, 192))
    )
    assert 60 < small["memory_mb"] < 80  # the kernel counts in batches of pages
    assert large["memory_mb"] - small["memory_mb"] == pytest.approx(128, abs=4)
    assert small["checkpoint_bytes"] == 58 * 4  # its weights, which are all that it tracks
    assert small.keys() == {"memory_mb", "checkpoint_bytes"}


def test_inferences_are_timed_where_a_rule_predicts_them(give: Any, server: Any) -> None:
    order = give("needy", params={"mib": 1}, time_inferences=True)
    said = run_order(order, PRICES, server).measured
    assert 0 < said["latency_ms_p50"] <= said["latency_ms_p95"] < 1000
    assert said["energy_wh_per_1000"] >= 0


def test_a_soft_rule_has_inferences_measured_for_as_long_as_a_winner(
    give: Any, server: Any
) -> None:
    plain, asked = (
        run_order(give("needy", number, {"mib": 1}, measure_inferences=ask), PRICES, server)
        for number, ask in enumerate((False, True))
    )
    assert "latency_ms_p95" not in plain.measured
    assert 0 < asked.measured["latency_ms_p50"] <= asked.measured["latency_ms_p95"] < 1000
    assert asked.cost.seconds - asked.curve[-1].seconds > 0.2  # and it is paid for


def test_what_a_soft_rule_speaks_of_and_nobody_can_measure_is_said(give: Any, server: Any) -> None:
    result = run_order(give("dice", measure_inferences=True), PRICES, server)
    assert (result.state, result.failure) == (TrialState.FAILED, Failure.CRASHED)
    assert "a rule uses the speed of inferences, which cannot be measured" in result.reason
    assert "trial.track(model=...)" in result.reason


def test_a_report_without_what_a_soft_rule_speaks_of_is_refused_at_once(
    give: Any, server: Any
) -> None:
    told = run_order(give("learn", 0, reported={"loss": "calm"}), PRICES, server)
    assert told.state is TrialState.COMPLETE
    result = run_order(give("learn", 1, reported={"loss_": "calm"}), PRICES, server)
    assert (result.state, result.failure, result.curve) == (
        TrialState.FAILED,
        Failure.CRASHED,
        (),
    )
    assert "report() was given 'accuracy', 'loss', but not 'loss_'" in result.reason
    assert "which rule 'calm' needs; did you mean 'loss'?" in result.reason


def test_a_training_without_memory_tells_how_far_it_came(give: Any, server: Any) -> None:
    result = run_order(give("shared_hog", memory_mb=100), PRICES, server)
    assert result.failure is Failure.OUT_OF_MEMORY
    assert result.measured.get("memory_mb", 0.0) < 500  # its last heartbeat, if there was one


@pytest.mark.parametrize("act", ["endless", "stuck"])
def test_an_epoch_without_end_is_killed_within_the_grace(give: Any, server: Any, act: str) -> None:
    order = give(act, deadline_seconds=0.2, grace_seconds=0.3)
    result = run_order(order, PRICES, server)
    assert (result.state, result.failure) == (TrialState.FAILED, Failure.OVERRAN)
    assert "deadline of 0.2 s" in result.reason
    assert result.cost.seconds >= 0.5
    assert len(result.curve) == 1


def test_after_the_deadline_no_epoch_begins(give: Any, server: Any) -> None:
    order = give("slow", deadline_seconds=4.5, epoch_seconds=1.0)
    result = run_order(order, PRICES, server)
    assert result.state is TrialState.COMPLETE
    assert len(result.curve) == 5
    assert result.reason == "its deadline of 4.5 s passed after 5 of 1000 epochs"


def test_a_deadline_before_the_first_epoch_leaves_no_value(give: Any, server: Any) -> None:
    result = run_order(give("late", deadline_seconds=0.1), PRICES, server)
    assert (result.failure, result.curve) == (Failure.OVERRAN, ())


def test_a_confirmation_is_scored_on_the_test_split_and_keeps_its_model(
    give: Any, server: Any
) -> None:
    order = give("learn", purpose=Purpose.CONFIRMATION, keep_model=True)
    result = run_order(order, PRICES, server)
    assert result.metrics["test_rows"] == 10
    assert 0 <= result.metrics["test_accuracy"] <= 1
    problem = load_problem(Path(server.study.folder), "problem.py")
    model, example = load_model(Path(result.artefacts["model"]), problem)
    assert model(example).shape == (1, 2)
    assert not model.training
    quality = server.measure(Path(result.artefacts["model"]))
    assert quality.parameters == 58
    assert quality.latency_ms_p50 > 0


def test_a_model_is_scored_on_what_it_was_not_trained_on(
    tmp_path: Path, give: Any, server: Any
) -> None:
    order = give("learn", purpose=Purpose.CONFIRMATION, keep_model=True)
    model = Path(run_order(order, PRICES, server).artefacts["model"])
    data = load_problem(Path(server.study.folder), "problem.py").load()
    scored = {}
    for known in (0, 4, 10):  # of the ten examples by which a search on this data chooses
        rows = np.arange(known)
        train = replace(data.validation, x=data.validation.x[rows], y=data.validation.y[rows])
        write_manifest(Data(train, data.train, data.test), tmp_path / f"{known}.npz")
        if known < 10:
            scored[known] = server.score(model, tmp_path / f"{known}.npz")
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no model")

    rows = {known: [each["rows"] for each in one] for known, one in scored.items()}
    assert rows == {0: [10, 2, 2, 2, 2, 2], 4: [6, 2, 2, 2]}  # all of them, and equal parts
    whole, *parts = (one["accuracy"] for one in scored[4])
    assert whole == pytest.approx(sum(parts) / len(parts))
    with pytest.raises(StudyCodeError, match="trained on every example of the validation split"):
        server.score(model, tmp_path / "10.npz")
    with pytest.raises(StudyCodeError, match="UnpicklingError"):
        server.score(broken, tmp_path / "0.npz")
    with pytest.raises(StudyCodeError, match="FileNotFoundError"):
        server.score(model, tmp_path / "gone.npz")


def test_a_confirmation_without_a_model_says_what_is_missing(give: Any, server: Any) -> None:
    order = give("slow", params={"epochs": 2}, purpose=Purpose.CONFIRMATION, keep_model=True)
    result = run_order(order, PRICES, server)
    assert result.state is TrialState.COMPLETE
    assert "not scored on the test split: track the model" in result.reason
    assert "no model was saved" in result.reason
    assert not any(name.startswith("test_") for name in result.metrics)


def test_a_model_that_cannot_be_saved_does_not_cost_the_value(give: Any, server: Any) -> None:
    result = run_order(give("unpicklable", keep_model=True), PRICES, server)
    assert result.state is TrialState.COMPLETE
    assert "no model was saved" in result.reason
    assert "model" not in result.artefacts


def test_what_a_training_prints_is_kept(give: Any, server: Any) -> None:
    order = give("fault")
    result = run_order(order, PRICES, server)
    assert "Segmentation fault" in Path(result.artefacts["output"]).read_text()


def test_a_trial_that_is_not_worth_its_rest_is_pruned_with_the_reason(
    tmp_path: Path, give: Any, server: Any
) -> None:
    curves = [
        tuple(CurvePoint(epoch, 0.9 + 0.01 * number, float(epoch)) for epoch in range(1, 9))
        for number in range(8)
    ]
    finished = tuple(
        TrialRecord(number, {}, TrialState.COMPLETE, curve[-1].value, curve, PRICES.of(8, 0, MODE))
        for number, curve in enumerate(curves)
    )
    snapshot = tmp_path / "pruning.json"
    write_snapshot(snapshot, History(finished, Direction.MAXIMIZE), Worth(1e-6), PRICES)
    order = give("slow", params={"epochs": 8}, pruning=str(snapshot), epoch_seconds=1.0)
    result = run_order(order, PRICES, server)
    assert result.state is TrialState.PRUNED
    assert result.reason
    assert 0 < len(result.curve) < 8
    assert result.cost.seconds == len(result.curve)


def test_orders_for_other_data_are_refused(give: Any, server: Any) -> None:
    with pytest.raises(StudyCodeError, match="the data gate passed 0123, and load"):
        run_order(give("learn", data_digest="0123"), PRICES, server)


def test_forecasts_rest_on_what_is_counted(server: TrialServer) -> None:
    learning = replace(
        server.study, rules=RuleBook((Rule("quick", Expression("predicted.epoch_seconds < 9")),))
    )
    with TrialServer(learning) as other:
        counted = other.predict({"act": "learn"})
        rows = other.ready().rows["train"]
    assert counted["predicted.size_bytes"] == 58 * 4
    assert counted["predicted.macs"] == 48
    assert counted["examples"] == rows > 0
    assert counted["operations"] > 0
    # What no rule speaks of can be asked for as well, once a search concludes.
    assert server.predict({"act": "learn"}, ["predicted.epoch_seconds"]) == counted


def test_predictions_outlive_a_build_that_ends_its_process(server: TrialServer) -> None:
    expected = {"predicted.parameters": 58.0, "predicted.macs": 48.0}
    assert server.predict({"act": "learn"}) == expected
    with pytest.raises(StudyCodeError, match="ended with exit code 5"):
        server.predict({"act": "die in build"})
    assert server.predict({"act": "learn"}) == expected


def test_predictions_and_trainings_may_be_asked_for_at_once(give: Any, server: Any) -> None:
    orders = [give("learn", number) for number in range(4)]
    with ThreadPoolExecutor(8) as pool:
        guesses = [pool.submit(server.predict, {"act": "learn"}) for _ in range(20)]
        results = [pool.submit(run_order, order, PRICES, server) for order in orders]
        assert {guess.result()["predicted.parameters"] for guess in guesses} == {58.0}
        assert len({result.result().value for result in results}) == 1


def test_trials_leave_no_open_files(give: Any, server: Any) -> None:
    run_order(give("crash"), PRICES, server)
    both = [psutil.Process(), psutil.Process(server.pid)]
    before = [process.num_fds() for process in both]
    for number in range(1, 6):
        run_order(give("crash", number), PRICES, server)
    # The server closes its end after it has told the exit: wait for that, and not for ever.
    until(lambda: all(one.num_fds() <= few for one, few in zip(both, before, strict=True)), 10)


def test_the_supervisor_imports_nothing_heavy() -> None:
    script = (
        "import sys, satisfice.tasks.trial_server.supervisor;"
        "print(*{one.split('.')[0] for one in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, check=True, text=True
    )
    heavy = {"torch", "mlflow", "great_expectations", "matplotlib", "pandas", "optuna", "sklearn"}
    assert not heavy & set(done.stdout.split())


def test_print_how_long_a_fork_and_a_trivial_trial_take(give: Any, server: Any) -> None:
    begun, whole = [], []
    for number in range(10):
        order = give("crash", number)
        at = time.time()
        result = run_order(order, PRICES, server)
        whole.append(time.time() - at)
        begun.append(read(Path(order.folder) / "events.jsonl")[0][0]["at"] - at)
        assert result.failure is Failure.CRASHED
    for name, times in (("order to first event", begun), ("order to result", whole)):
        print(f"{name}: {1000 * sorted(times)[5]:.1f} ms (best {1000 * min(times):.1f} ms)")
        assert all(map(math.isfinite, times))
