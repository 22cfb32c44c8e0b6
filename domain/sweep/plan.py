"""The plan of a sweep: the configurations to train, and those that rules exclude."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from satisfice.domain.economics.cost import Budget, Cost, total
from satisfice.domain.errors import UserError
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules.rule import Excluded, Predict, Verdict, exclude
from satisfice.domain.space.space import Key, Params, Space, key_of
from satisfice.domain.study import Study
from satisfice.domain.sweep.notation import Swept
from satisfice.domain.trials.feasibility import margins
from satisfice.domain.trials.history import TrialRecord

MOST = 10_000  # configurations of a grid; more are a mistake


@dataclass(frozen=True, slots=True)
class Plan:
    """The configurations of a sweep.

    Attributes:
        points: The configurations that the rules allow, each once, in order.
        combinations: How many combinations of values were considered.
        same: How many of them repeat an earlier configuration.
        turned_away: How many configurations the rules exclude.
        excluded: By rule id, what the rule excludes; several may exclude the same.
    """

    points: tuple[Params, ...]
    combinations: int
    same: int
    turned_away: int
    excluded: Mapping[str, Excluded]


def make_plan(
    configurations: Iterable[Params], judge: Callable[[Params], Verdict], most: int | None = None
) -> Plan:
    """Keep the configurations that the rules allow, each once.

    Args:
        configurations: The configurations in order.
        judge: Gives the verdict of the rules; called once per configuration.
        most: How many are enough; None: all.
    """
    points: list[Params] = []
    seen: set[Key] = set()
    excluded: dict[str, Excluded] = {}
    combinations = turned_away = 0
    for params in configurations:
        combinations += 1
        if (key := key_of(params)) in seen:
            continue
        seen.add(key)
        broken = judge(params).broken
        exclude(excluded, broken, params)
        turned_away += bool(broken)
        if not broken:
            points.append(params)
        if len(points) == most:
            break
    return Plan(tuple(points), combinations, combinations - len(seen), turned_away, excluded)


def judge_point(study: Study, predict: Predict, params: Params) -> Verdict:
    """Check a configuration against the rules, and against bounds that depend on its values."""
    verdict = study.rules.judge_asking(params, predict)
    outside = study.space.outside(params) if verdict.allowed else ()
    bounds = {f"the bounds of {name}": -1.0 for name in outside}
    return replace(verdict, margins={**verdict.margins, **bounds})


def grid(space: Space, swept: Sequence[Swept]) -> Iterator[dict[str, Value]]:
    """Yield the configuration of every combination of values, the last parameter changing fastest.

    Raises:
        UserError: There are too many, or a parameter has no value at all.
    """
    count = math.prod(len(one.values) for one in swept)
    if count > MOST:
        raise UserError(
            f"{' '.join(one.text for one in swept)} has {count:,} combinations, "
            f"and a grid has at most {MOST:,}",
            "Sweep fewer values, or draw some of the combinations with --random 50",
        )
    for values in product(*(one.values for one in swept)):
        named = {one.name: value for one, value in zip(swept, values, strict=True)}
        yield configuration(space, named)


def configuration(space: Space, named: Params) -> dict[str, Value]:
    """Return the active parameters: the named and derived ones, and defaults for the others.

    Bounds that depend on other parameters are not checked here.

    Raises:
        UserError: An active parameter is not named and has no default.
    """
    kept: dict[str, Value] = {}
    for one in space.parameters:
        if one.is_active(kept):
            derived = one.axis is None
            value = one.value(None, kept) if derived else named.get(one.name, one.default)
            if value is None:
                raise UserError(
                    f"{one.name} has no default, and the sweep gives it no value",
                    f"Sweep it, as in {one.name}=..., or give it a default in study.yaml",
                )
            kept[one.name] = value
    return kept


def refuse_absent(swept: Sequence[Swept], space: Space, configurations: Iterable[Params]) -> None:
    """Refuse to sweep a parameter that is in none of the configurations.

    Raises:
        UserError: Names the parameter and the condition that never holds.
    """
    missing = {one.name: one for one in swept}
    for params in configurations:
        for name in params:
            missing.pop(name, None)
        if not missing:
            return
    for name, one in missing.items():
        when = space[name].when
        condition = "" if when is None else f"it is active when {when.text}"
        raise UserError(
            f"{one.text!r} would change nothing: {name} is in none of the configurations",
            f"{condition}; also sweep the parameters of its condition".lstrip("; "),
        )


@dataclass(frozen=True, slots=True)
class Known:
    """A configuration of a sweep that was trained in an earlier search.

    Attributes:
        trial: That trial: `digits-3, trial 7`.
        params: The active parameters.
        value: Its final value of the metric.
        feasible: Whether it breaks none of the soft rules at the start of the sweep.
    """

    trial: str
    params: Params
    value: float
    feasible: bool = True


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """The options of a sweep.

    Attributes:
        parameters: One text for each parameter, such as `groups=1,2,4`.
        random: How many points are drawn; None: all combinations.
        again: Whether to train again what was trained before.
        confirm: Whether the leaders are confirmed and the winner is registered.
    """

    parameters: tuple[str, ...]
    random: int | None = None
    again: bool = False
    confirm: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The swept parameters."""
        return tuple(one.partition("=")[0].strip() for one in self.parameters)

    def __str__(self) -> str:
        options = ("" if self.random is None else f"--random {self.random}",
                   "--again" * self.again, "--confirm" * self.confirm)  # fmt: skip
        return " ".join(one for one in (*self.parameters, *options) if one)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that was started.

    Attributes:
        request: Its options.
        points: The configurations to train, in this order.
        known: Those that were trained before.
    """

    request: SweepRequest
    points: tuple[Params, ...]
    known: tuple[Known, ...] = ()


def trained_before(
    study: Study, points: Iterable[Params], trials: Iterable[tuple[str, TrialRecord]]
) -> Iterator[Known]:
    """Yield the points of a plan that earlier trials have a value for.

    Args:
        study: The study; its soft rules say which of them are feasible.
        points: The plan.
        trials: Trials with a value, the newest first, each with the id of its search.
    """
    newest: dict[Key, tuple[str, TrialRecord]] = {}
    for search, trial in trials:
        newest.setdefault(key_of(trial.params), (search, trial))
    for params in points:
        if key_of(params) in newest:
            search, trial = newest[key_of(params)]
            assert trial.value is not None  # noqa: S101 - only such trials are given
            broken = any(margin < 0 for margin in margins(study.soft_rules, trial).values())
            yield Known(f"{search}, trial {trial.number}", params, trial.value, not broken)


@dataclass(frozen=True, slots=True)
class PlannedSweep:
    """A sweep before it begins.

    Attributes:
        study: The study.
        request: What was asked for.
        plan: What the rules allow of it.
        known: Of that, what was trained before.
        points: What will be trained.
        earlier: Finished trials that tell what one costs, each with the id of its search.
    """

    study: Study
    request: SweepRequest
    plan: Plan
    known: tuple[Known, ...]
    points: tuple[Params, ...]
    earlier: tuple[tuple[str, TrialRecord], ...]

    @property
    def sweep(self) -> Sweep:
        """What is recorded of it when it begins."""
        return Sweep(self.request, self.points, () if self.request.again else self.known)

    @property
    def expected(self) -> Cost | None:
        """The expected cost of all points; None where no earlier trial tells it."""
        if not self.earlier:
            return None
        prices = self.study.prices
        costs = (trial.cost for _, trial in self.earlier)
        priced = total(prices.of(one.seconds, one.kwh, one.energy) for one in costs)
        return priced * (len(self.points) / len(self.earlier))

    @property
    def clock(self) -> float:
        """The expected seconds from its beginning to its end; 0 where nothing tells it."""
        seconds = 0.0 if self.expected is None else self.expected.seconds
        return seconds / max(min(self.study.resources.workers, len(self.points)), 1)

    @property
    def exceeds_budget(self) -> bool:
        """Whether the budget is expected to be spent before all points are trained."""
        cost = self.expected or Cost()
        needed = Budget(len(self.points), self.clock, cost.kwh, cost.money)
        return needed.within(self.study.budget) != needed
