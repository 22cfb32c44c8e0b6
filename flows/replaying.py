"""Decide again what a past search decided, from the store alone, perhaps at another price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from domain.cost import Budget, Cost, Prices
from domain.decision import Decision
from domain.history import History
from domain.situation import Offer, Pending, Situation
from domain.stopping import decide
from domain.summary import DecisionRecord
from domain.worth import Worth

_LEFT = ("trials", "seconds", "kwh", "money")


def circumstances(situation: Situation) -> dict[str, float]:
    """Return what a replay needs beside the history, as evidence to be kept with the decision."""
    left = {name: getattr(situation.left, name) for name in _LEFT}
    kept = {f"left_{name}": float(value) for name, value in left.items() if value is not None}
    return {**kept, "pending": float(len(situation.pending)), "workers": float(situation.workers)}


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision of a past search beside the same decision made now.

    Attributes:
        record: What was decided.
        again: What is decided now, on the same history.
    """

    record: DecisionRecord
    again: Decision


def replay(
    history: History, records: Iterable[DecisionRecord], worth: Worth, prices: Prices
) -> Iterator[Replayed]:
    """Decide again after each trial of a past search.

    Args:
        history: The finished trials, in the order in which they finished.
        records: The decisions as recorded.
        worth: What a gain is worth: the study's own, or another to ask "what if".
        prices: What resources cost, likewise. Recorded costs are priced anew.
    """
    trials = tuple(
        replace(one, cost=prices.of(one.cost.seconds, one.cost.kwh, one.cost.energy))
        for one in history.trials
    )
    for record in records:
        evidence = record.decision.evidence
        known = {name: evidence.get(f"left_{name}") for name in _LEFT}
        trials_left = known.pop("trials")
        left = Budget(None if trials_left is None else int(trials_left), **known)
        nobody = Pending(-1, {}, Cost())
        known_then = History(trials[: record.after], history.direction)
        situation = Situation(
            history=known_then,
            worth=worth,
            prices=prices,
            left=left,
            pending=(nobody,) * int(evidence.get("pending", 0)),
            workers=int(evidence.get("workers", 1)),
            offer=_offer(evidence, known_then, worth),
        )
        yield Replayed(record, decide(situation))


def _offer(evidence: Mapping[str, float], history: History, worth: Worth) -> Offer | None:
    """Return what a model expected then, at today's worth and prices; None where none was asked."""
    if "offer_cost" not in evidence:
        return None
    spent = evidence.get("spent", 0.0)
    dearer = history.spent.money / spent if spent > 0 else 1.0
    return Offer(
        evidence["offer_steps"] * worth.unit,
        evidence["offer_cost"] * dearer,
        int(evidence["offer_least"]),
    )
