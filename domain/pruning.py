"""Whether to train a trial further: the expected worth of finishing against its expected cost.

What is left to gain is read from the curves of finished trials: a regression, at the same progress,
of where they ended on where they stood. Its slope is shrunk towards 1 ("keeps its distance") while
curves are few; where early values say little about final ones it falls towards 0, and nobody is
given up early. Around it lie all residuals that were seen, the late bloomers among them, one that
is larger than any of them, and a long tail. So hardly anything is ruled out, and whether it pays is
a matter of its price.

To go on is not to go on to the end: a trial may be trained for a few epochs more and be given up
then. How much those epochs will tell is seen from how much closer the regression fits there. The
trial goes on while any such plan is worth more than it costs (one look ahead, for every length of
the look; Frazier and Powell 2010, Paradoxes in Learning and the Marginal Value of Information).
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

_DOUBT = 1.0  # the assumption that a trial keeps its distance weighs as much as this many curves
# A Laplace distribution, whose tails are exponential, as points and their probabilities.
_HALF = np.concatenate([[0.0], np.geomspace(0.1, 15.0, 14)])
_TAIL = np.exp(-np.append(0.0, (_HALF[1:] + _HALF[:-1]) / 2)) / 2
_BLUR = np.concatenate([-_HALF[::-1], _HALF])
_LOOKS = (0.0, 0.1, 0.25, 0.5, 1.0)  # shares of the remaining epochs after which one looks again
_EDGES = np.linspace(-12.0, 12.0, 47)  # of the log odds of a quantile
_MASS = np.concatenate([-np.diff(_TAIL, append=0.0)[::-1], -np.diff(_TAIL, append=0.0)])


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
        `expected_cost` (money) of the best plan, `until`, the epoch at which it looks again, and
        `forecast`, the median of where the trial would end.
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
    plans = _plans(standing, curve, others)
    plan = max(plans, key=lambda one: one.gain - one.cost)
    pays = plan.gain > plan.cost or plan.cost <= 0
    plan = plan if pays else plans[-1]  # the whole rest says most about why
    evidence = {
        "expected_gain": plan.gain,
        "expected_cost": plan.cost,
        "until": float(plan.until),
        "forecast": plan.forecast,
    }
    return Decision(not pays, _sentence(standing, curve, plan, pays), evidence)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Train until an epoch, and from there to the end only where it pays then.

    Attributes:
        until: The epoch.
        gain: What this is expected to be worth, in money.
        cost: What it is expected to cost, in money.
        forecast: The median of the metric at the trial's end.
    """

    until: int
    gain: float
    cost: float
    forecast: float


def _sentence(standing: Standing, curve: Curve, plan: _Plan, pays: bool) -> str:
    left = standing.epochs - curve[-1].epoch
    what = f"the last {counted(left, 'epoch')}"
    if plan.until < standing.epochs:
        look = counted(plan.until - curve[-1].epoch, "more epoch")
        what = f"{look}, and the rest where it then pays,"
    return (
        f"{what} would {'' if pays else 'only '}bring {money(plan.gain, standing.currency)} "
        f"(from {number(curve[-1].value)} to about {number(plan.forecast)}, the best being "
        f"{number(standing.incumbent or 0.0)}) and cost {money(plan.cost, standing.currency)}"
    )


def _is_finite(curve: Curve) -> bool:
    return all(math.isfinite(point.value) for point in curve)


def _plans(standing: Standing, curve: Curve, others: list[Curve]) -> list[_Plan]:
    scale = Scale(standing.direction, standing.worth.per)
    epoch, last = curve[-1].epoch, standing.epochs
    looks = sorted({epoch + max(round((last - epoch) * share), 1) for share in _LOOKS})
    fits = _fits(scale, others, np.array([epoch, *looks]) / last)
    own = scale.of(np.array([point.value for point in curve]))
    now = fits[0]
    spread = now.spread + _noise(own)
    # By exchangeability, one residual in m + 1 is larger than the m that were seen.
    beyond = float(np.max(now.residuals)) + float(np.mean(np.maximum(now.residuals, 0.0)))
    residuals = np.append(now.residuals, beyond)
    atoms = residuals[:, None] + _BLUR * spread / math.sqrt(len(residuals))
    points, masses = _condensed(atoms, np.broadcast_to(_MASS / len(residuals), atoms.shape))
    expected = now.at(float(own[-1]))
    middle = scale.metric(expected + np.median(residuals, keepdims=True))
    each = standing.epoch_seconds * standing.second
    plans = []
    for until, then in zip(looks, fits[1:], strict=True):
        told = 1.0 if until == last else now.told_by(then)
        seen = expected + math.sqrt(told) * points
        ends = seen[:, None] + math.sqrt(1.0 - told) * points
        gains = _priced(standing, scale, ends) @ masses
        rest = each * (last - until)
        goes_on = masses * (gains > rest)
        cost = each * (until - epoch) + rest * float(np.sum(goes_on))
        plans.append(_Plan(until, float(goes_on @ gains), cost, float(middle[0])))
    return plans


@dataclass(frozen=True)
class _Fit:
    """Where trials ended, by where they stood at some progress; on the scale of the worth.

    Attributes:
        now: Mean of where they stood.
        then: Mean of where they ended.
        slope: How much of a difference stays.
        residuals: What this leaves open, one a trial.
        spread: Root mean square of the residuals.
    """

    now: float
    then: float
    slope: float
    residuals: Floats
    spread: float

    def at(self, level: float) -> float:
        """Return where a trial that stands at this level is expected to end."""
        return self.then + self.slope * (level - self.now)

    def told_by(self, later: _Fit) -> float:
        """Return which share of what is open now will be known at a later fit."""
        return max(1.0 - (later.spread / self.spread) ** 2, 0.0) if self.spread > 0 else 0.0


def _fits(scale: Scale, others: list[Curve], progress: Floats) -> list[_Fit]:
    levels = scale.of(np.array([_values_at(one, progress) for one in others]))
    ends = scale.of(np.array([one[-1].value for one in others]))
    return [_fit(now, ends) for now in levels.T]


def _fit(now: Floats, then: Floats) -> _Fit:
    means = float(np.mean(now)), float(np.mean(then))
    slope = _slope(now - means[0], then - means[1])
    residuals = then - means[1] - slope * (now - means[0])
    return _Fit(*means, slope, residuals, math.sqrt(float(np.mean(residuals**2))))


def _condensed(atoms: Floats, masses: Floats) -> tuple[Floats, Floats]:
    """Join neighbouring values until a few dozen stand for all, finer towards the tails."""
    order = np.argsort(atoms, axis=None, kind="stable")
    mass = masses.ravel()[order]
    below = np.cumsum(mass) - mass / 2
    bins = np.searchsorted(_EDGES, np.log(below / (1.0 - np.minimum(below, 1.0 - 1e-12))))
    joined = np.bincount(bins, mass).astype(np.float64)
    sums = np.bincount(bins, mass * atoms.ravel()[order])
    some = joined > 0
    return sums[some] / joined[some], joined[some]


def _priced(standing: Standing, scale: Scale, ends: Floats) -> Floats:
    """Price final values by a table: worth need not be linear, and pricing each takes too long."""
    before = standing.incumbent
    if before is None:
        return np.zeros_like(ends)
    lowest = float(scale.of(np.array([before]))[0])
    levels = np.linspace(lowest, max(float(np.max(ends)), lowest), 65)
    if standing.worth.target is not None:  # a kink in the worth
        levels = np.sort(np.append(levels, scale.of(np.array([standing.worth.target]))))
    metric = scale.metric(levels).tolist()
    worths = [standing.worth.of(before, one, standing.direction) for one in metric]
    return np.interp(ends, levels, worths)


def _values_at(curve: Curve, progress: Floats) -> Floats:
    epochs = [point.epoch for point in curve]
    values = [point.value for point in curve]
    return np.interp(progress * epochs[-1], epochs, values)


def _slope(now: Floats, then: Floats) -> float:
    square = float(np.sum(now**2))
    if not square > 0:
        return 1.0
    weight = len(now) / (len(now) + _DOUBT)
    slope = weight * float(np.sum(now * then)) / square + (1 - weight)
    return min(max(slope, 0.0), 1.0)


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
    middles = [one[(len(one) - 1) // 2].value for one in all_of_them]
    halfway = np.array(middles) * direction.sign
    share = most // 3
    chosen = {*np.argsort(-ends, kind="stable")[:share].tolist()}
    chosen |= {*np.argsort(halfway - ends, kind="stable")[:share].tolist()}
    latest = (one for one in reversed(range(len(ends))) if one not in chosen)
    chosen |= {one for one, _ in zip(latest, range(most - len(chosen)), strict=False)}
    return tuple(all_of_them[one] for one in sorted(chosen))
