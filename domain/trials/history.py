"""Trials, and the history of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from statistics import median

from satisfice.domain.economics.cost import NOTHING, Cost, total
from satisfice.domain.economics.worth import Direction
from satisfice.domain.space.space import Params


class TrialState(StrEnum):
    """The state of a trial."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


class Failure(StrEnum):
    """Why a trial failed."""

    CRASHED = "crashed"  # the training code raised
    KILLED = "killed"  # the process died by a signal
    OUT_OF_MEMORY = "out of memory"
    NOT_A_NUMBER = "not a number"  # the metric became NaN or infinite
    OVERRAN = "overran"  # passed its deadline, and did not end at the next epoch
    LOST = "lost"  # the worker vanished
    STOPPED = "stopped"  # stopped by hand before it had a value


class Purpose(StrEnum):
    """The purpose of a trial."""

    SEARCH = "search"
    DEFAULT = "default"  # the study's default configuration, for comparison
    CONFIRMATION = "confirmation"  # a leader again, with a fresh seed, scored on the test split
    AUDIT = "audit"  # breaks one rule, to learn whether the rule is right

    @property
    def competes(self) -> bool:
        """Whether the search learns from such trials and chooses among them."""
        return self in _COMPETING


_COMPETING = (Purpose.SEARCH, Purpose.DEFAULT)
CALLED = {Purpose.CONFIRMATION: "confirm", Purpose.AUDIT: "audit"}  # all others are trials


@dataclass(frozen=True, slots=True)
class Audit:
    """The subject of an audit.

    Attributes:
        rule: The id of the rule that it breaks.
        beside: The number of the trial just inside the rule that it is compared with.
    """

    rule: str
    beside: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One report of a trial.

    Attributes:
        epoch: Number of the epoch, from 1.
        value: The objective's metric.
        seconds: Seconds of training since the trial began, without pauses.
    """

    epoch: int
    value: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """All that a decision may know about one trial.

    Attributes:
        number: The trial's number in its search, from 0.
        params: The active parameters.
        state: Its state.
        value: Its final value of the metric (on the validation split); None without one.
        curve: Its reports, in order.
        cost: Its cost.
        seed: The seed that it was trained with.
        purpose: Its purpose.
        failure: Why it failed, if it did.
        reason: Why it ended as it did, in one sentence, or empty.
        metrics: The other metrics it reported last.
        measured: Resources that its process used, by the names of their predictions (`memory_mb`,
            `checkpoint_bytes`), as far as they are known.
        margins: The margins of the soft rules by rule id, as far as they are known; below zero: it
            breaks the rule.
        audit: The subject of an audit; otherwise None.
        epochs: How many epochs it planned; None if unknown.
    """

    number: int
    params: Params
    state: TrialState
    value: float | None = None
    curve: tuple[CurvePoint, ...] = ()
    cost: Cost = NOTHING
    seed: int = 0
    purpose: Purpose = Purpose.SEARCH
    failure: Failure | None = None
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    audit: Audit | None = None
    epochs: int | None = None

    @property
    def broken(self) -> tuple[str, ...]:
        """The ids of the soft rules that it is known to break."""
        return tuple(rule for rule, margin in self.margins.items() if margin < 0)

    @property
    def progress(self) -> float:
        """The share of its planned epochs that was trained; 1 if that is unknown."""
        return min(self.curve[-1].epoch / self.epochs, 1.0) if self.curve and self.epochs else 1.0

    @property
    def seconds_per_epoch(self) -> float | None:
        """The median over its epochs without the first, which sets things up.

        A trial of one epoch has that one; a trial without a report has none.
        """
        if not self.curve:
            return None
        gaps = [
            (after.seconds - before.seconds) / (after.epoch - before.epoch)
            for before, after in pairwise(self.curve)
        ]
        first = self.curve[0]
        return median(gaps) if gaps else first.seconds / max(first.epoch, 1)

    @property
    def has_value(self) -> bool:
        """Whether the trial is complete and has a finite value."""
        done = self.state is TrialState.COMPLETE
        return done and self.value is not None and math.isfinite(self.value)


@dataclass(frozen=True)
class History:
    """The finished trials of a search, in the order in which they finished.

    The incumbent, the leaders, forecasts, decisions and figures all come from here. Trials that do
    not compete (confirmations, audits) are refused, so that they cannot affect any of these.

    Attributes:
        trials: Complete, pruned and failed trials; running ones are pending, not history.
        direction: Which way the metric gets better.
    """

    trials: tuple[TrialRecord, ...]
    direction: Direction

    def __post_init__(self) -> None:
        for one in self.trials:
            if one.purpose not in _COMPETING:
                raise ValueError(f"trial {one.number} does not compete: it is for {one.purpose}")

    @cached_property
    def complete(self) -> tuple[TrialRecord, ...]:
        """The trials with a value."""
        return tuple(one for one in self.trials if one.has_value)

    @cached_property
    def feasible(self) -> tuple[TrialRecord, ...]:
        """The trials with a value that break no soft rule: only these can win."""
        return tuple(one for one in self.complete if not one.broken)

    @cached_property
    def informative(self) -> tuple[TrialRecord, ...]:
        """The trials that say how good their configuration is: complete with a value, or pruned."""
        return tuple(
            one
            for one in self.trials
            if one.has_value or (one.state is TrialState.PRUNED and one.curve)
        )

    @cached_property
    def best(self) -> TrialRecord | None:
        """The incumbent: the feasible trial with the best value, the earliest among equals."""
        return next(iter(self.leaders(1)), None)

    @cached_property
    def incumbents(self) -> tuple[float | None, ...]:
        """The value of the incumbent after each trial; None until there is one."""
        sign, line = self.direction.sign, []
        best: float | None = None
        for one in self.trials:
            value = one.value if one.has_value and not one.broken else None
            if value is not None and (best is None or sign * value > sign * best):
                best = value
            line.append(best)
        return tuple(line)

    def leaders(self, count: int) -> tuple[TrialRecord, ...]:
        """Return the best feasible trials, best first, the earlier first among equals."""
        return self._by_value(self.feasible)[:count]

    def ranking(self, count: int) -> tuple[TrialRecord, ...]:
        """Return the leaders, followed by the best infeasible trials if they are too few."""
        rest = tuple(one for one in self.complete if one.broken)
        return (*self.leaders(count), *self._by_value(rest))[:count]

    def _by_value(self, trials: tuple[TrialRecord, ...]) -> tuple[TrialRecord, ...]:
        sign = self.direction.sign
        return tuple(sorted(trials, key=lambda one: -sign * (one.value or 0.0)))

    @cached_property
    def spent(self) -> Cost:
        """The cost of all trials, failed and pruned ones included."""
        return total(one.cost for one in self.trials)
