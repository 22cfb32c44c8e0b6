"""Whether a scheduled search is worth beginning, given what earlier ones have found."""

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
    """The model that was handed over, on the data of tonight.

    Attributes:
        before: What trainings of its configuration reached on the data of then (validation split),
            one value a seed; at least one.
        now: What the model itself reaches on the data of tonight (validation split).
        parts: The same on equal parts of that split, drawn at random; none where it is not known.
    """

    before: tuple[float, ...]
    now: float
    parts: tuple[float, ...] = ()

    @property
    def error(self) -> float:
        """The standard error of `now`, by the choice of examples; 0 where it is not known."""
        return _deviation(self.parts) / math.sqrt(max(len(self.parts), 1))

    @property
    def lost(self) -> float:
        """The share of what the model has lost that is no noise of the two splits.

        That of then is taken to be as noisy as that of tonight (empirical Bayes, as in
        `domain.decisions.noise`, with one value: the variance of losses is estimated by its square
        less the noise). A loss within the noise is none.
        """
        squared, noise = (float(np.mean(self.before)) - self.now) ** 2, 2 * self.error**2
        return 1 - noise / squared if squared > noise else 0.0


@dataclass(frozen=True, slots=True)
class Past:
    """What there was before tonight.

    Attributes:
        search: The last search that asked the same.
        repeats: How many trainings a night takes to confirm what it has found.
        champion: The model that was handed over, where the data is new; None where it is not.
    """

    search: str
    repeats: int
    champion: Champion | None = None


def decide(situation: Situation, past: Past) -> Decision:
    """Begin a search tonight only if some number of trials pays for itself and its confirmation.

    On the same data, what earlier searches brought is there already: they count as one search that
    might go on, and the stop is asked whether it would. On new data the same trials only tell what
    searching brings; beside it there is what the champion's configuration is expected to bring,
    trained again: what the champion has lost on the new data, or by luck more.

    Args:
        situation: All trials of the earlier searches as one history, and the budget of a night.
        past: What else is known of them.

    Returns:
        A decision to stop where tonight is not worth it. Its evidence holds the figures of the
        stop; where these earlier trials allow a forecast, `expected_gain` and `expected_cost` are
        those of the whole night, and `confirming` is the part of its cost that confirmation takes.
        On new data also `before`, `now`, `error` (of `now`), `retraining` (what that is expected to
        bring) and, where the night is worth it, `most`: the money that it may spend at most, its
        expected gain.
    """
    more = decide_to_stop(situation)
    evidence = dict(more.evidence)
    if not _is_telling(more, situation):
        told = f"{past.search} and those before do not tell what to expect: {more.reason}"
        return Decision.to_continue(told, **evidence)
    each = expected_cost(situation.history).money
    gain, cost = evidence.get("expected_gain", 0.0), evidence.get("expected_cost", 0.0)
    confirming = evidence["confirming"] = each * past.repeats
    if past.champion is None:
        evidence |= {"expected_gain": gain, "expected_cost": cost + confirming}
        told = f"nothing is new since {past.search}: {more.reason}"
        if not more.stop:
            told = f"{told}, and {_money(confirming, situation)} to confirm what they find"
        return Decision(more.stop or gain <= cost + confirming, told, evidence)
    return _renew(situation, past.champion, each, more, evidence)


def _is_telling(more: Decision, situation: Situation) -> bool:
    """Tell whether the stop has priced a gain or found that nothing can be gained.

    What failed on every trial, or had no budget for one, is not to end a night in silence.
    """
    if "expected_gain" in more.evidence:
        return True
    return more.stop and bool(situation.history.feasible) and "affordable" not in more.evidence


def _renew(
    situation: Situation,
    champion: Champion,
    each: float,
    more: Decision,
    evidence: dict[str, float],
) -> Decision:
    """Price the champion's configuration, trained again, and what pays of further trials."""
    before = float(np.mean(champion.before))
    retraining = _retraining(champion, situation.worth, situation.history.direction)
    gain, cost = retraining, each + evidence["confirming"]
    sure = f" (give or take {number(round(champion.error, 9))})" if champion.parts else ""
    told = (
        f"the data is new: the champion reaches {_value(champion.now)} on it{sure}, and its "
        f"configuration reached {_value(before)} before; training it again would bring "
        f"{_money(retraining, situation)} ({_steps(retraining, situation)})"
    )
    if not more.stop:
        trials = int(evidence["horizon"])
        gain, cost = gain + evidence["expected_gain"], cost + evidence["expected_cost"]
        bring = _money(evidence["expected_gain"], situation)
        told = f"{told}, {counted(trials, 'more trial')} {bring}"
    told = f"{told}; all of it would cost {_money(cost, situation)} with its confirmation"
    figures = {"before": before, "now": champion.now, "error": champion.error}
    figures |= {"retraining": retraining}
    evidence = {**evidence, **figures, "expected_gain": gain, "expected_cost": cost}
    if gain <= cost:
        return Decision.to_stop(told, **evidence)
    told = f"{told}, and it may spend {_money(gain, situation)} at most"
    return Decision.to_continue(told, **evidence, most=gain)


def _retraining(champion: Champion, worth: Worth, direction: Direction) -> float:
    """Return what training the champion's configuration again is expected to be worth.

    A model that turns out no better is not taken, so this is an expected improvement (Jones et al.
    1998, "Efficient Global Optimization of Expensive Black-Box Functions", section 4.1), in money.
    The spread is that of one further seed; of a single seed it is not known, and taken to be none.
    All of it is on the scale on which worth is linear.
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
    """Return the standard deviation of a sample; 0 where it has less than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _money(amount: float, situation: Situation) -> str:
    return money(amount, situation.prices.currency)


def _steps(gain: float, situation: Situation) -> str:
    worth = situation.worth
    return f"{number(gain / worth.money if worth.money > 0 else 0.0)} {STEPS[worth.per]}"


def _value(value: float) -> str:
    return f"{value:.4g}"
