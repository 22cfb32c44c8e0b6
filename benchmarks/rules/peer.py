"""The same spaces and rules in ConfigSpace, as far as it can state them. An optional dependency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from benchmarks.rules.drawing import draw
from benchmarks.rules.evaluator import Entry, Spec

_RELATION = re.compile(r"(\w+) (<|<=|>|>=) (\w+)")
_CONDITION = re.compile(r"(\w+) == '(\w+)'")
_BATCH = 32


def samples(spec: Spec, seed: int) -> Iterator[dict[str, Any]]:
    """Yield ConfigSpace's own draws, under the rules that it can state; others may be broken.

    Raises:
        ImportError: ConfigSpace is not installed.
    """
    space = configuration_space(spec, seed)
    while True:
        for one in space.sample_configuration(_BATCH):
            yield {name: _plain(one[name]) for name in spec.names if name in one}


def configuration_space(spec: Spec, seed: int) -> Any:
    """Return the space with a forbidden clause for each rule that compares two parameters.

    ConfigSpace refuses clauses that forbid the default configuration, so the defaults are those of
    a random one that obeys them.
    """
    import ConfigSpace

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    obedient = Spec(spec.entries, tuple(" ".join(one) for one in stated(spec)))
    random = Random(0)
    usual = draw(obedient, random)
    while obedient.breaches(usual):
        usual = draw(obedient, random)
    made = {entry.name: _parameter(entry, usual) for entry in spec.entries}
    space.add(*made.values())
    for entry in spec.entries:
        if entry.when:
            above, value = _CONDITION.fullmatch(entry.when).groups()  # type: ignore[union-attr]
            space.add(ConfigSpace.EqualsCondition(made[entry.name], made[above], value))
    # The opposite is what is forbidden.
    less, equal = ConfigSpace.ForbiddenLessThanRelation, ConfigSpace.ForbiddenEqualsRelation
    more = ConfigSpace.ForbiddenGreaterThanRelation
    opposite = {"<": (more, equal), ">": (less, equal), "<=": (more,), ">=": (less,)}
    for left, sign, right in stated(spec):
        space.add(*(relation(made[left], made[right]) for relation in opposite[sign]))
    return space


def stated(spec: Spec) -> list[tuple[str, str, str]]:
    """Return the rules that ConfigSpace can state: two parameters, compared."""
    matches = (_RELATION.fullmatch(rule) for rule in spec.rules)
    parts = [(one[1], one[2], one[3]) for one in matches if one]
    return [one for one in parts if {one[0], one[2]} <= set(spec.names)]


def _parameter(entry: Entry, usual: Mapping[str, Any]) -> Any:
    import ConfigSpace

    name, default = entry.name, usual.get(entry.name)
    if entry.kind == "choice":
        return ConfigSpace.CategoricalHyperparameter(name, entry.choices, default_value=default)
    if entry.kind == "int" and entry.step > 1:
        values = list(range(int(entry.low), int(entry.high) + 1, entry.step))
        return ConfigSpace.OrdinalHyperparameter(name, values, default_value=default)
    if entry.kind == "int":
        low, high = int(entry.low), int(entry.high)
        return ConfigSpace.UniformIntegerHyperparameter(name, low, high, default, log=entry.log)
    return ConfigSpace.UniformFloatHyperparameter(
        name, entry.low, entry.high, default, log=entry.log
    )


def _plain(value: Any) -> Any:
    """Return a plain Python value in place of numpy's."""
    return value.item() if hasattr(value, "item") else value
