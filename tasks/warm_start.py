"""What earlier sweeps of a study have found out, for the searches that come later.

A value can be compared with that of another trial where the same code was trained on the same data
for the same metric. Budget, worth, space and rules may have changed since: whether a configuration
may be learned from is asked of today's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial, create_trial

from domain.errors import UserMistake
from domain.feasibility import known, margins
from domain.history import TrialRecord, TrialState
from domain.rules import Predict, Verdict
from domain.study import Study
from tasks.drawing import STAND_IN, distributions
from tasks.store import Search, SearchInfo, Store
from tasks.store_records import BEGUN, constraints, for_optuna, write_begun
from tasks.studies import recorded_study

MOST = 500  # trials, the newest first: a model of thousands takes a sampler seconds a proposal


@dataclass(frozen=True, slots=True)
class Found:
    """A finished trial of an earlier search.

    Attributes:
        search: The search's id, `digits-3`.
        record: The trial.
        verdict: What the rules said of it then.
    """

    search: str
    record: TrialRecord
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a sampler may learn from before the search's own trials.

    Attributes:
        found: The trials, in the order in which they finished, older searches first.
        frozen: The same in Optuna's words, numbered below 0: they come before the search's own.
        refused: How many others today's space or rules do not allow, or were not measured as
            today's soft rules ask.
    """

    found: tuple[Found, ...]
    frozen: tuple[FrozenTrial, ...]
    refused: int

    @property
    def searches(self) -> dict[str, int]:
        """How many of the trials are from which search."""
        counts: dict[str, int] = {}
        for one in self.found:
            counts[one.search] = counts.get(one.search, 0) + 1
        return counts


def code_digest(study: Study) -> str:
    """Return 16 hexadecimal digits that change with the study's `problem.py`."""
    text = (Path(study.folder) / study.problem).read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]


def comparable(
    store: Store,
    study: Study,
    data: str,
    code: str,
    before: SearchInfo | None = None,
    *,
    sweeps: bool = False,
) -> Iterator[Found]:
    """Yield the finished trials of earlier searches whose values can be compared with new ones.

    Confirmations are left out: they repeat a leader for its good luck. The searches come newest
    first, their trials in the order in which they finished.

    Args:
        store: All searches.
        study: The study of today.
        data: Digest of its data.
        code: Digest of its code.
        before: Only searches that began before this one; None: all. A search that is resumed then
            learns from what it learned from when it began.
        sweeps: Whether only sweeps count.
    """
    for info in reversed(store.searches(study.name)):
        if before is not None and info.started >= before.started:
            continue
        if sweeps and not info.sweep:
            continue
        search = (
            open_comparable(store, info, study) if (info.data, info.code) == (data, code) else None
        )
        if search is None:
            continue
        verdicts = search.verdicts()
        for record in search.history().trials:
            yield Found(info.search, record, verdicts[record.number])


def lessons(
    store: Store,
    study: Study,
    data: str,
    code: str,
    predict: Predict,
    before: SearchInfo | None = None,
) -> Lessons:
    """Return what a sampler may learn from: trials of sweeps that today's space and rules allow.

    Earlier searches are left out, so that a search that is repeated stays the same search. The
    trials are lessons for the sampler alone. They cost this search nothing, and say nothing of what
    one more of its own trials will bring, so budget and stopping rule do not see them.

    Args:
        store: All searches.
        study: The study of today.
        data: Digest of its data.
        code: Digest of its code.
        predict: Gives `predicted.*`; asked only where a rule speaks of what was not predicted then.
        before: As for `comparable`.
    """
    by_search: dict[str, list[Found]] = {}
    refused = count = 0
    for one in comparable(store, study, data, code, before, sweeps=True):
        if one.record.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            continue
        if count == MOST:
            break
        if is_judged(study, one.record) and _is_allowed(study, one, predict):
            by_search.setdefault(one.search, []).append(one)
            count += 1
        else:
            refused += 1
    found = tuple(one for search in reversed(by_search.values()) for one in search)
    numbered = zip(range(-len(found), 0), found, strict=True)
    return Lessons(found, tuple(_frozen(study, one, number) for number, one in numbered), refused)


def open_comparable(store: Store, info: SearchInfo, study: Study) -> Search | None:
    """Open a search of the same metric, unless it cannot be read any more."""
    try:
        same = recorded_study(info.text, info.folder).objective == study.objective
        return store.open(info.search) if same else None
    except UserMistake:  # deleted behind our back, or written in words that we no longer know
        return None


def _is_allowed(study: Study, one: Found, predict: Predict) -> bool:
    params = one.record.params
    if study.space.outside(params):
        return False
    known = one.verdict.predicted
    told = all(name in known for name in study.rules.predictions)
    return study.rules.judge_asking(params, (lambda _: known) if told else predict).allowed


def is_judged(study: Study, record: TrialRecord) -> bool:
    """Tell whether all was measured that today's soft rules ask of a complete trial."""
    if record.state is not TrialState.COMPLETE:
        return True
    values = {*record.params, *known(record)}
    rules = (one for one in study.soft_rules.rules if one.applies_to(record.params))
    return all(values >= set(one.require.names) for one in rules)


def _frozen(study: Study, one: Found, number: int) -> FrozenTrial:
    record, kinds = one.record, distributions(study.space, one.record.params)
    state, value, steps = for_optuna(record)  # as the store itself has it
    begun = write_begun(record.params, record.seed, record.purpose, one.verdict)
    frozen = create_trial(
        state=state,
        value=value,
        params={name: record.params[name] for name in kinds},
        distributions=kinds,
        intermediate_values=steps,
        user_attrs={BEGUN: begun},
        system_attrs=constraints(margins(study.soft_rules, record)),
    )
    # Each with a number and an id of its own, none of which a trial of the search will have.
    frozen.number, frozen._trial_id = number, STAND_IN + number
    return frozen
