"""Confirmation: the leaders are trained again, because the best of many results is biased."""

from __future__ import annotations

from satisfice.domain.decisions.confirmation import Confirmed, confirmed, in_order
from satisfice.domain.space.space import key_of
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import TrialRecord
from satisfice.flows.coordination.coordinator import Candidate, Coordinator
from satisfice.tasks.sampling.priced import Terms, leaders_of

# Endings after which there is something to confirm.
_CONFIRMED = (
    Ending.NOT_WORTH_CONTINUING,
    Ending.BUDGET_SPENT,
    Ending.NOTHING_ALLOWED,
    Ending.PLAN_DONE,
    Ending.STOPPED_BY_HAND,
)

_MOST = 30  # trainings beyond those that the study asks for


def confirm(coordinator: Coordinator, ending: Ending) -> tuple[Confirmed, ...]:
    """Train the leaders and the default again with fresh seeds, scored on the test split.

    Beyond the seeds that the study asks for, a search that was not stopped by hand trains leaders
    again as long as knowing better which one is best is worth the price.

    Returns:
        The winner first (best mean on the validation split), the default configuration last.
    """
    study, search = coordinator.study, coordinator.search
    leaders = coordinator.history.leaders(study.confirming.leaders)
    if ending not in _CONFIRMED or not leaders:
        return ()
    default = study.space.defaults()
    names = {one.number: f"trial {one.number}" for one in leaders}
    compared = [*leaders]
    for one in coordinator.history.trials:
        if one.params == default and one.number not in names:
            names[one.number] = "default"
            compared.append(one)
    candidates = [Candidate(one.params, search.verdict(one.number)) for one in compared]
    coordinator.confirm(candidates, study.confirming.seeds)
    if coordinator.plan is None and ending is not Ending.STOPPED_BY_HAND:
        for one in _train_again(coordinator):
            if one.number not in names:
                names[one.number] = f"trial {one.number}"
                leaders += (one,)
                compared.append(one)
    metric, direction = study.objective.metric, study.objective.direction
    results = []
    for one in compared:
        observed, repeats = one.value if one in leaders else None, _confirmations(coordinator, one)
        results.append(confirmed(names[one.number], one.params, observed, repeats, metric))
    return in_order(results, direction)


def _train_again(coordinator: Coordinator) -> list[TrialRecord]:
    """Train leaders again, one at a time, while the expected gain of that exceeds its cost."""
    study, search = coordinator.study, coordinator.search
    terms = Terms(study.worth, study.objective.direction)
    tried = {one.number: one for one in coordinator.history.trials}
    chosen: list[TrialRecord] = []
    while len(chosen) < _MOST:
        ranked = leaders_of(search.optuna_study, study.space, terms)
        paying = [one for one in ranked if one.offer.gain > one.offer.cost]
        if not paying:
            break
        again = tried[max(paying, key=lambda one: one.offer.gain - one.offer.cost).number]
        known = len(_confirmations(coordinator, again))
        coordinator.confirm([Candidate(again.params, search.verdict(again.number))], known + 1)
        if len(_confirmations(coordinator, again)) == known:
            break  # stopped, or nothing more is affordable
        chosen.append(again)
    return chosen


def _confirmations(coordinator: Coordinator, trial: TrialRecord) -> list[TrialRecord]:
    key = key_of(trial.params)
    return [one for one in coordinator.confirmations if key_of(one.params) == key]
