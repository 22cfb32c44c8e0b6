"""Whether to train a trial further: the expected worth of finishing against its expected cost.

A trial is placed by how far it is behind the incumbent, on a logarithmic scale: to halve a large
distance is the same step wherever it is done. On that scale the curves of a search look alike. From
an epoch to the last one they rise by about the same, leaders and laggards, and what a curve differs
from that is a random walk in the logarithm of the epoch: from epoch e to epoch n its variance is
sigma^2 log(n / e). So a mean and a variance are all that is to be learnt, and very few curves will
do. Late bloomers and noise make the walk wider. The gain is the expected improvement over the
incumbent (Jones, Schonlau and Welch 1998, Efficient Global Optimization of Expensive Black-Box
Functions, equation 15).

What it is worth on real curves, and what else was tried: docs/decisions/0015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from domain.decision import Decision
from domain.history import CurvePoint
from domain.replicates import Scale
from domain.wording import counted, money, number
from domain.worth import Direction, Worth

Floats: TypeAlias = npt.NDArray[np.float64]
Curve: TypeAlias = tuple[CurvePoint, ...]

_NEAR = 0.3  # of the median distance to the incumbent: below that, distances count linearly
_WALK = 0.35**2  # what the variance of the walk is taken to be before curves tell
_DOUBT = 2.0  # and that weighs as much as so many curves
_LEADERS = 1 / 4  # of the trials that came as far are not given up
_FAR = 1e6  # in units of what is near: whatever is farther is as far
_LOOKS = 24  # epochs at which the other curves are read, evenly spaced in their logarithm


@dataclass(frozen=True, slots=True)
class PruningPolicy:
    """What must hold before a trial may be given up.

    Attributes:
        min_curves: Finished curves before which no trial is given up.
    """

    min_curves: int = 2

    def __post_init__(self) -> None:
        if self.min_curves < 1:
            raise ValueError(f"min_curves must be at least 1, got {self.min_curves}")


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the decision on a running trial may look at.

    Attributes:
        curve: The trial's reports so far.
        epochs: The number of epochs that it plans.
        finished: Curves of finished trials of the same search, each to its last epoch.
        pruned: Curves of trials that were given up, which are taken to have planned as many epochs.
        incumbent: The best value of a finished trial; None without one.
        direction: Which way the metric gets better.
        worth: What a gain over the incumbent is worth.
        second: The price of a second of training, energy included.
        epoch_seconds: Seconds that an epoch of this trial takes.
        currency: What money is counted in.
    """

    curve: Curve
    epochs: int
    finished: tuple[Curve, ...]
    pruned: tuple[Curve, ...]
    incumbent: float | None
    direction: Direction
    worth: Worth
    second: float
    epoch_seconds: float
    currency: str


def decide(standing: Standing, policy: PruningPolicy = PruningPolicy()) -> Decision:
    """Give a trial up when finishing it is not expected to pay.

    A trial that is among the best quarter of those that came as far is not given up: what its curve
    would teach is of use to all later trials, and a search that finishes nothing learns nothing.

    Args:
        standing: The trial's curve, the curves of others, and the prices.
        policy: The guards.

    Returns:
        A decision. Where a forecast was made, its evidence holds `expected_gain` and
        `expected_cost` (money) of the epochs that are left, and `forecast`, the median of where
        the trial would end.
    """
    curve = tuple(point for point in standing.curve if math.isfinite(point.value))
    if not curve or standing.incumbent is None:
        return Decision.to_continue("there is nothing yet to compare the trial with")
    epoch = curve[-1].epoch
    left = standing.epochs - epoch
    if left <= 0:
        return Decision.to_continue("the trial has reached its last epoch")
    finished, pruned = _finite(standing.finished), _finite(standing.pruned)
    if len(finished) < policy.min_curves:
        least = counted(policy.min_curves, "curve")
        return Decision.to_continue(
            f"{len(finished)} of at least {least} of other trials are there"
        )
    outlook = _outlook(standing, curve, finished, pruned)
    if outlook is None:
        return Decision.to_continue("no trial has ever stood behind the best one")
    cost = left * standing.epoch_seconds * standing.second
    pays = outlook.gain > cost or cost <= 0
    told = outlook.gain if outlook.gain > 1e-6 * cost else 0.0  # 1.3e-29 EUR is nothing
    reason = (
        f"the last {counted(left, 'epoch')} would {'' if pays else 'only '}bring "
        f"{money(told, standing.currency)} (from {number(curve[-1].value)} to about "
        f"{number(outlook.forecast)}, the best being {number(standing.incumbent)}) and cost "
        f"{money(cost, standing.currency)}"
    )
    if outlook.leads and not pays:
        reason += f", but few trials were as good after {counted(epoch, 'epoch')}"
    evidence = {
        "expected_gain": outlook.gain,
        "expected_cost": cost,
        "forecast": outlook.forecast,
    }
    return Decision(not pays and not outlook.leads, reason, evidence)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What finishing a trial would bring.

    Attributes:
        gain: Its expected worth, in money.
        forecast: The median of the metric at the trial's end.
        leads: Whether it is among the best of those that came as far.
    """

    gain: float
    forecast: float
    leads: bool


def _outlook(
    standing: Standing, curve: Curve, finished: list[Curve], pruned: list[Curve]
) -> _Outlook | None:
    scale = Scale(standing.direction, standing.worth.per)
    best = _level(scale, standing.incumbent or 0.0)
    reports = [point.value for one in (*finished, *pruned) for point in one]
    behind = best - scale.of(np.array(reports))
    if not np.any(behind > 0):
        return None
    near = _NEAR * float(np.median(behind[behind > 0]))
    looks = np.geomspace(curve[-1].epoch, standing.epochs, _LOOKS)
    left = np.log(standing.epochs / looks)
    shares = looks / standing.epochs  # others may have planned more epochs, or fewer
    values = [_read(one, shares * one[-1].epoch) for one in finished]
    values += [_read(one, looks) for one in pruned]
    stood = _placed((scale.of(np.array(values)) - best) / near)
    # What is left to rise, from each look on: every curve tells of the steps that it has taken.
    steps = np.nanmean(np.diff(stood, axis=1), axis=0)
    rise = np.append(np.cumsum(steps[::-1])[::-1], 0.0)
    ends = stood[: len(finished)]
    walked = ends[:, -1:] - ends - rise
    seen = float(np.sum(walked**2) / np.sum(left))
    variance = (seen + _DOUBT * _WALK) / (len(finished) - 1 + _DOUBT)
    now = float(_placed((scale.of(np.array([curve[-1].value])) - best) / near)[0])
    middle = now + float(rise[0])
    # The rise is a mean over curves, and wrong by as much as so few can be.
    spread = math.sqrt(variance * float(left[0]) * (1 + 1 / len(finished)))
    gain = _improvement(middle, spread)
    if standing.worth.target is not None:  # nothing beyond it is worth anything
        target = (_level(scale, standing.worth.target) - best) / near
        gain = gain - _improvement(middle - target, spread) if target > 0 else 0.0
    end = best + near * (middle if middle > 0 else -math.expm1(min(-middle, 100.0)))
    peers = stood[~np.isnan(stood[:, 0]), 0]
    return _Outlook(
        gain=max(gain, 0.0) * near * standing.worth.per_level,
        forecast=float(scale.metric(np.array([end]))[0]),
        leads=int(np.sum(peers >= now)) < max(_LEADERS * (len(peers) + 1), 1),
    )


def _placed(distances: Floats) -> Floats:
    """Place distances to the incumbent, in units of what is near: logarithmic behind it."""
    distances = np.clip(distances, -_FAR, _FAR)
    return np.where(distances > 0, distances, -np.log1p(-np.minimum(distances, 0.0)))


def _improvement(middle: float, spread: float) -> float:
    """Return the expected positive part of a normal variable."""
    ratio = middle / spread
    density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return spread * density + middle * math.erfc(-ratio / math.sqrt(2)) / 2


def _level(scale: Scale, value: float) -> float:
    return float(scale.of(np.array([value]))[0])


def _finite(curves: tuple[Curve, ...]) -> list[Curve]:
    return [one for one in curves if one and all(math.isfinite(point.value) for point in one)]


def _read(curve: Curve, epochs: Floats) -> Floats:
    """Read a curve between its reports; NaN beyond its last one."""
    known = [point.epoch for point in curve]
    return np.interp(epochs, known, [point.value for point in curve], right=np.nan)
