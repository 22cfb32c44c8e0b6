"""The plan of a sweep, made before it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from satisfice.domain.economics.text import counted
from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.predicted import Sizes
from satisfice.domain.space.space import Key, Params, key_of
from satisfice.domain.study import Overrides, Study
from satisfice.domain.sweep.plan import (
    Plan,
    PlannedSweep,
    SweepRequest,
    judge_point,
    make_plan,
    trained_before,
)
from satisfice.domain.sweep.points import configurations, refuse_invalid
from satisfice.flows.terminal.sweep_text import plan_lines
from satisfice.tasks.sampling.warm_start import code_digest, comparable, is_judged
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import Store, open_store
from satisfice.tasks.trial_server.client import TrialServer


def plan_sweep(
    study: Study, request: SweepRequest, store: Store, data: str, count: Callable[[Params], Sizes]
) -> PlannedSweep:
    """Check the requested points against the rules and against earlier trials.

    Args:
        study: The study.
        request: What was asked for.
        store: All searches.
        data: Digest of the data.
        count: Counts what is known of a configuration's model without training it; called only
            where a rule needs it. What is learnt from earlier trials is added to that.

    Raises:
        UserError: The request cannot be read, or does not fit the space.
        NoAllowedConfiguration: The rules allow none of it; says which rule excludes how many.
    """
    earlier = list(comparable(store, study, data, code_digest(study)))
    predict = Predictor(study, count)
    predict.learn(one.record for one in earlier)
    judge = partial(judge_point, study, predict)
    plan = make_plan(configurations(study, request), judge, request.random)
    if not plan.points:
        raise _nothing_allowed(plan)
    trials = [(one.search, one.record) for one in earlier if one.record.has_value]
    judged = ((search, trial) for search, trial in trials if is_judged(study, trial))
    known = tuple(trained_before(study, plan.points, judged))
    skipped: set[Key] = set() if request.again else {key_of(one.params) for one in known}
    points = tuple(one for one in plan.points if key_of(one) not in skipped)
    return PlannedSweep(study, request, plan, known, points, tuple(trials))


def show_plan(path: str, request: SweepRequest, overrides: Overrides) -> Iterator[str]:
    """Yield what a sweep would run, without running any of it."""
    study = overrides.applied_to(read_study(path))
    refuse_invalid(study, request)
    with TrialServer(study) as server, open_store() as store:
        ready = server.ready()
        ready.manifest.unlink(missing_ok=True)
        planned = plan_sweep(study, request, store, ready.digest, server.predict)
    yield from plan_lines(planned)


def _nothing_allowed(plan: Plan) -> NoAllowedConfiguration:
    most = sorted(plan.excluded.items(), key=lambda one: -one[1].count)
    by_rule = "; ".join(f"rule {rule!r} excludes {one.count}" for rule, one in most)
    checked = counted(plan.combinations - plan.same, "configuration")
    return NoAllowedConfiguration(
        f"the rules allow none of {checked} of this sweep: {by_rule}",
        "Sweep other values; `satisfice check` shows what each rule allows of the space",
    )
