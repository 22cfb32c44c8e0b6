"""When to stop a search: the expected gain of more trials against their expected cost."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.forecast import (
    ForecastConstants,
    Outlook,
    affordable,
    expected_cost,
    outlooks,
)
from satisfice.domain.decisions.noise import Level, level_of
from satisfice.domain.decisions.situation import NextTrialEstimate, Situation
from satisfice.domain.economics.text import HOURS, STEPS, counted, duration, money, number, sums
from satisfice.domain.trials.feasibility import shortfall
from satisfice.domain.trials.history import TrialState

_PATIENCE = 3  # times `min_trials` without a value, after which the search no longer waits for one


@dataclass(frozen=True, slots=True)
class StoppingPolicy:
    """What must hold before a search may stop.

    Attributes:
        min_trials: Feasible trials with a value before which no search stops. A search stops
            earlier only if its target is reached, if its budget does not cover another trial, or if
            three times as many trials have returned no value at all.
        horizon: The largest number of further trials considered. A search without a budget also
            ends after so many trials if no forecast can be made.
        constants: The constants of the forecast; a benchmark uses those of the other families.
    """

    min_trials: int = 5
    horizon: int = 100
    constants: ForecastConstants = ForecastConstants()

    def __post_init__(self) -> None:
        if self.min_trials < 1:
            raise ValueError(f"min_trials must be at least 1, got {self.min_trials}")
        if self.horizon < 1:
            raise ValueError(f"horizon must be at least 1, got {self.horizon}")


def decide(situation: Situation, policy: StoppingPolicy = StoppingPolicy()) -> Decision:
    """Stop when no number of further trials is expected to pay for itself.

    Args:
        situation: The history, what is pending, the budget left, the worth and the prices.
        policy: The guards.

    Returns:
        A decision whose reason names the best horizon, its gain and its cost. Its evidence has,
        besides the keys of `Decision`, `trials`, `values` (number of feasible trials), `infeasible`
        (if any trial broke a soft rule), `pending`, `spent` (money) and, if there is one, the
        `incumbent`. `gain_low` and `gain_high` are a 90 % interval of the gain of the best horizon,
        `gain_upper` is its one-sided 90 % bound. `noise` is the standard deviation of the metric
        between seeds on the scale of the worth, 0 if no configuration was trained twice
        (`replicates`). If the remaining budget covers no trial, `affordable` is 0. If the values
        alone say stop and there is an estimate of the next trial, `offer_steps` (its gain in units
        of the worth's scale), `offer_cost` and `offer_least` are from that estimate.
    """
    level = level_of(situation.history, situation.worth.per)
    facts = _facts(situation, level)
    if _target_reached(situation):
        target = number(situation.worth.target or 0.0)
        best = number(facts["incumbent"])
        return Decision.to_stop(
            f"the best value, {best}, has reached the target of {target}; further gains are worth "
            "nothing",
            **facts,
        )
    if affordable(situation) < 1:
        told = "; ".join(filter(None, (shortfall(situation.history), _why_unaffordable(situation))))
        return Decision.to_stop(told, **facts, affordable=0.0)
    outlook = outlooks(situation, policy.horizon, level, policy.constants)
    return _too_early(situation, policy, outlook, facts) or _weigh(situation, outlook, facts)


def _too_early(
    situation: Situation,
    policy: StoppingPolicy,
    outlook: tuple[Outlook, ...],
    facts: dict[str, float],
) -> Decision | None:
    """Decide before a gain can be priced; None once one can be."""
    values, trials = int(facts["values"]), int(facts["trials"])
    waited, told = trials >= _PATIENCE * policy.min_trials, shortfall(situation.history)
    if told:
        told = f"{told}; until a trial is feasible no gain can be priced, and the budget decides"
    elif not values and waited:
        return Decision.to_stop(
            f"none of {trials} trials returned a value: {_endings(situation)}", **facts
        )
    elif values < policy.min_trials and not waited:
        least = counted(policy.min_trials, "trial")
        have = "meet the soft rules" if "infeasible" in facts else "have a value"
        return Decision.to_continue(f"{values} of at least {least} {have}", **facts)
    elif outlook:
        return None
    else:
        told = "a forecast needs at least two values"
    if math.isinf(affordable(situation)) and trials >= policy.horizon:
        return Decision.to_stop(
            f"{told}; without a budget the search ends after {trials} trials", **facts
        )
    return Decision.to_continue(told, **facts)


def _weigh(situation: Situation, outlook: tuple[Outlook, ...], facts: dict[str, float]) -> Decision:
    best = max(outlook, key=lambda one: one.surplus)
    evidence = facts | {
        "expected_gain": best.gain,
        "expected_cost": best.cost.money,
        "horizon": float(best.trials),
        "gain_low": best.low,
        "gain_high": best.high,
        "gain_upper": best.upper,
        "next_gain": outlook[0].gain,
        "next_cost": outlook[0].cost.money,
    }
    sentence = _sentence(situation, best)
    if best.surplus > 0:
        return Decision.to_continue(sentence, **evidence)
    offer = situation.offer
    if offer is not None:
        evidence |= {
            "offer_steps": offer.gain / situation.worth.unit if situation.worth.unit > 0 else 0.0,
            "offer_cost": offer.cost,
            "offer_least": float(offer.least),
        }
        told = _model_reason(situation, offer, outlook[0])
        if told:
            return Decision.to_continue(
                f"{told}; judged by the values alone, {sentence}", **evidence
            )
    if not outlook[-1].gain > 0:
        alike = len({one.value for one in situation.history.feasible}) == 1
        why = "all values so far are equal" if alike else "half of the first values equal the best"
        sentence = f"{why}, so {sentence}"
    elif len(outlook) > 1:
        sentence = f"{sentence}; no number up to {outlook[-1].trials} would pay for itself"
    return Decision.to_stop(sentence, **evidence)


def _model_reason(situation: Situation, offer: NextTrialEstimate, following: Outlook) -> str:
    """Say why the next configuration is worth its price after all; empty: it is not.

    The forecast from the values knows searches in general, the model knows this space but tends to
    overrate its best candidate: the two gains are combined by their geometric mean.
    """
    informative = len(situation.history.informative)
    if informative < offer.least:
        least = f"at least {offer.least} trials needed for a model of the space"
        return f"{informative} of {least} have finished"
    together = math.sqrt(offer.gain) * math.sqrt(following.gain)
    if together > offer.cost:
        gain, cost = sums(together, offer.cost, situation.prices.currency)
        return (
            f"the next configuration would bring {gain} and cost {cost}, judged by the values and "
            "a model of the space together"
        )
    return ""


def _facts(situation: Situation, level: Level | None) -> dict[str, float]:
    history = situation.history
    facts = {
        "trials": float(len(history.trials)),
        "values": float(len(history.feasible)),
        "pending": float(len(situation.pending)),
        "spent": history.spent.money,
    }
    if len(history.feasible) < len(history.complete):
        facts["infeasible"] = float(len(history.complete) - len(history.feasible))
    if history.best is not None and history.best.value is not None and level is not None:
        facts |= {
            "incumbent": history.best.value,
            "noise": level.noise,
            "replicates": float(level.replicates),
        }
    return facts


def _target_reached(situation: Situation) -> bool:
    best, target = situation.history.best, situation.worth.target
    if best is None or best.value is None or target is None:
        return False
    return situation.history.direction.sign * (best.value - target) >= 0


def _sentence(situation: Situation, outlook: Outlook) -> str:
    worth, currency = situation.worth, situation.prices.currency
    more = "1 more trial" if outlook.trials == 1 else f"{outlook.trials} more trials"
    steps = outlook.gain / worth.money if worth.money > 0 else 0.0
    brought, cost = sums(outlook.gain, outlook.cost.money, currency)
    gain = f"{brought} ({number(steps)} {STEPS[worth.per]})"
    if currency != HOURS and outlook.cost.seconds > 0:
        cost = f"{cost} ({duration(outlook.cost.seconds)})"
    return f"{more} would bring {gain} and cost {cost}"


def _why_unaffordable(situation: Situation) -> str:
    left, each = situation.left, expected_cost(situation.history)
    currency = situation.prices.currency
    limits = (
        (left.trials, 1.0, f"{left.trials} trials", "1 trial"),
        (left.money, each.money, money(left.money or 0.0, currency), money(each.money, currency)),
        (left.kwh, each.kwh, f"{number(left.kwh or 0.0)} kWh", f"{number(each.kwh)} kWh"),
        (left.seconds, each.seconds, duration(left.seconds or 0.0), duration(each.seconds)),
    )
    for limit, one, rest, needed in limits:
        if limit is not None and limit < one:
            return f"the remaining budget is {rest}, but one more trial would take {needed}"
    return "the remaining budget does not cover one more trial"


def _endings(situation: Situation) -> str:
    ends = Counter(
        f"failed ({one.failure})" if one.failure else str(one.state)
        for one in situation.history.trials
        if one.state is not TrialState.COMPLETE
    )
    said = [f"{count} {end}" for end, count in ends.most_common()]
    return ", ".join(said) or "their metric is not finite"
