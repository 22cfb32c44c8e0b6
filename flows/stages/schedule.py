"""A scheduled run: whether it starts a search, and what that search already knows."""

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
from satisfice.flows.stages.records import recorded
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
    """A scheduled run of a study.

    Attributes:
        decision: Whether it starts a search.
        past: The earlier searches that the decision rests on, the newest last.
    """

    decision: Decision
    past: tuple[Earlier, ...] = ()


def consider(study: Study, store: Store, ready: ServerReady, behind: Backstage) -> ScheduledRun:
    """Decide whether a search is worth starting, before its data is validated.

    Nothing is run on known data. New data is validated, and the champion is scored on its
    validation split.

    Args:
        study: The study.
        store: All searches.
        ready: The data.
        behind: The processes that validate and score.
    """
    every = earlier_searches(store, study)
    same = [one for one in every if one.same]
    if not same:
        return ScheduledRun(Decision.to_continue(_why_nothing_is_known(study, every)))
    past = on_the_data(same, ready.digest) or on_the_data(same, same[-1].search.info.data)
    latest = past[-1].search.info
    champion = None
    if latest.data != ready.digest:
        try:
            champion = _rescored(study, past, ready, behind)
        except SatisficeError as error:
            why = error.message.splitlines()[0]
            changed = f"the data has changed since {latest.search}"
            reason = f"{changed}, and no champion was scored on it: {why}"
            return ScheduledRun(Decision.to_continue(reason))
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


def _why_nothing_is_known(study: Study, every: Sequence[Earlier]) -> str:
    if not every:
        return f"{study.name} has not been searched yet"
    latest = every[-1].search.info
    other_code = latest.code != code_digest(study)
    changed = study.problem if other_code else "the space, a rule or the objective"
    return f"{changed} has changed since {latest.search}"


def record_skip(run: ScheduledRun) -> None:
    """Record that a run starts no search, with the last of the searches that it rests on."""
    latest = run.past[-1]
    after = len(latest.history.trials)
    latest.search.decide(DecisionRecord(SCHEDULE, after, run.decision, time.time()))


def begin(study: Study, store: Store, ready: ServerReady, run: ScheduledRun) -> Search:
    """Start the search of a run that is worth it.

    On the data of earlier searches it gets another seed, or it would repeat their proposals.
    """
    repeated = sum(one.search.info.data == ready.digest for one in run.past)
    other = replace(study, seed=study.seed + repeated)
    search = store.begin(other, ready.digest, code_digest(study))
    search.decide(DecisionRecord(SCHEDULE, 0, run.decision, time.time()))
    return search


def capped_budget(study: Study, decision: Decision) -> Study:
    """Return the study with its budget capped at the expected gain of a scheduled run."""
    most = decision.evidence.get("most")
    budget = study.budget if most is None else study.budget.within(Budget(money=most))
    return replace(study, budget=budget)


def head_start(study: Study, store: Store, search: Search) -> HeadStart:
    """Return what a search that a schedule started knows before its first trial.

    On the data of earlier searches it continues them. On new data their values do not count, and it
    begins with their best configurations, as many as the trials before which no search stops.

    Args:
        study: The study.
        store: All searches.
        search: The search, also when it is resumed.
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
    """Return the last registered configuration, then all others, best first."""
    registered = _last_registered(past)
    winner = None if registered is None else registered.winner
    history = merged(past, study)
    best = [one.params for one in history.leaders(len(history.trials))]
    ranked = best if winner is None else [winner.params, *best]
    return tuple({key_of(one): one for one in ranked}.values())


def _last_registered(past: Sequence[Earlier]) -> SearchSummary | None:
    """Return the search of the last champion; if there is none, of the last registered model."""
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
    """Score the last registered model on new data.

    Raises:
        SatisficeError: That cannot be done; says why.
    """
    summary = _last_registered(past)
    if summary is None or summary.winner is None:
        raise SatisficeError("no earlier search has registered a model")
    winner, metric = summary.winner, study.objective.metric
    number = winner.numbers[winner.chosen(study.objective.direction)]
    model = trial_folder(summary.search, number) / "model.pt"
    trained_on = search_folder(summary.search) / "data" / "manifest.npz"
    missing = [one.name for one in (model, trained_on) if not one.exists()]
    if missing:
        raise SatisficeError(f"{' and '.join(missing)} of {summary.search} is missing")
    if not behind.gate.run(validate, study, ready.manifest, ready.digest, None).passed:
        raise SatisficeError("the data does not pass its expectations")
    scores = behind.server.score(model, trained_on)
    now, *parts = (one.get(metric, math.nan) for one in scores)
    if not math.isfinite(now):
        raise SatisficeError(f"evaluate() returned no finite {metric!r}")
    return Champion(winner.validation, now, tuple(parts) if all(map(math.isfinite, parts)) else ())
