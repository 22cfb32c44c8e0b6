"""Replaying the decisions of a past search, from the store alone, perhaps at other prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.decisions.situation import NextTrialEstimate, Pending, Situation
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.economics.cost import NOTHING, Budget, Prices
from satisfice.domain.economics.worth import Worth
from satisfice.domain.space.space import Space
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History, TrialRecord

_LEFT = ("trials", "seconds", "kwh", "money")


def circumstances(situation: Situation) -> dict[str, float]:
    """Return what a replay needs besides the history, to be recorded as evidence."""
    left = {name: getattr(situation.left, name) for name in _LEFT}
    kept = {f"left_{name}": float(value) for name, value in left.items() if value is not None}
    elapsed = {f"elapsed_{at}": one.elapsed for at, one in enumerate(situation.pending)}
    counts = {"pending": float(len(situation.pending)), "workers": float(situation.workers)}
    return {**kept, **counts, **elapsed}


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision of a past search, and the same decision made now.

    Attributes:
        record: The recorded decision.
        again: The decision made now, on the same history.
    """

    record: DecisionRecord
    again: Decision


def replay(
    history: History,
    records: Iterable[DecisionRecord],
    worth: Worth,
    prices: Prices,
    *,
    before: Sequence[TrialRecord] = (),
    space: Space | None = None,
) -> Iterator[Replayed]:
    """Decide again after each trial of a past search.

    Args:
        history: The finished trials, in the order in which they finished.
        records: The decisions as recorded.
        worth: What a gain is worth: the study's own, or another to ask "what if".
        prices: What resources cost, likewise. Recorded costs are repriced.
        before: Trials of earlier searches that counted as its own.
        space: The search space.
    """
    whole = History((*before, *history.trials), history.direction)
    end = Situation(priced(whole, prices), worth, prices, space=space)
    for record in records:
        yield Replayed(record, decide(rewound(end, len(before) + record.after, record)))


def priced(history: History, prices: Prices) -> History:
    """Return a history with its costs repriced."""
    trials = (
        replace(one, cost=prices.of(one.cost.seconds, one.cost.kwh, one.cost.energy))
        for one in history.trials
    )
    return History(tuple(trials), history.direction)


def rewound(end: Situation, after: int, record: DecisionRecord | None) -> Situation:
    """Return the situation after some trials of a search.

    Args:
        end: The search at its end.
        after: The number of trials, including earlier ones that counted as its own.
        record: The decision then, with its circumstances; None: no limits, nothing pending.
    """
    evidence = {} if record is None else record.decision.evidence
    known = {name: evidence.get(f"left_{name}") for name in _LEFT}
    trials_left = known.pop("trials")
    pending = range(int(evidence.get("pending", 0)))
    history = History(end.history.trials[:after], end.history.direction)
    return replace(
        end,
        history=history,
        left=Budget(None if trials_left is None else int(trials_left), **known),
        pending=tuple(
            Pending(-1, {}, NOTHING, evidence.get(f"elapsed_{at}", 0.0)) for at in pending
        ),
        workers=int(evidence.get("workers", 1)),
        offer=_offer(evidence, history, end.worth),
    )


def _offer(
    evidence: Mapping[str, float], history: History, worth: Worth
) -> NextTrialEstimate | None:
    """Return the model's estimate then, at the given worth and prices; None without a model."""
    if "offer_cost" not in evidence:
        return None
    spent = evidence.get("spent", 0.0)
    dearer = history.spent.money / spent if spent > 0 else 1.0
    return NextTrialEstimate(
        evidence["offer_steps"] * worth.unit,
        evidence["offer_cost"] * dearer,
        int(evidence["offer_least"]),
    )


@dataclass(frozen=True, slots=True)
class PastSearch:
    """A past search, at the worth and the prices of its study.

    Attributes:
        study: The specification.
        history: The finished trials.
        records: The decisions as recorded.
        known: Trials of earlier searches that counted as its own.
    """

    study: Study
    history: History
    records: tuple[DecisionRecord, ...]
    known: tuple[TrialRecord, ...] = ()

    @property
    def count(self) -> int:
        """The number of finished trials."""
        return len(self.history.trials)

    @property
    def end(self) -> Situation:
        """All that is known at the end, with no budget."""
        study = self.study
        whole = History((*self.known, *self.history.trials), self.history.direction)
        return Situation(priced(whole, study.prices), study.worth, study.prices, space=study.space)

    def at(self, after: int) -> Situation:
        """Return what was known after some trials, with the budget and the orders of that time."""
        before = [one for one in self.records if one.after <= after]
        return rewound(self.end, len(self.known) + after, before[-1] if before else None)

    def replayed(self) -> list[Replayed]:
        """Decide again after each trial."""
        study = self.study
        terms, before = (study.worth, study.prices), self.known
        return list(replay(self.history, self.records, *terms, before=before, space=study.space))
