"""Whether to start a scheduled search, given what earlier ones have found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.forecast import expected_cost
from satisfice.domain.decisions.noise import Scale
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import decide as decide_to_stop
from satisfice.domain.economics.text import STEPS, counted, money, number
from satisfice.domain.economics.worth import Direction, Worth

_CHANCES = (np.arange(32) + 0.5) / 32  # equally likely quantiles


@dataclass(frozen=True, slots=True)
class Champion:
    """The registered champion, on the new data.

    Attributes:
        before: Values of its configuration on the old data (validation split), one per seed; at
            least one.
        now: The value of the model itself on the new data (validation split).
        parts: The same on equal random parts of that split; empty if unknown.
    """

    before: tuple[float, ...]
    now: float
    parts: tuple[float, ...] = ()

    @property
    def error(self) -> float:
        """The standard error of `now` from the choice of examples; 0 if unknown."""
        return _deviation(self.parts) / math.sqrt(max(len(self.parts), 1))

    @property
    def lost(self) -> float:
        """The share of the model's loss that is not noise of the two splits.

        The old split is taken to be as noisy as the new one (empirical Bayes, as in
        `domain.decisions.noise`, with one value: the variance of losses is estimated by its square
        less the noise). A loss within the noise counts as none.
        """
        squared, noise = (float(np.mean(self.before)) - self.now) ** 2, 2 * self.error**2
        return 1 - noise / squared if squared > noise else 0.0


@dataclass(frozen=True, slots=True)
class Past:
    """What is known from before this scheduled run.

    Attributes:
        search: The last search of the same study.
        repeats: How many trainings a confirmation takes.
        champion: The registered champion, if the data is new; otherwise None.
    """

    search: str
    repeats: int
    champion: Champion | None = None


def decide(situation: Situation, past: Past) -> Decision:
    """Start a search only if some number of trials pays for itself and its confirmation.

    On the same data the earlier searches count as one search that might continue: the stopping rule
    decides. On new data their trials only say what searching brings. Added to that is the expected
    gain of training the champion's configuration again: what the champion has lost on the new data,
    or more by luck.

    Args:
        situation: All trials of the earlier searches as one history, and the budget of a run.
        past: What else is known of them.

    Returns:
        A decision; to stop means not to start. Its evidence has the figures of the stopping rule;
        if the earlier trials allow a forecast, `expected_gain` and `expected_cost` are those of the
        whole run, and `confirming` is the part of the cost that confirmation takes. On new data
        also `before`, `now`, `error` (of `now`), `retraining` (its expected gain) and, if the run
        starts, `most`: the money that it may spend at most, its expected gain.
    """
    more = decide_to_stop(situation)
    evidence = dict(more.evidence)
    if not _is_conclusive(more, situation):
        told = f"{past.search} and earlier searches allow no forecast: {more.reason}"
        return Decision.to_continue(told, **evidence)
    each = expected_cost(situation.history).money
    gain, cost = evidence.get("expected_gain", 0.0), evidence.get("expected_cost", 0.0)
    confirming = evidence["confirming"] = each * past.repeats
    if past.champion is None:
        evidence |= {"expected_gain": gain, "expected_cost": cost + confirming}
        told = f"the data has not changed since {past.search}: {more.reason}"
        if not more.stop:
            told = f"{told}, plus {_money(confirming, situation)} for confirmation"
        return Decision(more.stop or gain <= cost + confirming, told, evidence)
    return _decide_on_new_data(situation, past.champion, each, more, evidence)


def _is_conclusive(more: Decision, situation: Situation) -> bool:
    """Tell whether the stopping rule has priced a gain or found that nothing can be gained.

    A study whose trials all failed, or whose budget covers none, must not be skipped silently.
    """
    if "expected_gain" in more.evidence:
        return True
    return more.stop and bool(situation.history.feasible) and "affordable" not in more.evidence


def _decide_on_new_data(
    situation: Situation,
    champion: Champion,
    each: float,
    more: Decision,
    evidence: dict[str, float],
) -> Decision:
    """Price retraining the champion's configuration, and further trials if they pay."""
    before = float(np.mean(champion.before))
    retraining = _retraining(champion, situation.worth, situation.history.direction)
    gain, cost = retraining, each + evidence["confirming"]
    error = f" (± {number(round(champion.error, 9))})" if champion.parts else ""
    told = (
        f"the data is new: the champion reaches {_value(champion.now)} on it{error}, its "
        f"configuration reached {_value(before)} before; retraining it would bring "
        f"{_money(retraining, situation)} ({_steps(retraining, situation)})"
    )
    if not more.stop:
        trials = int(evidence["horizon"])
        gain, cost = gain + evidence["expected_gain"], cost + evidence["expected_cost"]
        bring = _money(evidence["expected_gain"], situation)
        told = f"{told}, and {counted(trials, 'more trial')} {bring}"
    told = f"{told}; the total cost with confirmation would be {_money(cost, situation)}"
    figures = {"before": before, "now": champion.now, "error": champion.error}
    figures |= {"retraining": retraining}
    evidence = {**evidence, **figures, "expected_gain": gain, "expected_cost": cost}
    if gain <= cost:
        return Decision.to_stop(told, **evidence)
    told = f"{told}, and the run may spend at most {_money(gain, situation)}"
    return Decision.to_continue(told, **evidence, most=gain)


def _retraining(champion: Champion, worth: Worth, direction: Direction) -> float:
    """Return the expected gain of training the champion's configuration again.

    A model that is no better is not used, so this is an expected improvement (Jones et al.
    1998, "Efficient Global Optimization of Expensive Black-Box Functions", section 4.1), in money.
    The spread is that of one more seed; with a single seed it is unknown and taken as 0.
    Everything is on the scale on which worth is linear.
    """
    scale = Scale(direction, worth.per)
    end = math.inf if worth.target is None else float(scale.of(np.array(worth.target)))
    before = scale.of(np.array(champion.before))
    now, then = scale.of(np.array([champion.now, np.mean(champion.before)]))
    spread = _deviation(before) * math.sqrt(1 + 1 / len(before))
    reached = now + champion.lost * (then - now) + spread * ndtri(_CHANCES)
    gains = np.minimum(reached, end) - min(now, end)
    return worth.unit * float(np.mean(np.maximum(gains, 0.0)))


def _deviation(values: Sequence[float] | Floats) -> float:
    """Return the standard deviation of a sample; 0 with fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _money(amount: float, situation: Situation) -> str:
    return money(amount, situation.prices.currency)


def _steps(gain: float, situation: Situation) -> str:
    worth = situation.worth
    return f"{number(gain / worth.money if worth.money > 0 else 0.0)} {STEPS[worth.per]}"


def _value(value: float) -> str:
    return f"{value:.4g}"
