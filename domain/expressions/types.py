"""The types of the rule language, and how a test narrows them.

A choice may mix kinds, such as `workers: {choice: [auto, 1, 2]}`, and be used as in
`workers == 'auto' or workers < 2`: the second part is evaluated only if the first one is false.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from satisfice.domain.expressions.syntax import dotted

Value: TypeAlias = bool | int | float | str


class Sort(Enum):
    """The sort of a value, in words."""

    NUMBER = "a number"
    TRUTH = "a truth value"
    WORD = "a word"
    LIST = "a list"


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of an expression.

    Attributes:
        sorts: The sorts that its value may have.
        values: The values that it may take, if they are few and known.
        items: The kind of the items of a list.
    """

    sorts: frozenset[Sort]
    values: tuple[Value, ...] | None = None
    items: Kind | None = None


Kinds: TypeAlias = Mapping[str, Kind]

NUMBER = Kind(frozenset({Sort.NUMBER}))
TRUTH = Kind(frozenset({Sort.TRUTH}))
NUMERIC = frozenset({Sort.NUMBER, Sort.TRUTH})  # a truth value counts as 1 or 0, as in Python


_TELLS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda value, several: value in several,
    ast.NotIn: lambda value, several: value not in several,
}


def narrowed(test: ast.expr, outcome: bool, known: Kinds) -> Kinds:
    """Return the kinds of the names given the outcome of a test."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return narrowed(test.operand, not outcome, known)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == outcome:
        for part in test.values:
            known = narrowed(part, outcome, known)
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _without_excluded(test, outcome, known)
    return known


def _without_excluded(test: ast.Compare, outcome: bool, known: Kinds) -> Kinds:
    """Remove the values of a choice that a comparison with constants excludes."""
    name, sign = dotted(test.left), type(test.ops[0])
    values = None if name is None else known[name].values
    try:
        other = ast.literal_eval(test.comparators[0])
    except ValueError:  # not a constant
        return known
    if name is None or values is None or sign not in _TELLS:
        return known
    if sign in (ast.In, ast.NotIn) and not isinstance(other, list | tuple):
        return known  # `in` looks for a part of a word
    kept = tuple(one for one in values if _TELLS[sign](one, other) is outcome)
    return {**known, name: of_values(kept)} if kept else known


def of_values(values: tuple[Value, ...]) -> Kind:
    """Return the kind of one of a few values."""
    return Kind(frozenset(map(_sort, values)), values)


def _sort(value: Value) -> Sort:
    if isinstance(value, str):
        return Sort.WORD
    return Sort.TRUTH if isinstance(value, bool) else Sort.NUMBER


def either(kinds: Iterable[Kind]) -> Kind:
    """Return the union of several kinds."""
    every = list(kinds)
    sorts = frozenset[Sort]().union(*(one.sorts for one in every))
    values = [one.values for one in every]
    few = None if None in values else tuple(v for one in values if one is not None for v in one)
    items = [one.items for one in every if one.items is not None]
    return Kind(sorts, few, either(items) if items else None)


def as_numbers(sorts: frozenset[Sort]) -> frozenset[Sort]:
    """Return sorts with truth values counted as the numbers they equal."""
    return sorts | {Sort.NUMBER} if Sort.TRUTH in sorts else sorts
