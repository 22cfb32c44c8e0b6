"""The plan of a sweep in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from satisfice.domain.economics.text import counted, duration, money, short
from satisfice.domain.space.space import Params
from satisfice.domain.sweep.plan import PlannedSweep


def plan_lines(planned: PlannedSweep) -> Iterator[str]:
    """Yield what a sweep will train, what it will not train and why, and its expected cost."""
    plan, request = planned.plan, planned.request
    yield f"sweep of {planned.study.name}: {request}"
    drawn = "" if request.random is None else " drawn"
    yield f"  {counted(plan.combinations, 'combination')}{drawn}"
    if plan.same:
        why = "drawn before" if drawn else "they differ only in a parameter that is not active"
        yield f"  {plan.same} repeat another: {why}"
    if plan.turned_away:
        yield f"  {plan.turned_away} excluded by the rules"
        for rule, one in sorted(plan.excluded.items(), key=lambda each: -each[1].count):
            yield f"    {one.count} by {rule}, such as {_params(one.example)}"
    if request.random is not None and len(plan.points) < request.random:
        yield f"  only {counted(len(plan.points), 'allowed point')} found"
    if planned.known:
        fate = "trained again" if request.again else "not trained again (--again does)"
        names = Counter(one.trial.partition(",")[0] for one in planned.known)
        where = ", ".join(f"{count} in {search}" for search, count in names.items())
        yield f"  {len(planned.known)} trained before, {where}: {fate}"
    workers = planned.study.resources.workers
    yield f"  {counted(len(planned.points), 'trial')} to run, {workers} at a time"
    if planned.points:
        yield f"  {_expectation(planned)}"


def _expectation(planned: PlannedSweep) -> str:
    study, expected = planned.study, planned.expected
    if expected is None:
        return "expected cost: unknown, as no trial of this code on this data has finished yet"
    seconds = sorted(trial.cost.seconds for _, trial in planned.earlier)
    searches = list(dict.fromkeys(search for search, _ in planned.earlier))
    where = ", ".join(reversed(searches[:3])) + (" and older ones" if len(searches) > 3 else "")
    each, price = sum(seconds) / len(seconds), money(expected.money, study.prices.currency)
    text = (
        f"expected: {duration(planned.clock)}, {price}: "
        f"{counted(len(planned.points), 'trial')} at {duration(each)}, the mean of "
        f"{counted(len(seconds), 'finished trial')} of {where} "
        f"(from {duration(seconds[0])} to {duration(seconds[-1])})"
    )
    return f"{text}; the budget will end it earlier" if planned.exceeds_budget else text


def _params(params: Params) -> str:
    return " ".join(f"{name}={short(value)}" for name, value in params.items())
