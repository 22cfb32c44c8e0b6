"""What a search has seen so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from satisfice.domain.economics.cost import NOTHING, Cost, total
from satisfice.domain.economics.worth import Direction
from satisfice.domain.space.space import Params


class TrialState(StrEnum):
    """How far a trial has come."""

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
    OVERRAN = "overran"  # past its deadline, and did not end at the next epoch
    LOST = "lost"  # the worker vanished without a word
    STOPPED = "stopped"  # somebody stopped it by hand before it had a value


class Purpose(StrEnum):
    """What an order is for."""

    SEARCH = "search"
    DEFAULT = "default"  # the study's default configuration, for comparison
    CONFIRMATION = "confirmation"  # a leader again, with a fresh seed, scored on the test split
    AUDIT = "audit"  # breaks one rule, to see what comes of it

    @property
    def competes(self) -> bool:
        """Whether the search chooses among such trials, and learns and decides from them."""
        return self in _COMPETING


_COMPETING = (Purpose.SEARCH, Purpose.DEFAULT)
CALLED = {Purpose.CONFIRMATION: "confirm", Purpose.AUDIT: "audit"}  # all others are trials


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit is about.

    Attributes:
        rule: The id of the rule that it breaks.
        beside: The number of the trial, just inside of the rule, that it is compared with.
    """

    rule: str
    beside: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One report of a trial.

    Attributes:
        epoch: Number of the epoch, from 1.
        value: The objective's metric.
        seconds: Seconds of training since the trial began, pauses not counted.
    """

    epoch: int
    value: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """Everything that a decision may know of one trial.

    Attributes:
        number: The trial's number in its search, from 0.
        params: The active parameters.
        state: How far it has come.
        value: The objective's metric at its end (on the validation split); None without one.
        curve: Its reports, in order.
        cost: What it took.
        seed: The seed that it was trained with.
        purpose: What it was for.
        failure: Why it failed, where it did.
        reason: In one sentence, why it ended as it did, where that needs saying.
        metrics: Whatever else it reported at its end.
        measured: What its process was seen to need, by the names under which it is predicted:
            `memory_mb`, `checkpoint_bytes`; what is not known is not in it.
        margins: By soft rule, how far it is from the limit; below zero: it breaks it. What is not
            known, of a pruned trial say, is not in it.
        audit: What it is about, where it is an audit.
        epochs: How many epochs it planned; None where that is not known.
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
        """The share of its epochs that was trained; 1 where nothing says that any is missing."""
        return min(self.curve[-1].epoch / self.epochs, 1.0) if self.curve and self.epochs else 1.0

    @property
    def has_value(self) -> bool:
        """Whether the trial ran to its end and left a finite value."""
        done = self.state is TrialState.COMPLETE
        return done and self.value is not None and math.isfinite(self.value)


@dataclass(frozen=True)
class History:
    """The finished trials among which a search chooses, in the order in which they finished.

    Incumbent, leaders and winner, forecasts, decisions and pictures are all read from here. Trials
    that do not compete (confirmations, audits) are refused, so that none can become any of these.

    Attributes:
        trials: Complete, pruned and failed trials; what still runs is pending, not history.
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
        """The trials with a value that break no soft rule: one of them may win."""
        return tuple(one for one in self.complete if not one.broken)

    @cached_property
    def telling(self) -> tuple[TrialRecord, ...]:
        """The trials that tell how good their configuration is: with a value, or given up."""
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
        """Return the leaders, and where they are fewer also the best of those that break a rule."""
        rest = tuple(one for one in self.complete if one.broken)
        return (*self.leaders(count), *self._by_value(rest))[:count]

    def _by_value(self, trials: tuple[TrialRecord, ...]) -> tuple[TrialRecord, ...]:
        sign = self.direction.sign
        return tuple(sorted(trials, key=lambda one: -sign * (one.value or 0.0)))

    @cached_property
    def spent(self) -> Cost:
        """The cost of all trials, failed and pruned ones included."""
        return total(one.cost for one in self.trials)
