"""The `trial` that a study's `train(trial, data)` is called with."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.suggestions import nearest
from satisfice.domain.trials.history import CurvePoint, Failure, TrialState
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files import control
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.trial import checkpoints
from satisfice.tasks.trial.checkpoints import Checkpoint
from satisfice.tasks.trial.progress import Progress
from satisfice.tasks.trial.usage import Usage

LOOK_SECONDS = 0.1  # how often a paused trial checks whether to continue


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended.

    Attributes:
        state: Complete, pruned or failed; running if it can be resumed.
        reason: Why, in one sentence; empty for an ordinary end.
        failure: The kind of failure, if it failed.
        traceback: The last lines of the traceback, if an exception was raised.
    """

    state: TrialState
    reason: str = ""
    failure: Failure | None = None
    traceback: str = ""


class End(BaseException):
    """Ends the training: not an `Exception`, so that `except Exception` does not catch it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class Trial:
    """One training of one configuration, as the study's `train(trial, data)` sees it.

    Attributes:
        params: The parameters by name, without inactive conditional parameters.
        seed: The seed of Python's, NumPy's and PyTorch's global generators.
        threads: The number of CPU threads of this training.
    """

    def __init__(
        self,
        order: TrialOrder,
        metric: str,
        log: EventLog,
        usage: Usage,
        before: Progress,
        saved: Checkpoint | None,
    ) -> None:
        self.params: Mapping[str, Any] = MappingProxyType(dict(order.params))
        self.seed = order.seed
        self.threads = order.threads
        self.example_input: Any = None
        self.tracked: dict[str, Any] = {}
        self.metrics = dict(saved.metrics) if saved else {}
        self.outcome: Outcome | None = None  # set as soon as the end is decided
        self._order = order
        self._metric = metric
        rules = {name: f"rule {rule!r} needs" for name, rule in order.reported.items()}
        self._reported = rules | {metric: "is the study's objective"}
        self._log = log
        self._usage = usage
        self._saved = saved
        self._done = self._usage.epochs = saved.epoch if saved else 0
        self._epoch: int | None = None  # the current one
        self._planned: int | None = None
        self._curve = [point for point in before.curve if point.epoch <= self._done]
        self._throttle = checkpoints.Throttle()
        self._folder = Path(order.folder)

    @property
    def value(self) -> float | None:
        """The objective's last report."""
        return self._curve[-1].value if self._curve else None

    def track(self, **objects: Any) -> None:
        """Name the objects that checkpoints hold; when a trial resumes, they are restored here.

        Args:
            objects: The model, the optimizer, a scheduler: anything with `state_dict()` and
                `load_state_dict()`. The one named `model` is saved, measured and scored.
        """
        for name, one in objects.items():
            if not (hasattr(one, "state_dict") and hasattr(one, "load_state_dict")):
                raise TypeError(
                    f"track({name}=...): {type(one).__name__} has no state_dict() and "
                    "load_state_dict(), so a checkpoint cannot hold it"
                )
            if self._saved is not None and name in self._saved.states:
                one.load_state_dict(self._saved.states[name])
        self.tracked |= objects

    def epochs(self, count: int) -> Iterator[int]:
        """Yield the epochs from the first one not yet complete to `count`, inclusive.

        Between two epochs the trial saves a checkpoint if one is due, pauses or stops on request,
        and ends if its deadline has passed or the next epoch is not worth its price.
        """
        self._restore()
        self._planned = count
        for epoch in range(self._done + 1, count + 1):
            if not self._may_start(epoch, count):
                return
            self._epoch = epoch
            yield epoch
            self._done, self._epoch = epoch, None
            self._usage.epochs = epoch

    def report(self, **metrics: Any) -> None:
        """Report the metrics of an epoch; the last report is the trial's result.

        The last and not the best: the best epoch is chosen on the same data that scores it, so its
        value would be biased upwards.

        Args:
            metrics: Numbers by name, including the study's objective and the metrics in its rules.
        """
        self._go_on()
        for name, about in self._reported.items():
            if name not in metrics:
                raise ValueError(_missing(name, about, metrics))
        values = {name: float(value) for name, value in metrics.items()}
        value = values[self._metric]
        epoch = self._epoch or (self._curve[-1].epoch + 1 if self._curve else 1)
        if not math.isfinite(value):
            reason = f"{self._metric} became {value} in epoch {epoch}"
            self._end(Outcome(TrialState.FAILED, reason, Failure.NOT_A_NUMBER))
        self._usage.epochs = epoch
        used = self._usage.read()
        if self._curve and self._curve[-1].epoch == epoch:
            self._curve.pop()  # a second report of the same epoch replaces the first
        self._curve.append(CurvePoint(epoch, value, used.seconds))
        self.metrics = values
        facts = {"planned": self._planned, **used.facts()}
        self._log.append("epoch", epoch=epoch, value=value, metrics=values, **facts)

    def finish(self, example_input: Any = None) -> None:
        """Mark the training as finished.

        Args:
            example_input: An input for the model with a batch size of one, to measure and export
                it with; by default the problem's `example_input(params)` or the first training
                example.
        """
        self.example_input = example_input

    def _may_start(self, epoch: int, count: int) -> bool:
        self._go_on()
        self._obey()
        used = self._usage.read().seconds
        deadline = self._order.deadline_seconds
        if deadline is not None and used >= deadline:
            if not self._curve:
                reason = f"its deadline of {deadline:.4g} s passed during its first epoch"
                self._end(Outcome(TrialState.FAILED, reason, Failure.OVERRAN))
            self.outcome = Outcome(
                TrialState.COMPLETE,
                f"its deadline of {deadline:.4g} s passed after {epoch - 1} of {count} epochs",
            )
            return False
        decision = self._should_stop(epoch - 1, count)
        if decision is not None and decision.stop:
            self._end(Outcome(TrialState.PRUNED, decision.reason))
        if self._throttle.due():
            self._save()
        return True

    def _should_stop(self, epoch: int, count: int) -> Decision | None:
        if self._order.pruning is None or not self._curve or self._curve[-1].epoch != epoch:
            return None
        from satisfice.tasks.trial.pruning import should_stop

        return should_stop(self._order.pruning, tuple(self._curve), epoch, count)

    def _obey(self) -> None:
        path = Path(self._order.control)
        command = control.command(path)
        if command == "run":
            return
        self._save()
        if command == "pause":
            self._usage.pause()
            self._log.append("paused")
            while (command := control.command(path)) == "pause":
                time.sleep(LOOK_SECONDS)
            self._log.append("resumed")
            self._usage.resume()
        if command == "stop":
            # Without tracked objects there is no state to resume from.
            first = self._done + 1 if self.tracked else 1
            reason = f"stopped after epoch {self._done}; it resumes with epoch {first}"
            self._end(Outcome(TrialState.RUNNING, reason))

    def _save(self) -> None:
        if not self.tracked or not self._done:
            return
        with self._throttle.saving():
            states = {name: one.state_dict() for name, one in self.tracked.items()}
            saved = Checkpoint(self._done, self.metrics, states, checkpoints.randomness())
            checkpoints.save(
                self._folder,
                saved,
                lambda digest: self._log.append("checkpoint", epoch=saved.epoch, digest=digest),
            )

    def _restore(self) -> None:
        if self._saved is None:
            return
        missing = sorted(self._saved.states.keys() - self.tracked.keys())
        if missing:
            raise StudyCodeError(
                f"the checkpoint holds {', '.join(missing)}, which train() does not track",
                "Call trial.track() with the same names as before, and before trial.epochs().",
            )
        checkpoints.restore_randomness(self._saved.randomness)
        self._saved = None

    def _go_on(self) -> None:
        # Ends also a train() that catches everything with a bare `except:`.
        if self.outcome is not None and self.outcome.state is not TrialState.COMPLETE:
            raise End(self.outcome)

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        raise End(outcome)


def _missing(metric: str, about: str, reported: Mapping[str, Any]) -> str:
    near = nearest(metric, reported, cutoff=0.4)
    guess = "" if near is None else f"; did you mean {near!r}?"
    names = ", ".join(map(repr, reported)) or "nothing"
    return f"report() was given {names}, but not {metric!r}, which {about}{guess}"
