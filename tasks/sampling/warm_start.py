"""What earlier searches and sweeps of a study have found out, for the searches that come later.

A value can be compared with that of another trial where the same code was trained on the same data
for the same metric. Budget, worth, space and rules may have changed since: whether a configuration
may be learned from is asked of today's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from optuna.trial import FrozenTrial, create_trial

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.errors import UserError
from satisfice.domain.rules.rule import Predict, Verdict
from satisfice.domain.space.space import Params, key_of
from satisfice.domain.study import Study
from satisfice.domain.summary import SCHEDULE
from satisfice.domain.trials.feasibility import known, margins
from satisfice.domain.trials.history import History, TrialRecord, TrialState
from satisfice.tasks.sampling.draws import STAND_IN
from satisfice.tasks.spec.digest import study_digest
from satisfice.tasks.spec.reader import recorded_study
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.optuna_private import renumber
from satisfice.tasks.storage.store import Search, SearchInfo, Store
from satisfice.tasks.storage.trial_records import BEGUN, constraints, for_optuna, write_begun

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
class PriorTrials:
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


@dataclass(frozen=True, slots=True)
class HeadStart:
    """What a search knows before its first trial.

    Attributes:
        lessons: Earlier trials, for the sampler alone.
        first: The configurations that are trained first.
        known: Earlier trials that the stop counts as if they were the search's own.
        seconds: How long a trial is expected to take; None: nothing is known of that.
    """

    lessons: tuple[FrozenTrial, ...] = ()
    first: tuple[Params, ...] = ()
    known: tuple[TrialRecord, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier search of a study that has finished a trial at least; no sweep.

    Attributes:
        search: The search.
        history: Its trials.
        same: Whether it had the same space, rules, objective and code as it is compared with.
    """

    search: Search
    history: History
    same: bool


def code_digest(study: Study) -> str:
    """Return 16 hexadecimal digits that change with the study's `problem.py`."""
    text = (Path(study.folder) / study.problem).read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]


def earlier_searches(
    store: Store, study: Study, before: SearchInfo | None = None
) -> tuple[Earlier, ...]:
    """Return the earlier searches of a study, on whatever data; the newest is the last.

    Args:
        store: All searches.
        study: The study.
        before: Only those that began before this one, and with its code; None: all, with today's.
    """
    code = code_digest(study) if before is None else before.code
    found = []
    for info in store.searches(study.name):
        if info.sweep or (before is not None and info.started >= before.started):
            continue
        search = open_comparable(store, info, study)
        history = None if search is None else search.history()
        if search is not None and history is not None and history.trials:
            same = info.code == code and _asks_the_same(info, study)
            found.append(Earlier(search, history, same))
    return tuple(found)


def on_the_data(searches: Iterable[Earlier], digest: str) -> tuple[Earlier, ...]:
    """Return those of some searches that were on this data."""
    return tuple(one for one in searches if one.search.info.data == digest)


def why_begun(search: Search) -> Decision | None:
    """Return the decision by which a schedule began a search; None: somebody else began it."""
    records = search.decisions(SCHEDULE)
    return next((one.decision for one in records if not one.decision.stop), None)


def known_before(store: Store, study: Study, search: Search) -> tuple[TrialRecord, ...]:
    """Return the earlier trials that the stop of a search counts as if they were its own.

    Only a search that a schedule began goes on where others on the same data ended.
    """
    if why_begun(search) is None:
        return ()
    same = (one for one in earlier_searches(store, study, search.info) if one.same)
    return merged(on_the_data(same, search.info.data), study).trials


def merged(searches: Iterable[Earlier], study: Study) -> History:
    """Return the trials of several searches as one history, priced as the study prices them now.

    A search that was repeated as it was brings no second look: of two trainings of a configuration
    with the same seed, the first one stands.
    """
    trials: dict[Hashable, TrialRecord] = {}
    for one in (record for each in searches for record in each.history.trials):
        cost = study.prices.of(one.cost.seconds, one.cost.kwh, one.cost.energy)
        trials.setdefault((key_of(one.params), one.seed), replace(one, cost=cost))
    return History(tuple(trials.values()), study.objective.direction)


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
    *,
    sweeps: bool = True,
) -> PriorTrials:
    """Return what a sampler may learn from: earlier trials that today's space and rules allow.

    Earlier searches are left out unless they are asked for, so that a search that is repeated
    stays the same search. The trials are lessons for the sampler alone. They cost this search
    nothing, and those of a sweep say nothing of what one more of its own trials will bring.

    Args:
        store: All searches.
        study: The study of today.
        data: Digest of its data.
        code: Digest of its code.
        predict: Gives `predicted.*`; asked only where a rule speaks of what was not predicted then.
        before: As for `comparable`.
        sweeps: Whether only sweeps count.
    """
    by_search: dict[str, list[Found]] = {}
    refused = count = 0
    for one in comparable(store, study, data, code, before, sweeps=sweeps):
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
    return PriorTrials(
        found, tuple(_frozen(study, one, number) for number, one in numbered), refused
    )


def _asks_the_same(info: SearchInfo, study: Study) -> bool:
    """Tell whether a search had today's space, rules and objective; all else may be another one."""
    other = ("problem", "data", "worth", "prices", "gates", "confirming", "sampler", "seed")
    today = {name: getattr(study, name) for name in other}
    before = replace(recorded_study(info.text, info.folder), **today)
    return study_digest(before) == study_digest(study)


def open_comparable(store: Store, info: SearchInfo, study: Study) -> Search | None:
    """Open a search of the same metric, unless it cannot be read any more."""
    try:
        same = recorded_study(info.text, info.folder).objective == study.objective
        return store.open(info.search) if same else None
    except UserError:  # deleted behind our back, or written in words that we no longer know
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
    renumber(frozen, number, STAND_IN + number)
    return frozen
