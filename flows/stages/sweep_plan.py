"""What a sweep will run, what it leaves out, and what it is expected to cost, before it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from satisfice.domain.economics.cost import Cost, total
from satisfice.domain.economics.text import counted, duration, money, short
from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.predicted import Sizes
from satisfice.domain.rules.rule import Predict, Verdict
from satisfice.domain.space.space import Key, Params, key_of
from satisfice.domain.study import Study
from satisfice.domain.sweep.plan import Known, Plan, Sweep, SweepRequest, make_plan
from satisfice.domain.trials.feasibility import margins
from satisfice.flows.stages.overrides import Limits
from satisfice.flows.stages.sweep_points import configurations, understand
from satisfice.tasks.sampling.warm_start import Found, code_digest, comparable, is_judged
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import Store, open_store
from satisfice.tasks.trial_server.client import TrialServer


@dataclass(frozen=True, slots=True)
class Planned:
    """A sweep before it begins.

    Attributes:
        study: The study.
        request: What was asked for.
        plan: What the rules allow of it.
        known: Of that, what was trained before.
        points: The rest, or all of it if it is to be trained again.
        seen: Finished trials that tell what one costs.
    """

    study: Study
    request: SweepRequest
    plan: Plan
    known: tuple[Known, ...]
    points: tuple[Params, ...]
    seen: tuple[Found, ...]

    @property
    def sweep(self) -> Sweep:
        """What is recorded of it when it begins."""
        return Sweep(self.request, self.points, () if self.request.again else self.known)

    @property
    def expected(self) -> Cost | None:
        """What all of it is expected to take; None where nothing is known yet."""
        if not self.seen:
            return None
        costs = (one.record.cost for one in self.seen)
        prices = self.study.prices
        each = total(prices.of(one.seconds, one.kwh, one.energy) for one in costs)
        return each * (len(self.points) / len(self.seen))


def plan_sweep(
    study: Study, request: SweepRequest, store: Store, data: str, count: Callable[[Params], Sizes]
) -> Planned:
    """Hold what is asked for against the rules and against what was trained before.

    Args:
        study: The study.
        request: What is asked for.
        store: All searches.
        data: Digest of the data.
        count: Counts what is known of a configuration's model without training it; asked only
            where a rule needs it. What is learnt of earlier trials comes on top.

    Raises:
        UserError: The notation cannot be read, or does not fit the space.
        NoAllowedConfiguration: The rules allow none of it; says which rule excludes how many.
    """
    earlier = list(comparable(store, study, data, code_digest(study)))
    predict = Predictor(study, count)
    predict.learn(one.record for one in earlier)
    judge = partial(_judge, study, predict)
    plan = make_plan(configurations(study, request), judge, request.random)
    if not plan.points:
        raise _nothing_allowed(plan)
    seen = [one for one in earlier if one.record.has_value]
    known = tuple(_known(study, plan, (one for one in seen if is_judged(study, one.record))))
    tried: set[Key] = set() if request.again else {key_of(one.params) for one in known}
    points = tuple(one for one in plan.points if key_of(one) not in tried)
    return Planned(study, request, plan, known, points, tuple(seen))


def show_plan(path: str, request: SweepRequest, limits: Limits) -> Iterator[str]:
    """Yield what a sweep would run, without running any of it."""
    study = limits.of(read_study(path))
    understand(study, request)
    with TrialServer(study) as server, open_store() as store:
        ready = server.ready()
        ready.manifest.unlink(missing_ok=True)
        planned = plan_sweep(study, request, store, ready.digest, server.predict)
    yield from told(planned)


def told(planned: Planned) -> Iterator[str]:
    """Yield the plan as people read it, line by line."""
    plan, request = planned.plan, planned.request
    yield f"sweep of {planned.study.name}: {request}"
    drawn = "" if request.random is None else " drawn"
    yield f"  {counted(plan.combinations, 'combination')}{drawn}"
    if plan.same:
        why = "drawn before" if drawn else "they differ only in a parameter that is not there"
        yield f"  {plan.same} repeat another: {why}"
    if plan.turned_away:
        yield f"  {plan.turned_away} excluded by the rules"
        for rule, one in sorted(plan.excluded.items(), key=lambda each: -each[1].count):
            yield f"    {one.count} by {rule}, such as {_params(one.example)}"
    if request.random is not None and len(plan.points) < request.random:
        yield f"  no more than {counted(len(plan.points), 'allowed point')} found"
    if planned.known:
        fate = "trained again" if request.again else "not trained again (--again does)"
        names = Counter(one.trial.partition(",")[0] for one in planned.known)
        where = ", ".join(f"{count} in {search}" for search, count in names.items())
        yield f"  {len(planned.known)} known already, {where}: {fate}"
    workers = planned.study.resources.workers
    yield f"  {counted(len(planned.points), 'trial')} to run, {workers} at a time"
    if planned.points:
        yield f"  {_expectation(planned)}"


def _judge(study: Study, predict: Predict, params: Params) -> Verdict:
    """Hold a configuration against the rules, and against bounds that depend on its values."""
    verdict = study.rules.judge_asking(params, predict)
    outside = study.space.outside(params) if verdict.allowed else ()
    margins = {f"the bounds of {name}": -1.0 for name in outside}
    return replace(verdict, margins={**verdict.margins, **margins})


def _known(study: Study, plan: Plan, seen: Iterable[Found]) -> Iterator[Known]:
    newest: dict[Key, Found] = {}
    for one in seen:
        newest.setdefault(key_of(one.record.params), one)
    for params in plan.points:
        found = newest.get(key_of(params))
        if found is not None and found.record.value is not None:
            name = f"{found.search}, trial {found.record.number}"
            broken = (one < 0 for one in margins(study.soft_rules, found.record).values())
            yield Known(name, params, found.record.value, not any(broken))


def _expectation(planned: Planned) -> str:
    study, expected = planned.study, planned.expected
    if expected is None:
        return "expected cost: not known yet, as no trial of this code on this data has finished"
    seconds = sorted(one.record.cost.seconds for one in planned.seen)
    clock = expected.seconds / min(study.resources.workers, len(planned.points))
    searches = list(dict.fromkeys(one.search for one in planned.seen))
    where = ", ".join(reversed(searches[:3])) + (" and older ones" if len(searches) > 3 else "")
    each, price = sum(seconds) / len(seconds), money(expected.money, study.prices.currency)
    text = (
        f"expected: {duration(clock)} of the clock, {price}: "
        f"{counted(len(planned.points), 'trial')} at {duration(each)}, the mean of "
        f"{counted(len(seconds), 'finished trial')} of {where} "
        f"(from {duration(seconds[0])} to {duration(seconds[-1])})"
    )
    return f"{text}; the budget ends it before" if _exceeds(planned, clock, expected) else text


def _exceeds(planned: Planned, clock: float, expected: Cost) -> bool:
    budget = planned.study.budget
    limits = (
        (budget.trials, len(planned.points)),
        (budget.seconds, clock),
        (budget.kwh, expected.kwh),
        (budget.money, expected.money),
    )
    return any(limit is not None and needed > limit for limit, needed in limits)


def _nothing_allowed(plan: Plan) -> NoAllowedConfiguration:
    most = sorted(plan.excluded.items(), key=lambda one: -one[1].count)
    by_rule = "; ".join(f"rule {rule!r} excludes {one.count}" for rule, one in most)
    looked_at = counted(plan.combinations - plan.same, "configuration")
    return NoAllowedConfiguration(
        f"the rules allow none of {looked_at} of this sweep: {by_rule}",
        "Sweep other values; `satisfice check` tells what each rule leaves of the space",
    )


def _params(params: Params) -> str:
    return " ".join(f"{name}={short(value)}" for name, value in params.items())
