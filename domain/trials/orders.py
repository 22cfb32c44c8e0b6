"""Orders for workers and their results: small, pure data that can be sent anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from satisfice.domain.economics.cost import NOTHING, Cost
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import Params
from satisfice.domain.trials.history import (
    Audit,
    CurvePoint,
    Failure,
    Purpose,
    TrialRecord,
    TrialState,
)


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """One training to be run.

    Attributes:
        search: The search's id, `digits-3`.
        number: The trial's number in the search.
        attempt: 1 for the first attempt; each resumption adds 1.
        study: Path of the study folder.
        folder: Path of the trial's own folder: event log, checkpoint, model.
        control: Path of the search's control file (pause, stop).
        params: The active parameters.
        seed: Seeds every source of randomness of the training.
        purpose: Its purpose; a confirmation is scored on the test split as well.
        verdict: The verdict of the rules at that time: later predictions may differ.
        data_digest: Digest of the validated data; other data is refused.
        threads: Processor threads of the training.
        deadline_seconds: Seconds of training after which no further epoch begins; None: no limit.
        grace_seconds: Seconds after the deadline before a running epoch is killed.
        memory_mb: Limit on the memory that the training adds to the idle process; None: no limit.
        epoch_seconds: A fixed duration of an epoch instead of the clock's, so that a search can be
            repeated bit for bit; None: the clock.
        keep_model: Whether to save the model, so that it can be measured and registered.
        pruning: Path of a snapshot of the data for the pruning decision; None: never prune.
        time_inferences: Whether to time a few inferences of a complete training, for predictions.
        measure_inferences: Whether to measure as many as for a winner, for soft rules.
        reported: Metrics that each report must contain besides the objective, each with the id of
            the soft rule that uses it.
        audit: The subject of an audit; otherwise None.
    """

    search: str
    number: int
    attempt: int
    study: str
    folder: str
    control: str
    params: Params
    seed: int
    purpose: Purpose
    verdict: Verdict
    data_digest: str
    threads: int = 1
    deadline_seconds: float | None = None
    grace_seconds: float = 10.0
    memory_mb: int | None = None
    epoch_seconds: float | None = None
    keep_model: bool = False
    pruning: str | None = None
    time_inferences: bool = False
    measure_inferences: bool = False
    reported: Mapping[str, str] = field(default_factory=dict)
    audit: Audit | None = None


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of an order.

    Attributes:
        number: The trial's number.
        attempt: Which attempt this was.
        state: Complete, pruned or failed; running if it was interrupted and can be resumed.
        value: The objective's last reported value; None without one.
        metrics: All metrics of the last report; a confirmation's test metrics as `test_<metric>`.
        curve: The objective's reports, those of earlier attempts included.
        cost: The cost of all attempts together.
        failure: Why it failed, if it did.
        reason: Why it ended as it did, in one sentence, or empty.
        artefacts: Paths by name: `model`, `checkpoint`, `log`.
        measured: Resources that its process used, by the names of their predictions.
        epochs: How many epochs it planned; None if unknown.
    """

    number: int
    attempt: int
    state: TrialState
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[CurvePoint, ...] = ()
    cost: Cost = NOTHING
    failure: Failure | None = None
    reason: str = ""
    artefacts: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    epochs: int | None = None


def trial_seed(seed: int, number: int) -> int:
    """Return the seed of a trial; it depends on the study's seed and the trial's number alone."""
    digest = hashlib.blake2b(f"{seed}/trial/{number}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def trial_of(order: TrialOrder) -> TrialRecord:
    """Return the running trial of an order."""
    return TrialRecord(
        order.number,
        order.params,
        TrialState.RUNNING,
        seed=order.seed,
        purpose=order.purpose,
        audit=order.audit,
    )


def record_of(order: TrialOrder, result: TrialResult) -> TrialRecord:
    """Return the finished trial of an order; one that was stopped before its end has failed."""
    stopped = result.state is TrialState.RUNNING
    return replace(
        trial_of(order),
        state=TrialState.FAILED if stopped else result.state,
        value=result.value,
        curve=result.curve,
        cost=result.cost,
        failure=Failure.STOPPED if stopped else result.failure,
        reason=result.reason,
        metrics=result.metrics,
        measured=result.measured,
        epochs=result.epochs,
    )
