"""Allowed configurations near forbidden ones, and the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules.batch_repair import repair
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.predicted import Predicted
from satisfice.domain.rules.rule import Predict, Rule, RuleBook
from satisfice.domain.space import enumeration
from satisfice.domain.space.domains import same
from satisfice.domain.space.repair import allowed_step_by_step, nearest_allowed, whole
from satisfice.domain.space.space import Choice, Params, Space

_ATTEMPTS = 1000  # configurations checked around one
_PREDICTIONS = 100  # predictions for them
_PREDICTIONS_OUTSIDE = 300  # enough for every change of one parameter, in most spaces
_STEP = 0.05  # of an axis; a smaller change would hardly affect the training
_HALVINGS = 20  # down to a millionth of a distance


def allowed_near(space: Space, evaluator: RuleEvaluator, start: Params) -> dict[str, Value] | None:
    """Return the nearest configuration found that fulfils all rules.

    Args:
        space: The space.
        evaluator: Evaluates the rules; its prediction budget is set here.
        start: A configuration that breaks a rule.
    """
    evaluator.prediction_budget = _PREDICTIONS
    plain = evaluator.rules.without_predictions
    fulfils = partial(evaluator.fulfils, evaluator.rules.rules)
    nearest = nearest_allowed(start, space, fulfils, _ATTEMPTS)
    if nearest is None:
        nearest = repair(start, space, plain, fulfils)
    if nearest is None:
        demands = [*(partial(evaluator.fulfils, [one]) for one in plain.rules), fulfils]
        nearest = allowed_step_by_step(start, space, demands, _ATTEMPTS)
    return None if nearest is None else _moved_back(space, fulfils, start, nearest)


def forbidden_near(
    space: Space,
    evaluator: RuleEvaluator,
    starts: Iterable[Params],
    broken: Rule,
    kept: Rule | None = None,
) -> Params | None:
    """Search for a configuration that breaks one rule, and fulfils another if one is given.

    Only the parameters of these rules are moved, to keep the search small.
    """

    def keeps(params: Params) -> bool:
        return kept is None or evaluator.fulfils([kept], params)

    def breaks(params: Params) -> bool:
        return not evaluator.fulfils([broken], params)

    rules = (broken,) if kept is None else (broken, kept)
    part = enumeration.part_about(space, {name for one in rules for name in one.names})
    for start in starts:
        here = enumeration.within(part, start)
        found = allowed_step_by_step(here, part, (keeps, breaks), _ATTEMPTS)
        if found is not None:
            return enumeration.completed(space, found, start)
    return None


def just_outside(
    space: Space, rules: RuleBook, rule: Rule, predict: Predict, start: Params
) -> dict[str, Value] | None:
    """Return the nearest configuration found that breaks one rule and no other.

    It is at least a twentieth of an axis away: if quality changes gradually, a step just over the
    limit makes no difference, however good the rule is.

    Args:
        space: The space.
        rules: All rules.
        rule: The rule to break.
        predict: Gives `predicted.*` of a configuration.
        start: A configuration that breaks no rule.

    Raises:
        StudyCodeError: None was found, and the model of at least one candidate cannot be built;
            says why.
    """
    others = RuleBook(tuple(one for one in rules.rules if one.id != rule.id))
    plain = others.without_predictions
    known: list[Predicted] = []
    faults: list[StudyCodeError] = []

    def breaks_it_alone(params: Params) -> bool:
        if not rule.applies_to(params) or not plain.allow(params, {}):
            return False
        if _distance(space, start, params) < _STEP:
            return False
        if not rule.needs_prediction and rule.allows(params, {}):
            return False
        if len(known) + len(faults) == _PREDICTIONS_OUTSIDE:
            return False
        try:
            known.append(predict(params))
        except StudyCodeError as fault:
            faults.append(fault)
            return False
        return others.allow(params, known[-1]) and not rule.allows(params, known[-1])

    found = nearest_allowed(start, space, breaks_it_alone, _ATTEMPTS)
    if found is None and faults:
        raise faults[0]
    return found


def _distance(space: Space, one: Params, other: Params) -> float:
    """Return the largest distance of two configurations on any axis."""
    here, there = whole(one, space), whole(other, space)
    return max(
        float(not same(here[name], there[name]))
        if isinstance(axis, Choice)
        else abs(axis.place(float(here[name])) - axis.place(float(there[name])))
        for name, axis in space.axes.items()
    )


def _moved_back(
    space: Space, fulfils: Callable[[Params], bool], start: Params, found: dict[str, Value]
) -> dict[str, Value]:
    """Move real numbers back towards the start as far as the rules allow, by bisection."""
    for name, far in found.items():
        near = start.get(name)
        if isinstance(near, float) and isinstance(far, float):
            found = {**found, name: _nearer(near, far, partial(_fits, space, fulfils, found, name))}
    return found


def _nearer(near: float, far: float, fits: Callable[[float], bool]) -> float:
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if fits(middle) else (middle, far)
    return far


def _fits(
    space: Space, fulfils: Callable[[Params], bool], params: Params, name: str, value: float
) -> bool:
    moved = {**params, name: value}
    return not space.outside(moved) and fulfils(moved)
