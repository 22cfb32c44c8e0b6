"""A judge of configurations that shares no line with the engine which it judges.

Rules are compiled by Python itself (`eval` on texts that this benchmark wrote, on a namespace of
plain functions), and domains and conditions are checked from the plain description below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any, NamedTuple

_FUNCTIONS: dict[str, Any] = {
    "__builtins__": {},
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "isclose": math.isclose,
    "log2": math.log2,
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
}


@dataclass(frozen=True)
class Entry:
    """One parameter, in plain words.

    Attributes:
        name: What rules call it.
        kind: `float`, `int` or `choice`.
        low: The lower bound of a number, included.
        high: The upper bound of a number, included.
        log: Whether ratios matter.
        step: The distance of whole numbers, from `low`.
        choices: The values of a choice.
        when: The condition under which it is there; empty: always. Names earlier entries.
    """

    name: str
    kind: str
    low: float = 0
    high: float = 1
    log: bool = False
    step: int = 1
    choices: tuple[Any, ...] = ()
    when: str = ""

    def admits(self, value: object) -> bool:
        """Tell whether the value lies in the domain and has its type."""
        if self.kind == "choice":
            return any(value == one and type(value) is type(one) for one in self.choices)
        if self.kind == "int":
            steps = range(int(self.low), int(self.high) + 1, self.step)
            return type(value) is int and value in steps
        return type(value) in (int, float) and self.low <= value <= self.high  # type: ignore[operator]


class _Code(NamedTuple):
    compiled: CodeType
    names: frozenset[str]  # of the values that it needs


@dataclass(frozen=True)
class Spec:
    """A space and the texts of its rules."""

    entries: tuple[Entry, ...]
    rules: tuple[str, ...] = ()
    _codes: dict[str, _Code] = field(default_factory=dict, repr=False, compare=False)

    def breaches(
        self, params: Mapping[str, Any], predicted: Mapping[str, float] | None = None
    ) -> list[str]:
        """Say what is wrong with a configuration; an empty list: nothing.

        A rule is silent where a parameter that it names is not there, and broken where it has no
        result.

        Args:
            params: The values of the parameters that are there.
            predicted: Values of `predicted.*`; rules see `predicted.seconds` as such.
        """
        wrong = [f"unknown: {name}" for name in params if name not in self.names]
        above: dict[str, Any] = {}
        for entry in self.entries:
            wanted = not entry.when or self._true(entry.when, above, absent=False)
            if wanted != (entry.name in params):
                wrong.append(f"{'missing' if wanted else 'superfluous'}: {entry.name}")
            elif wanted:
                above[entry.name] = params[entry.name]
                if not entry.admits(params[entry.name]):
                    wrong.append(f"outside: {entry.name} = {params[entry.name]!r}")
        predictions = {_plain(name): value for name, value in (predicted or {}).items()}
        values = above | predictions
        return wrong + [rule for rule in self.rules if not self._true(rule, values, absent=True)]

    def present(self, entry: Entry, above: Mapping[str, Any]) -> bool:
        """Tell whether an entry is there, given the entries before it."""
        return not entry.when or self._true(entry.when, above, absent=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters."""
        return tuple(entry.name for entry in self.entries)

    def value(self, text: str, values: Mapping[str, Any]) -> Any:
        """Return what Python makes of the text."""
        return eval(self._code(text).compiled, _FUNCTIONS, values)

    def _true(self, text: str, values: Mapping[str, Any], *, absent: bool) -> bool:
        if not self._code(text).names <= values.keys():
            return absent
        try:
            return bool(self.value(text, values))
        except (ArithmeticError, TypeError, ValueError):
            return False

    def _code(self, text: str) -> _Code:
        if text not in self._codes:
            compiled = compile(_plain(text), "a rule", "eval")
            names = frozenset(compiled.co_names) - _FUNCTIONS.keys()
            self._codes[text] = _Code(compiled, names)
        return self._codes[text]


def _plain(text: str) -> str:
    return text.replace("predicted.", "predicted_")
