"""A scheduled search: whether it begins tonight, and what it begins with."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.decisions.forecast import expected_cost
from satisfice.domain.decisions.schedule import Champion, Past, decide
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import StoppingPolicy
from satisfice.domain.economics.cost import Budget
from satisfice.domain.errors import SatisficeError
from satisfice.domain.space.space import Params, key_of
from satisfice.domain.study import Study
from satisfice.domain.summary import SCHEDULE, SearchSummary
from satisfice.domain.trials.reservation import search_share
from satisfice.flows.cli.status import recorded
from satisfice.tasks.files.home import search_folder, trial_folder
from satisfice.tasks.sampling.warm_start import (
    Earlier,
    HeadStart,
    code_digest,
    earlier_searches,
    merged,
    on_the_data,
)
from satisfice.tasks.search_processes import Backstage
from satisfice.tasks.storage.store import Search, Store
from satisfice.tasks.tracking.registry import CHAMPION
from satisfice.tasks.trial_server.client import ServerReady
from satisfice.tasks.validation.gate import validate


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A scheduled search that may begin.

    Attributes:
        decision: Whether it does.
        past: The searches on whose trials that was decided, the newest last; of none: as usual.
    """

    decision: Decision
    past: tuple[Earlier, ...] = ()


def consider(study: Study, store: Store, ready: ServerReady, behind: Backstage) -> ScheduledRun:
    """Decide whether a search is worth beginning, before its data is validated.

    Only on new data anything is run: the gate, and the champion on the validation split.

    Args:
        study: The study.
        store: All searches.
        ready: The data.
        behind: The processes that validate and score.
    """
    every = earlier_searches(store, study)
    if not every:
        return ScheduledRun(Decision.to_continue(f"nothing is known of {study.name} yet"))
    same = [one for one in every if one.same]
    if not same:
        latest = every[-1].search.info
        other_code = latest.code != code_digest(study)
        changed = study.problem if other_code else "the space, the rules or the objective"
        return ScheduledRun(
            Decision.to_continue(f"{changed} is not what it was for {latest.search}")
        )
    past = on_the_data(same, ready.digest) or on_the_data(same, same[-1].search.info.data)
    latest = past[-1].search.info
    champion = None
    if latest.data != ready.digest:
        try:
            champion = _rescored(study, past, ready, behind)
        except SatisficeError as obstacle:
            why = obstacle.message.splitlines()[0]
            told = f"the data is new since {latest.search}, and no champion was scored on it: {why}"
            return ScheduledRun(Decision.to_continue(told))
    situation = Situation(
        history=merged(past, study),
        worth=study.worth,
        prices=study.prices,
        left=search_share(study.budget, study.confirming.share),
        workers=study.resources.workers,
        space=study.space,
    )
    confirmed = study.confirming.leaders + (study.space.defaults() is not None)
    repeats = confirmed * study.confirming.seeds
    return ScheduledRun(decide(situation, Past(latest.search, repeats, champion)), past)


def record_skip(run: ScheduledRun) -> None:
    """Record that no search begins tonight: beside the last one of those that say why."""
    latest = run.past[-1]
    after = len(latest.history.trials)
    latest.search.decide(DecisionRecord(SCHEDULE, after, run.decision, time.time()))


def begin(study: Study, store: Store, ready: ServerReady, run: ScheduledRun) -> Search:
    """Begin the search of a run that is worth it.

    On the data of earlier searches it gets another seed than these, or it would draw the same.
    """
    repeated = sum(one.search.info.data == ready.digest for one in run.past)
    other = replace(study, seed=study.seed + repeated)
    search = store.begin(other, ready.digest, code_digest(study))
    search.decide(DecisionRecord(SCHEDULE, 0, run.decision, time.time()))
    return search


def capped_budget(study: Study, decision: Decision) -> Study:
    """Return the study with no more budget than a run is expected to be worth."""
    most = decision.evidence.get("most")
    budget = study.budget if most is None else study.budget.within(Budget(money=most))
    return replace(study, budget=budget)


def head_start(study: Study, store: Store, search: Search) -> HeadStart:
    """Return what a search that a schedule began, or takes up again, knows before its first trial.

    On the data of earlier searches it goes on where these ended. On new data their values do not
    count, and it tries as many of their best configurations as it has to try at least.

    Args:
        study: The study.
        store: All searches.
        search: The search.
    """
    same = [one for one in earlier_searches(store, study, search.info) if one.same]
    if not same:
        return HeadStart()
    here = on_the_data(same, search.info.data)
    past = here or on_the_data(same, same[-1].search.info.data)
    best, history = _best_known(study, past), merged(past, study)
    seconds = expected_cost(history).seconds
    if here:
        return HeadStart(first=best[:1], known=history.trials, seconds=seconds)
    return HeadStart(first=best[: StoppingPolicy().min_trials], seconds=seconds)


def _best_known(study: Study, past: Sequence[Earlier]) -> tuple[Params, ...]:
    """Return what was handed over, and then all others from the best on."""
    champion = _handed_over(past)
    winner = None if champion is None else champion.winner
    history = merged(past, study)
    best = [one.params for one in history.leaders(len(history.trials))]
    ranked = best if winner is None else [winner.params, *best]
    return tuple({key_of(one): one for one in ranked}.values())


def _handed_over(past: Sequence[Earlier]) -> SearchSummary | None:
    """Return the search whose model became champion last; if none did, was registered last."""
    summaries = [recorded(one.search) for one in past]
    aliases = {
        one.search: one.registration.alias for one in summaries if one.winner and one.registration
    }
    registered = [one for one in summaries if aliases.get(one.search)]
    champions = [one for one in registered if aliases[one.search] == CHAMPION]
    return next(reversed(champions or registered), None)


def _rescored(
    study: Study, past: Sequence[Earlier], ready: ServerReady, behind: Backstage
) -> Champion:
    """Score the model that was handed over on new data.

    Raises:
        SatisficeError: That cannot be done; says why.
    """
    summary = _handed_over(past)
    if summary is None or summary.winner is None:
        raise SatisficeError("no earlier search has registered a model")
    winner, metric = summary.winner, study.objective.metric
    number = winner.numbers[winner.chosen(study.objective.direction)]
    model = trial_folder(summary.search, number) / "model.pt"
    trained_on = search_folder(summary.search) / "data" / "manifest.npz"
    gone = [one.name for one in (model, trained_on) if not one.exists()]
    if gone:
        raise SatisficeError(f"{summary.search} has lost its {' and '.join(gone)}")
    if not behind.gate.run(validate, study, ready.manifest, ready.digest, None).passed:
        raise SatisficeError("the data does not pass its expectations")
    scores = behind.server.score(model, trained_on)
    now, *parts = (one.get(metric, math.nan) for one in scores)
    if not math.isfinite(now):
        raise SatisficeError(f"evaluate() returned no finite {metric!r}")
    return Champion(winner.validation, now, tuple(parts) if all(map(math.isfinite, parts)) else ())
