"""The plan of a sweep: the configurations to train, and those that rules exclude."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from satisfice.domain.errors import UserError
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules.rule import Excluded, Verdict, exclude
from satisfice.domain.space.space import Key, Params, Space, key_of
from satisfice.domain.sweep.notation import Swept

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
