"""Trials of a study's earlier searches and sweeps, for later searches to learn from.

Values of trials are comparable if they have the same code, data and metric. Budget, worth, space
and rules may have changed: whether a trial may be learned from depends on the current ones.
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

MOST = 500  # trials, the newest: with thousands, a sampler takes seconds for a proposal


@dataclass(frozen=True, slots=True)
class Found:
    """A finished trial of an earlier search.

    Attributes:
        search: The search's id, `digits-3`.
        record: The trial.
        verdict: The verdict of the rules at that time.
    """

    search: str
    record: TrialRecord
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class PriorTrials:
    """Earlier trials that a sampler may learn from.

    Attributes:
        found: The trials, in the order in which they finished, older searches first.
        frozen: The same as Optuna's trials, with numbers below 0.
        refused: The number of trials that the current space or rules do not allow, or that lack
            measurements for the current soft rules.
    """

    found: tuple[Found, ...]
    frozen: tuple[FrozenTrial, ...]
    refused: int

    @property
    def searches(self) -> dict[str, int]:
        """The number of trials from each search."""
        counts: dict[str, int] = {}
        for one in self.found:
            counts[one.search] = counts.get(one.search, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class HeadStart:
    """What a search knows before its first trial.

    Attributes:
        lessons: Earlier trials for the sampler only.
        first: The configurations to train first.
        known: Earlier trials that the stopping decision treats as trials of the search.
        seconds: The expected duration of a trial; None if it is not known.
    """

    lessons: tuple[FrozenTrial, ...] = ()
    first: tuple[Params, ...] = ()
    known: tuple[TrialRecord, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier search of a study, not a sweep, with at least one finished trial.

    Attributes:
        search: The search.
        history: Its trials.
        same: Whether it had the same space, rules, objective and code.
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
    """Return the earlier searches of a study on any data; the newest is the last.

    Args:
        store: All searches.
        study: The study.
        before: Only those that began before this one; `same` refers to its code. None: all, and the
            current code.
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
    """Return the searches that were on this data."""
    return tuple(one for one in searches if one.search.info.data == digest)


def why_begun(search: Search) -> Decision | None:
    """Return the decision by which a schedule began a search; None if no schedule did."""
    records = search.decisions(SCHEDULE)
    return next((one.decision for one in records if not one.decision.stop), None)


def known_before(store: Store, study: Study, search: Search) -> tuple[TrialRecord, ...]:
    """Return the earlier trials that the stopping decision of a search treats as its own.

    Only a search that a schedule began continues earlier ones on the same data.
    """
    if why_begun(search) is None:
        return ()
    same = (one for one in earlier_searches(store, study, search.info) if one.same)
    return merged(on_the_data(same, search.info.data), study).trials


def merged(searches: Iterable[Earlier], study: Study) -> History:
    """Return the trials of several searches as one history, at the study's current prices.

    An exactly repeated search adds nothing: of two trainings of a configuration with the same seed,
    only the first is kept.
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
    """Yield the finished trials of earlier searches whose values are comparable with new ones.

    Confirmations are left out, since they repeat leaders, which were chosen for good luck. The
    newest search comes first; its trials come in the order in which they finished.

    Args:
        store: All searches.
        study: The study.
        data: Digest of its data.
        code: Digest of its code.
        before: Only searches that began before this one, so that a resumed search learns from the
            same trials as when it began; None: all.
        sweeps: Whether to use only sweeps.
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
    """Return the earlier trials that a sampler may learn from under the current space and rules.

    By default, only sweeps are used, so that a repeated search gives the same result. The trials
    are for the sampler only: they cost this search nothing, and those of a sweep do not tell how
    much one more trial will gain.

    Args:
        store: All searches.
        study: The study.
        data: Digest of its data.
        code: Digest of its code.
        predict: Predicts `predicted.*`; called only if a rule uses what was not predicted then.
        before: As for `comparable`.
        sweeps: Whether to use only sweeps.
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
    """Tell whether a search had the same space, rules and objective; the rest may differ."""
    other = ("problem", "data", "worth", "prices", "gates", "confirming", "sampler", "seed")
    today = {name: getattr(study, name) for name in other}
    before = replace(recorded_study(info.text, info.folder), **today)
    return study_digest(before) == study_digest(study)


def open_comparable(store: Store, info: SearchInfo, study: Study) -> Search | None:
    """Open a search with the same objective; None if it differs or can no longer be read."""
    try:
        same = recorded_study(info.text, info.folder).objective == study.objective
        return store.open(info.search) if same else None
    except UserError:  # deleted, or in a notation that is no longer supported
        return None


def _is_allowed(study: Study, one: Found, predict: Predict) -> bool:
    params = one.record.params
    if study.space.outside(params):
        return False
    known = one.verdict.predicted
    told = all(name in known for name in study.rules.predictions)
    return study.rules.judge_asking(params, (lambda _: known) if told else predict).allowed


def is_judged(study: Study, record: TrialRecord) -> bool:
    """Tell whether a complete trial has all measurements that the current soft rules use."""
    if record.state is not TrialState.COMPLETE:
        return True
    values = {*record.params, *known(record)}
    rules = (one for one in study.soft_rules.rules if one.applies_to(record.params))
    return all(values >= set(one.require.names) for one in rules)


def _frozen(study: Study, one: Found, number: int) -> FrozenTrial:
    record, kinds = one.record, distributions(study.space, one.record.params)
    state, value, steps = for_optuna(record)  # as in the store
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
    # Numbers and ids that no trial of the search will have.
    renumber(frozen, number, STAND_IN + number)
    return frozen
