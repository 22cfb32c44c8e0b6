"""Run one order: start the training, enforce its limits, and build the result."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from satisfice.domain.economics.cost import Prices
from satisfice.domain.trials.history import Failure, TrialState
from satisfice.domain.trials.orders import TrialOrder, TrialResult
from satisfice.tasks.files.events import Event
from satisfice.tasks.models.saved import MODEL
from satisfice.tasks.trial.checkpoints import CURRENT
from satisfice.tasks.trial.limits import resident_mib
from satisfice.tasks.trial.progress import LOG, Progress
from satisfice.tasks.trial.setting import OUTPUT
from satisfice.tasks.trial_server.client import TrialServer, server_for
from satisfice.tasks.trial_server.process import Child, ServerDied, how_it_ended

TICK_SECONDS = 0.2  # how often the limits are checked
CONCLUDING_SECONDS = 300.0  # for scoring and saving, once `train()` has returned
# The limit on allocations is tighter: it lets the training say where it ran out of memory.
RESIDENT_MARGIN = 1.1
RESIDENT_SLACK_MIB = 32.0
DYING_SECONDS = 10.0  # for a killed process to exit


def run_order(order: TrialOrder, prices: Prices, server: TrialServer | None = None) -> TrialResult:
    """Train an order until it ends in any way.

    Args:
        order: The order. Its deadline covers the seconds of all attempts.
        prices: What resources cost.
        server: The trial server; None: this process's server for the order's study.

    Returns:
        The result, also for a training that failed; `running` means that it was interrupted and
        that an order with the next attempt resumes it.

    Raises:
        StudyCodeError: The study's code cannot be imported, or its data differs from what the data
        gate passed. ExternalSystemError: There is no server, and none can be started.
    """
    server = server or server_for(order)
    idle_mib = server.ready().resident_mib
    progress = _earlier_attempts(order)
    watch = _Watch(order, progress, idle_mib)
    with server.train(order) as child:
        how = watch.until_it_ends(child)
    if progress.end is not None:
        return _as_logged(order, progress, progress.end, prices)
    if server.closed:
        return _result(order, progress, prices, TrialState.RUNNING, reason=_INTERRUPTED)
    failure, reason = watch.verdict or how
    return _result(
        order,
        progress,
        prices,
        TrialState.FAILED,
        seconds=watch.charged(),
        failure=failure,
        reason=f"{reason}; its output is in {OUTPUT}",
    )


_INTERRUPTED = "interrupted with the search; it resumes after its last checkpoint"


@dataclass
class _Watch:
    """Watches one training.

    Attributes:
        order: The order.
        progress: What its event log says.
        idle_mib: Memory of the idle server.
        verdict: Why the training was killed, if it was.
    """

    order: TrialOrder
    progress: Progress
    idle_mib: float
    verdict: tuple[Failure, str] | None = None
    _began: float = field(default_factory=time.monotonic)
    _heard: float = field(default_factory=time.monotonic)  # when the training seconds last grew
    _before: float = field(init=False)
    _pauses: float = 0.0

    def __post_init__(self) -> None:
        self._before = self.progress.seconds

    def until_it_ends(self, child: Child) -> tuple[Failure, str]:
        """Wait for the end of a training, and kill it if it exceeds a limit.

        Returns:
            The failure, if the training has not logged how it ended.
        """
        killed_at: float | None = None
        try:
            while (message := child.wait(TICK_SECONDS)) is None:
                self._listen()
                if killed_at is None:
                    self.verdict = self._broken(child.pid)
                    if self.verdict is not None:
                        child.kill()
                        killed_at = time.monotonic()
                elif time.monotonic() - killed_at > DYING_SECONDS:
                    return Failure.LOST, f"process {child.pid} was killed and does not exit"
        except ServerDied as gone:
            self._listen()
            return Failure.LOST, gone.message.splitlines()[0]
        self._listen()
        return _failure(message["exit"])

    def used(self) -> float:
        """Return the seconds of training: the last value in the log plus the time since."""
        silence = 0.0 if self.progress.paused else time.monotonic() - self._heard
        return self.progress.seconds + silence

    def charged(self) -> float:
        """Return the seconds of training, by the supervisor's clock if that shows more."""
        now = time.monotonic()
        pauses = self._pauses + (now - self._heard if self.progress.paused else 0.0)
        return max(self.used(), self._before + now - self._began - pauses)

    def _listen(self) -> None:
        known = self.progress.seconds, self.progress.paused
        self.progress.follow()
        if known == (self.progress.seconds, self.progress.paused):
            return
        now = time.monotonic()
        if known[1]:
            self._pauses += now - self._heard
        self._heard = now

    def _broken(self, pid: int) -> tuple[Failure, str] | None:
        order, progress = self.order, self.progress
        if order.deadline_seconds is not None:
            grace = max(order.grace_seconds, progress.longest)
            most = order.deadline_seconds + grace + CONCLUDING_SECONDS * progress.trained
            if self.used() > most:
                return Failure.OVERRAN, (
                    f"killed {self.used() - order.deadline_seconds:.1f} s past its deadline of "
                    f"{order.deadline_seconds:.4g} s, during an epoch"
                )
        if order.memory_mb is not None:
            added = _resident_mib(pid) - self.idle_mib
            if added > order.memory_mb * RESIDENT_MARGIN + RESIDENT_SLACK_MIB:
                return Failure.OUT_OF_MEMORY, (
                    f"killed with {added:.0f} MiB more than the idle process; "
                    f"its limit is {order.memory_mb} MiB"
                )
        return None


def _earlier_attempts(order: TrialOrder) -> Progress:
    progress = Progress(Path(order.folder) / LOG)
    progress.follow()
    progress.end = None  # of an earlier attempt
    return progress


def _resident_mib(pid: int) -> float:
    try:
        return resident_mib(pid)
    except (psutil.Error, OSError, KeyError):  # it has just exited
        return 0.0


def _failure(code: int) -> tuple[Failure, str]:
    """Return the failure that an exit code means if the training has logged no end."""
    if code >= 0:
        return Failure.CRASHED, f"the process {how_it_ended(code)} before train() returned"
    guess = ", perhaps out of memory" if code == -signal.SIGKILL else ""
    return Failure.KILLED, f"the process {how_it_ended(code)}{guess}"


def _as_logged(order: TrialOrder, progress: Progress, end: Event, prices: Prices) -> TrialResult:
    if end["kind"] == "failed":
        failure = Failure(end["failure"])
        return _result(
            order, progress, prices, TrialState.FAILED, failure=failure, reason=end["reason"]
        )
    progress.metrics = end["metrics"]
    return _result(order, progress, prices, TrialState(end["state"]), reason=end["reason"])


def _result(
    order: TrialOrder,
    progress: Progress,
    prices: Prices,
    state: TrialState,
    *,
    seconds: float = 0.0,
    failure: Failure | None = None,
    reason: str,
) -> TrialResult:
    stated = order.epoch_seconds is not None  # then the record does not depend on the clock
    used = progress.seconds if stated else max(progress.seconds, seconds)
    return TrialResult(
        number=order.number,
        attempt=order.attempt,
        state=state,
        value=None if state is TrialState.FAILED else progress.value,
        metrics=dict(progress.metrics),
        curve=progress.curve,
        cost=prices.of(used, progress.kwh, progress.energy),
        failure=failure,
        reason=reason,
        artefacts=_artefacts(Path(order.folder)),
        measured=dict(progress.measured),
        epochs=progress.epochs,
    )


def _artefacts(folder: Path) -> dict[str, str]:
    files = {"log": LOG, "output": OUTPUT, "checkpoint": CURRENT, "model": MODEL}
    return {name: str(folder / file) for name, file in files.items() if (folder / file).exists()}
