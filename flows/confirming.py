"""Train the leaders again: is the best as good as it looked?"""

from __future__ import annotations

from domain.confirming import confirmed, in_order
from domain.summary import Confirmed, Ending
from flows.coordinator import Candidate, Coordinator

# Endings after which there is something to confirm.
_CONFIRMED = (
    Ending.WORTHWHILE_STOP,
    Ending.BUDGET_SPENT,
    Ending.PLAN_DONE,
    Ending.NOTHING_ALLOWED,
    Ending.STOPPED_BY_HAND,
)


def confirm(coordinator: Coordinator, ending: Ending) -> tuple[Confirmed, ...]:
    """Train the leaders and the default again with fresh seeds, scored on the test split.

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
    return in_order(
        [
            confirmed(
                names[one.number],
                one.params,
                one.value if one in leaders else None,
                [each for each in coordinator.confirmations if each.params == one.params],
                study.objective.metric,
            )
            for one in compared
        ],
        study.objective.direction,
    )
