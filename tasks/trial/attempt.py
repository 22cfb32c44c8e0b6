"""One attempt at an order, in a child process: from the checkpoint to the last event of the log."""

from __future__ import annotations

import os
import random
from pathlib import Path

from satisfice.domain.errors import SatisficeError, StudyCodeError
from satisfice.domain.trials.history import Failure, Purpose, TrialState
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.models.saved import save_model
from satisfice.tasks.problem.contract import Problem, describe, telling_lines
from satisfice.tasks.problem.data import Data
from satisfice.tasks.trial import checkpoints
from satisfice.tasks.trial.checkpoints import tracked_bytes
from satisfice.tasks.trial.limits import (
    Facts,
    heartbeats,
    is_out_of_memory,
    lift_memory_limit,
    limit_memory,
    memory_needed,
)
from satisfice.tasks.trial.progress import LOG, Progress
from satisfice.tasks.trial.setting import Setting
from satisfice.tasks.trial.trial import End, Outcome, Trial
from satisfice.tasks.trial.usage import Usage


def run(order: TrialOrder, problem: Problem, data: Data, setting: Setting) -> None:
    """Train one order in this process, which is used for nothing else afterwards.

    Everything is appended to the event log in the order's folder; nothing is returned or raised.
    """
    folder = Path(order.folder)
    before = Progress(folder / LOG)
    before.follow()
    log = EventLog(folder / LOG)
    saved = checkpoints.load(
        folder, before.digests, lambda file, reason: log.append("refused", file=file, reason=reason)
    )
    usage, memory = Usage(order, before, setting.watts_per_core), memory_needed()
    trial = Trial(order, setting.metric, log, usage, before, saved)
    log.append(
        "started",
        attempt=order.attempt,
        pid=os.getpid(),
        from_epoch=saved.epoch + 1 if saved else 1,
    )
    needed: Facts = {}
    with heartbeats(log, usage, memory):
        limit_memory(order.memory_mb, order.threads)
        try:
            _seed(order)
            outcome = _train(trial, problem, data, setting.metric)
            model = None
            needed = memory() | tracked_bytes(trial.tracked)
            if outcome.state is TrialState.COMPLETE:
                log.append("trained", **usage.read().facts())
                needed |= _inferences(order, trial, problem, setting.watts_per_core)
                outcome, model = _conclude(outcome, order, trial, problem, data)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is recorded
            lift_memory_limit()
            outcome, model = _failed(error, problem), None
            needed = needed or memory()
    used = usage.read().facts()
    if outcome.state is TrialState.FAILED:
        failure = outcome.failure or Failure.CRASHED
        log.append(
            "failed",
            failure=failure.value,
            reason=outcome.reason,
            traceback=outcome.traceback,
            measured=needed,
            **used,
        )
        return
    log.append(
        "finished",
        state=outcome.state.value,
        value=trial.value,
        metrics=trial.metrics,
        model=model,
        reason=outcome.reason,
        measured=needed,
        **used,
    )
    if outcome.state is not TrialState.RUNNING:
        checkpoints.remove(folder)


def _train(trial: Trial, problem: Problem, data: Data, metric: str) -> Outcome:
    try:
        problem.train(trial, data.without_test())
    except End as end:
        return end.outcome
    if trial.outcome is not None:  # also if train() caught `End`
        return trial.outcome
    if trial.value is None:
        raise StudyCodeError(
            f"train() did not report the objective {metric!r}",
            f"Call trial.report({metric}=...) once per epoch.",
        )
    return Outcome(TrialState.COMPLETE)


def _conclude(
    outcome: Outcome, order: TrialOrder, trial: Trial, problem: Problem, data: Data
) -> tuple[Outcome, str | None]:
    """Score and save the model of a complete training; return the outcome and the model's file."""
    notes = [outcome.reason] if outcome.reason else []
    model = trial.tracked.get("model")
    if order.purpose is Purpose.CONFIRMATION:
        if problem.evaluate is None or model is None:
            missing = "define evaluate(model, split)" if model is not None else "track the model"
            notes.append(f"not scored on the test split: {missing} in {problem.file.name}")
        else:
            scores = problem.evaluate(model, data.test)
            trial.metrics |= {f"test_{name}": float(value) for name, value in scores.items()}
    path = None
    if order.keep_model:
        path, note = _kept(order, trial, problem)
        notes += note
    return Outcome(TrialState.COMPLETE, "; ".join(notes)), path


def _inferences(order: TrialOrder, trial: Trial, problem: Problem, watts_per_core: float) -> Facts:
    """Measure inferences as thoroughly as the order asks for.

    Raises:
        StudyCodeError: A soft rule uses them, and the model is unknown or does not run.
    """
    if not (order.time_inferences or order.measure_inferences):
        return {}
    from satisfice.tasks.models.inference import BESIDE_TRIALS, GLANCE, measure_inferences

    effort = BESIDE_TRIALS if order.measure_inferences else GLANCE
    model = trial.tracked.get("model")
    try:
        example = trial.example_input
        if example is None:
            example = problem.input_for(trial.params)
        if model is not None and example is not None:
            return measure_inferences(model, example, watts_per_core, effort)
        why = "the model or an input for it is not known"
    except Exception as error:  # noqa: BLE001 - the trial's value counts without them
        why = describe(error, problem.file)
    if order.measure_inferences:
        raise StudyCodeError(
            f"a rule uses the speed of inferences, which cannot be measured: {why}",
            "Call trial.track(model=...), and end train() with trial.finish(example_input=...)",
        )
    return {}


def _kept(order: TrialOrder, trial: Trial, problem: Problem) -> tuple[str | None, list[str]]:
    model, example = trial.tracked.get("model"), trial.example_input
    if model is None:
        return None, ["no model was saved: trial.track(model=...) names it"]
    try:
        if example is None:
            example = problem.input_for(order.params)
        rebuildable = problem.build is not None
        path = save_model(Path(order.folder), model, order.params, example, rebuildable=rebuildable)
    except Exception as error:  # noqa: BLE001 - the trial's value counts without a model
        return None, [f"no model was saved: {describe(error, problem.file)}"]
    return str(path), []


def _failed(error: BaseException, problem: Problem) -> Outcome:
    failure = Failure.OUT_OF_MEMORY if is_out_of_memory(error) else Failure.CRASHED
    reason = describe(error, problem.file)
    if isinstance(error, SatisficeError):
        reason = f"{error.message}. {error.hint}"
    if isinstance(error, SystemExit):
        reason = f"{reason} (train() called sys.exit)"
    return Outcome(TrialState.FAILED, reason, failure, telling_lines(error, problem.file))


def _seed(order: TrialOrder) -> None:
    import numpy as np
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    random.seed(order.seed)
    np.random.seed(order.seed % 2**32)  # noqa: NPY002 - user code may use the global generator
    torch.manual_seed(order.seed)
    torch.set_num_threads(order.threads)
    if order.threads > 1:
        threadpool_limits(order.threads)  # also NumPy's and scikit-learn's pools
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling uninitialised memory costs time and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
