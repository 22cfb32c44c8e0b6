"""Whether to train a trial further: the expected worth of finishing against its expected cost.

What is left to gain is read from the curves of finished trials: a regression, at the same progress,
of where they ended on where they stood. Its slope is shrunk towards 1 ("keeps its distance") while
curves are few; where early values say little about final ones it falls towards 0, and nobody is
given up early. Around it lie all residuals that were seen, the late bloomers among them, one that
is larger than any of them, and a tail that never ends. So a chance always remains, and whether it
pays is a matter of its price.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
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

_DOUBT = 4.0  # as many curves weigh as much as the assumption that a trial keeps its distance
_LEVELS = (np.arange(24) + 0.5) / 24
_LAPLACE = np.where(  # quantiles of a Laplace distribution: its tails are exponential
    _LEVELS < 0.5, np.log(2 * _LEVELS), -np.log(2 * (1 - _LEVELS))
)


@dataclass(frozen=True, slots=True)
class PruningPolicy:
    """What must hold before a trial may be given up.

    Attributes:
        min_curves: Finished curves before which no trial is given up.
    """

    min_curves: int = 4

    def __post_init__(self) -> None:
        if self.min_curves < 2:
            raise ValueError(f"min_curves must be at least 2, got {self.min_curves}")


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the decision on a running trial may look at.

    Attributes:
        curve: The trial's reports so far.
        epochs: The number of epochs that it plans.
        others: Curves of finished trials of the same search, each from its start to its last epoch.
        incumbent: The best value of a finished trial; None without one.
        direction: Which way the metric gets better.
        worth: What a gain over the incumbent is worth.
        second: The price of a second of training, energy included.
        epoch_seconds: Seconds that an epoch of this trial takes.
        currency: What money is counted in.
    """

    curve: Curve
    epochs: int
    others: tuple[Curve, ...]
    incumbent: float | None
    direction: Direction
    worth: Worth
    second: float
    epoch_seconds: float
    currency: str


def decide(standing: Standing, policy: PruningPolicy = PruningPolicy()) -> Decision:
    """Give a trial up when finishing it is not expected to pay.

    Args:
        standing: The trial's curve, the curves of others, and the prices.
        policy: The guards.

    Returns:
        A decision. Where a forecast was made, its evidence holds `expected_gain` and
        `expected_cost` (money) and `forecast`, the median of where the trial would end.
    """
    curve = tuple(point for point in standing.curve if math.isfinite(point.value))
    if not curve or standing.incumbent is None:
        return Decision.to_continue("there is nothing yet to compare the trial with")
    left = standing.epochs - standing.curve[-1].epoch
    if left <= 0:
        return Decision.to_continue("the trial has reached its last epoch")
    others = [one for one in standing.others if one and _is_finite(one)]
    if len(others) < policy.min_curves:
        least = counted(policy.min_curves, "curve")
        return Decision.to_continue(f"{len(others)} of at least {least} of other trials are there")
    ends = _ends(standing, curve, others)
    middle = float(np.median(ends))
    gain = float(np.mean([_worth(standing, float(end)) for end in ends]))
    cost = left * standing.epoch_seconds * standing.second
    verb = "would bring" if gain > cost else "would only bring"
    reason = (
        f"the last {counted(left, 'epoch')} {verb} {money(gain, standing.currency)} "
        f"(from {number(curve[-1].value)} to about {number(middle)}, the best being "
        f"{number(standing.incumbent)}) and cost {money(cost, standing.currency)}"
    )
    evidence = {"expected_gain": gain, "expected_cost": cost, "forecast": middle}
    return Decision(cost > 0 and gain <= cost, reason, evidence)


def _is_finite(curve: Curve) -> bool:
    return all(math.isfinite(point.value) for point in curve)


def _worth(standing: Standing, end: float) -> float:
    before = standing.incumbent
    return 0.0 if before is None else standing.worth.of(before, end, standing.direction)


def _ends(standing: Standing, curve: Curve, others: list[Curve]) -> Floats:
    """Return equally likely values of the metric at the trial's last epoch."""
    scale = Scale(standing.direction, standing.worth.per)
    own = scale.of(np.array([point.value for point in curve]))
    progress = curve[-1].epoch / standing.epochs
    now = scale.of(np.array([_value_at(one, progress) for one in others]))
    then = scale.of(np.array([one[-1].value for one in others]))
    slope = _slope(now, then)
    residuals = then - float(np.mean(then)) - slope * (now - float(np.mean(now)))
    spread = math.sqrt(float(np.mean(residuals**2))) + _noise(own)
    # By exchangeability, one residual in m + 1 is larger than the m that were seen.
    residuals = np.append(residuals, float(np.max(residuals)) + spread)
    expected = float(np.mean(then)) + slope * (float(own[-1]) - float(np.mean(now)))
    blur = _LAPLACE * spread / math.sqrt(len(residuals))
    return scale.metric((expected + residuals[:, None] + blur).ravel())


def _value_at(curve: Curve, progress: float) -> float:
    epochs = [point.epoch for point in curve]
    return float(np.interp(progress * epochs[-1], epochs, [point.value for point in curve]))


def _slope(now: Floats, then: Floats) -> float:
    deviation = now - float(np.mean(now))
    square = float(np.sum(deviation**2))
    if not square > 0:
        return 1.0
    slope = float(np.sum(deviation * (then - float(np.mean(then))))) / square
    weight = len(now) / (len(now) + _DOUBT)
    return min(max(weight * slope + (1 - weight), 0.0), 1.0)


def _noise(own: Floats) -> float:
    """Return the noise of the latest reports, from second differences, which a trend leaves out."""
    bends = np.diff(own[-7:], 2)
    return float(np.sqrt(np.mean(bends**2) / 6)) if bends.size else 0.0


def informative(curves: Iterable[Curve], direction: Direction, most: int = 30) -> tuple[Curve, ...]:
    """Choose the curves that a forecast needs most: leaders, late bloomers, and the latest.

    Args:
        curves: Curves of finished trials, in the order in which they finished.
        direction: Which way the metric gets better.
        most: How many to keep.

    Returns:
        The chosen curves, in their order.
    """
    all_of_them = [one for one in curves if one and _is_finite(one)]
    if len(all_of_them) <= most:
        return tuple(all_of_them)
    ends = np.array([one[-1].value for one in all_of_them]) * direction.sign
    halfway = np.array([_value_at(one, 0.5) for one in all_of_them]) * direction.sign
    share = most // 3
    chosen = {*np.argsort(-ends, kind="stable")[:share].tolist()}
    chosen |= {*np.argsort(halfway - ends, kind="stable")[:share].tolist()}
    latest = (one for one in reversed(range(len(ends))) if one not in chosen)
    chosen |= {one for one, _ in zip(latest, range(most - len(chosen)), strict=False)}
    return tuple(all_of_them[one] for one in sorted(chosen))
