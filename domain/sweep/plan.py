"""The plan of a sweep: which configurations will be trained, and why others will not."""

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

MOST = 10_000  # configurations of a grid; more are asked for by mistake


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep asks for.

    Attributes:
        points: The configurations that the rules allow, each once, in the order asked for.
        combinations: How many combinations of values were looked at.
        same: How many of them were the same configuration as one before.
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
        configurations: As they come.
        judge: What the rules say; asked once for each configuration.
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
    """Return the parameters that are there: as named or derived, the others with their defaults.

    Whether each lies between bounds that depend on others is not asked here.

    Raises:
        UserError: One that is there is not named and has no default.
    """
    kept: dict[str, Value] = {}
    for one in space.parameters:
        if one.is_there(kept):
            derived = one.axis is None
            value = one.value(None, kept) if derived else named.get(one.name, one.default)
            if value is None:
                raise UserError(
                    f"{one.name} has no default, and the sweep gives it no value",
                    f"Name it, as in {one.name}=..., or give it a default in study.yaml",
                )
            kept[one.name] = value
    return kept


def refuse_absent(swept: Sequence[Swept], space: Space, configurations: Iterable[Params]) -> None:
    """Refuse to sweep a parameter that is in none of the configurations.

    Raises:
        UserError: Names it, and the condition that never holds.
    """
    missing = {one.name: one for one in swept}
    for params in configurations:
        for name in params:
            missing.pop(name, None)
        if not missing:
            return
    for name, one in missing.items():
        when = space[name].when
        condition = "" if when is None else f"it is there when {when.text}"
        raise UserError(
            f"{one.text!r} would change nothing: {name} is in none of the configurations",
            f"{condition}; sweep what its condition names as well".lstrip("; "),
        )


@dataclass(frozen=True, slots=True)
class Known:
    """A configuration of a sweep that was trained before, and is not trained again.

    Attributes:
        trial: Which trial that was: `digits-3, trial 7`.
        params: The active parameters.
        value: The objective's metric at its end.
        feasible: Whether it breaks none of the soft rules of when the sweep began.
    """

    trial: str
    params: Params
    value: float
    feasible: bool = True


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """What somebody asks of a sweep.

    Attributes:
        parameters: What is swept, one text for each parameter, such as `groups=1,2,4`.
        random: How many points are drawn; None: all combinations are taken.
        again: Whether to train what was trained before.
        confirm: Whether the leaders are confirmed and the winner is registered.
    """

    parameters: tuple[str, ...]
    random: int | None = None
    again: bool = False
    confirm: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that are swept."""
        return tuple(one.partition("=")[0].strip() for one in self.parameters)

    def __str__(self) -> str:
        options = ("" if self.random is None else f"--random {self.random}",
                   "--again" * self.again, "--confirm" * self.confirm)  # fmt: skip
        return " ".join(one for one in (*self.parameters, *options) if one)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that was begun.

    Attributes:
        request: What was asked for.
        points: The configurations to be trained, in this order.
        known: Those that were trained before and belong to the picture.
    """

    request: SweepRequest
    points: tuple[Params, ...]
    known: tuple[Known, ...] = ()
