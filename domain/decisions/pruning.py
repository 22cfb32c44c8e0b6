"""Pruning: the expected worth of training a trial further against its expected cost.

A trial is placed by its distance to the incumbent on a logarithmic scale, where halving a distance
is the same step everywhere. On that scale the curves of a search look alike: from an epoch to the
last one they all rise by about the same amount, and the deviations are a random walk in the
logarithm of the epoch, with variance sigma^2 log(n / e) from epoch e to epoch n. So only a mean and
a variance have to be estimated, and very few curves suffice. Late bloomers and noise raise the
variance. The gain is the expected improvement over the incumbent (Jones, Schonlau and Welch 1998,
Efficient Global Optimization of Expensive Black-Box Functions, equation 15).

A trial that continues need not continue to the end: it can be trained for a few more epochs and be
pruned then. The walk also says how much these epochs would reveal. The trial continues while any
such plan is worth more than it costs (a one-step look-ahead of every length; Frazier and Powell
2010, Paradoxes in Learning and the Marginal Value of Information).

Results on real curves, and the alternatives: docs/decisions/0015.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.noise import Scale
from satisfice.domain.economics.text import counted, money
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.trials.history import CurvePoint

Curve: TypeAlias = tuple[CurvePoint, ...]

CURVES = 30  # of other trials: enough for a mean and a variance
_NEAR = 0.3  # of the median distance to the incumbent: smaller distances are linear
_CLEAR = 40.0  # standard deviations: beyond them the outcome is certain
_WALK = 0.35**2  # the prior variance of the walk
_DOUBT = 2.0  # the number of curves that this prior counts for
_LEADERS = 1 / 4  # a trial among the best quarter is never pruned
_FAR = 1e6  # the largest distance, in units of `near`
_READ = 24  # epochs at which the other curves are read, evenly spaced in the logarithm
_LOOKS = (0.0, 0.1, 0.25, 0.5, 1.0)  # shares of the remaining epochs after which to decide again
# Quadrature points of a standard normal variable, and their probabilities.
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(11)
_WEIGHTS = _WEIGHTS / np.sum(_WEIGHTS)


@dataclass(frozen=True, slots=True)
class PruningPolicy:
    """What must hold before a trial may be pruned.

    Attributes:
        min_curves: Finished curves before which no trial is pruned.
    """

    min_curves: int = 2

    def __post_init__(self) -> None:
        if self.min_curves < 1:
            raise ValueError(f"min_curves must be at least 1, got {self.min_curves}")


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the decision on a running trial depends on.

    Attributes:
        curve: The trial's reports so far.
        epochs: The number of epochs planned.
        others: Curves of finished trials of the same search, each from its start to its last epoch.
        incumbent: The best value of a finished trial; None without one.
        direction: Which way the metric gets better.
        worth: What a gain over the incumbent is worth.
        second: The price of a second of training, energy included.
        epoch_seconds: The duration of an epoch of this trial.
        currency: The unit of money.
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
    """Prune a trial when training it further is not expected to pay.

    A trial that is better than three quarters of the others were after as many epochs is never
    pruned: a forecast against it has little evidence, and the search would learn most from its
    curve.

    Args:
        standing: The trial's curve, the curves of others, and the prices.
        policy: The guards.

    Returns:
        A decision. If a forecast was made, its evidence has `expected_gain` and `expected_cost`
        (money) of the best plan, `until`, the epoch at which to decide again, and `forecast`, the
        median final value.
    """
    curve = tuple(point for point in standing.curve if math.isfinite(point.value))
    if not curve or standing.incumbent is None:
        return Decision.to_continue("there is nothing to compare the trial with yet")
    if curve[-1].epoch >= standing.epochs:
        return Decision.to_continue("the trial has reached its last epoch")
    others = [one for one in standing.others if one and _is_finite(one)]
    if len(others) < policy.min_curves:
        least = counted(policy.min_curves, "curve")
        return Decision.to_continue(f"{len(others)} of at least {least} of other trials are known")
    outlook = _outlook(standing, curve[-1], others, standing.incumbent)
    if outlook is None:
        return Decision.to_continue("no trial has been worse than the best one so far")
    plans = _plans(standing, curve[-1].epoch, outlook)
    plan = max(plans, key=lambda one: one.gain - one.cost)
    pays = plan.gain > plan.cost or plan.cost <= 0
    plan = plan if pays else plans[-1]  # to explain why not, show the plan for all remaining epochs
    reason = _sentence(standing, curve[-1], outlook, plan, pays)
    evidence = {
        "expected_gain": plan.gain,
        "expected_cost": plan.cost,
        "until": float(plan.until),
        "forecast": outlook.forecast,
    }
    return Decision(not pays and not outlook.leads, reason, evidence)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """The final place of a trial: a normal variable.

    Attributes:
        middle: Its median, relative to the incumbent.
        spread: Its standard deviation.
        unit: The worth of a step of 1 beyond the incumbent, in money.
        target: The place of the target; further steps are worth nothing.
        forecast: The median, as a value of the metric.
        leads: Whether the trial is better than three quarters of the others were.
    """

    middle: float
    spread: float
    unit: float
    target: float
    forecast: float
    leads: bool

    def gain(self, moved: float = 0.0, left: float = 1.0) -> float:
        """Return the expected gain of finishing once a part of the walk is known.

        Args:
            moved: By how much the median has moved.
            left: The share of the variance that is left.
        """
        middle, spread = self.middle + moved, self.spread * math.sqrt(left)
        beyond = _improvement(middle - self.target, spread) if self.target < math.inf else 0.0
        return max(_improvement(middle, spread) - beyond, 0.0) * self.unit


def _outlook(
    standing: Standing, last: CurvePoint, others: list[Curve], incumbent: float
) -> _Outlook | None:
    scale = Scale(standing.direction, standing.worth.per)
    best = _level(scale, incumbent)
    field = _Field.of(others, best, scale)
    if field is None:
        return None
    epochs = np.geomspace(last.epoch, standing.epochs, _READ)
    values = np.array([_values_at(one, epochs / standing.epochs) for one in others])
    stood = field.places(scale.of(values))
    rises = stood[:, -1:] - stood
    rise = np.mean(rises, axis=0)
    left = np.log(standing.epochs / epochs)
    seen = float(np.sum((rises - rise) ** 2) / np.sum(left))
    variance = (seen + _DOUBT * _WALK) / (len(others) - 1 + _DOUBT)
    # A metric that jumps at the very end is not a random walk: use the observed variance then.
    ends = float(np.sum((rises[:, 0] - rise[0]) ** 2)) / (len(others) - 1 + _DOUBT)
    now = float(field.places(scale.of(np.array([last.value])))[0])
    middle = now + float(rise[0])
    target = standing.worth.target
    return _Outlook(
        middle=middle,
        # The mean rise of so few curves is itself uncertain.
        spread=math.sqrt(max(variance * float(left[0]), ends) * (1 + 1 / len(others))),
        unit=field.near * standing.worth.unit,
        target=math.inf
        if target is None
        else max((_level(scale, target) - best) / field.near, 0.0),
        forecast=float(scale.metric(field.levels(np.array([middle])))[0]),
        leads=int(np.sum(stood[:, 0] >= now)) < max(_LEADERS * (len(others) + 1), 1),
    )


def expected_ends(
    values: Floats, progress: Floats, finished: Sequence[Curve], scale: Scale
) -> tuple[Floats, Floats]:
    """Estimate the final values of pruned trials.

    Args:
        values: Shape (trials,): the last reported values.
        progress: Shape (trials,): the share of its epochs that each was trained for, above 0.
        finished: Curves of complete trials; the latest count.
        scale: The scale of the worth.

    Returns:
        Medians, and the standard deviations above them, each of shape (trials,), on the scale. With
        fewer than two curves these are the last values and 0.
    """
    levels = scale.of(values)
    others = [one for one in finished[-CURVES:] if one and _is_finite(one)]
    best = max((_level(scale, one[-1].value) for one in others), default=0.0)
    field = _Field.of(others, best, scale)
    if len(others) < PruningPolicy().min_curves or field is None:
        return levels, np.zeros(len(levels))
    stood = np.array([_values_at(one, np.append(progress, 1.0)) for one in others])
    places = field.places(scale.of(stood))
    rises = places[:, -1:] - places[:, :-1]
    middle = field.places(levels) + np.mean(rises, axis=0)
    walked = np.sum((rises - np.mean(rises, axis=0)) ** 2, axis=0)
    variance = (walked - _DOUBT * _WALK * np.log(progress)) / (len(others) - 1 + _DOUBT)
    spread = np.sqrt(variance * (1 + 1 / len(others)))
    ends = field.levels(middle)
    return ends, field.levels(middle + spread) - ends


@dataclass(frozen=True, slots=True)
class _Field:
    """The logarithmic scale of distances to the best.

    Attributes:
        best: The level of the best.
        near: The unit of distance, on the scale of the worth.
        behind: The largest distance observed.
    """

    best: float
    near: float
    behind: float

    @classmethod
    def of(cls, others: Sequence[Curve], best: float, scale: Scale) -> _Field | None:
        """Return the scale; None if no value is worse than the best."""
        behind = best - scale.of(np.array([point.value for one in others for point in one]))
        if not np.any(behind > 0):
            return None
        near = _NEAR * float(np.median(behind[behind > 0]))
        return cls(best, near, float(np.max(behind)))

    def places(self, levels: Floats) -> Floats:
        """Convert levels to places; logarithmic below the best."""
        with np.errstate(over="ignore"):
            distances = np.clip((levels - self.best) / self.near, -_FAR, _FAR)
        return np.where(distances > 0, distances, -np.log1p(-np.minimum(distances, 0.0)))

    def levels(self, places: Floats) -> Floats:
        """Convert places to levels, at least the lowest level observed."""
        below = -np.expm1(np.minimum(-places, 100.0))
        found = self.best + self.near * np.where(places > 0, places, below)
        return np.asarray(np.maximum(found, self.best - self.behind))


@dataclass(frozen=True, slots=True)
class _Plan:
    """To train until an epoch, and from there to the end only if it still pays.

    Attributes:
        until: The epoch.
        gain: The expected gain, in money.
        cost: The expected cost, in money.
    """

    until: int
    gain: float
    cost: float


def _plans(standing: Standing, epoch: int, outlook: _Outlook) -> list[_Plan]:
    last, each = standing.epochs, standing.epoch_seconds * standing.second
    plans = []
    for until in sorted({epoch + max(round((last - epoch) * share), 1) for share in _LOOKS}):
        left = math.log(last / until) / math.log(last / epoch)
        moves = outlook.spread * math.sqrt(1.0 - left) * _POINTS
        gains = np.array([outlook.gain(move, left) for move in moves.tolist()])
        goes_on = _WEIGHTS * (gains > each * (last - until))
        if until == last:
            gains, goes_on = np.array([outlook.gain()]), np.ones(1)
        cost = each * (until - epoch + (last - until) * float(np.sum(goes_on)))
        plans.append(_Plan(until, float(goes_on @ gains), cost))
    return plans


def _sentence(
    standing: Standing, last: CurvePoint, outlook: _Outlook, plan: _Plan, pays: bool
) -> str:
    what = f"the last {counted(standing.epochs - last.epoch, 'epoch')}"
    if plan.until < standing.epochs:
        look = counted(plan.until - last.epoch, "more epoch")
        what = f"{look}, then the rest if it still pays,"
    gain = plan.gain if plan.gain > 1e-6 * plan.cost else 0.0  # do not print 1.3e-29 EUR
    told = (
        f"{what} would bring {'' if pays else 'only '}{money(gain, standing.currency)} "
        f"(from {last.value:.4g} to about {outlook.forecast:.4g}; the best is "
        f"{standing.incumbent or 0.0:.4g}) and cost {money(plan.cost, standing.currency)}"
    )
    if outlook.leads and not pays:
        told += f", but few trials were this good after {counted(last.epoch, 'epoch')}"
    return told


def _improvement(middle: float, spread: float) -> float:
    """Return the expected positive part of a normal variable."""
    if not spread > 0:
        return max(middle, 0.0)
    ratio = min(max(middle / spread, -_CLEAR), _CLEAR)
    density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return spread * density + middle * math.erfc(-ratio / math.sqrt(2)) / 2


def _level(scale: Scale, value: float) -> float:
    return float(scale.of(np.array([value]))[0])


def _is_finite(curve: Curve) -> bool:
    return all(math.isfinite(point.value) for point in curve)


def _values_at(curve: Curve, progress: Floats) -> Floats:
    epochs = [point.epoch for point in curve]
    values = [point.value for point in curve]
    return np.interp(progress * epochs[-1], epochs, values)
