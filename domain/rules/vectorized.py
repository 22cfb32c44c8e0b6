"""Rules on thousands of configurations at once: a NumPy column for each parameter.

This is a prefilter. If an operation has no result for a configuration (for example a division by
zero), its column contains NaN, and the outcome is approximate: configurations that pass must be
checked by the rules themselves.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache, reduce
from typing import Any, TypeAlias

import numpy as np

from satisfice.domain.arrays import Array, Floats, Mask
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.operations import MAX_EXPONENT, NO_RESULT
from satisfice.domain.expressions.syntax import dotted, parse
from satisfice.domain.expressions.types import Value
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.space.space import (
    Bounded,
    Choice,
    Derived,
    Domain,
    Float,
    Int,
    Ordinal,
    Space,
)

_Closure: TypeAlias = Callable[[Mapping[str, Array]], Any]

_WHOLE_STEP = 1e-8  # rounding error of a number of steps


def configurations(space: Space, places: Floats) -> tuple[dict[str, Array], dict[str, Mask]]:
    """Return the values of the parameters at places on their axes, and where each is active.

    Args:
        space: The space.
        places: Shape (configurations, axes), each between 0 and 1: the place on the axis, or for a
            choice the share of the choices before it.
    """
    count = len(places)
    values: dict[str, Array] = {}
    there: dict[str, Mask] = {}
    at = dict(zip(space.axes, places.T, strict=True))
    for one in space.parameters:
        here = np.ones(count, bool)
        if one.when is not None:
            for name in one.when.names:
                here &= there[name]
            here &= _holds(one.when, values, count)
        values[one.name] = _values(one.domain, at.get(one.name), values, count)
        there[one.name] = here
    return values, there


def allowed(rules: RuleBook, values: Mapping[str, Array], there: Mapping[str, Mask]) -> Mask:
    """Tell which configurations break no rule, as far as the columns show.

    Args:
        rules: Rules that need no prediction.
        values: The values of each parameter.
        there: Where each parameter is active.
    """
    count = len(next(iter(there.values())))
    left = np.ones(count, bool)
    for rule in rules.rules:
        silent = ~reduce(np.logical_and, (there[name] for name in rule.names), np.ones(count, bool))
        if rule.when is not None:
            silent |= ~_holds(rule.when, values, count)
        left &= silent | _holds(rule.require, values, count)
    return left


def _values(domain: Domain, place: Floats | None, values: Mapping[str, Array], count: int) -> Array:
    if isinstance(domain, Derived):
        return _evaluated(domain.formula, values, count)
    assert place is not None  # noqa: S101 - only a derived parameter has no place
    if isinstance(domain, Choice):
        return _picked(domain.choices, np.floor(place * len(domain.choices)))
    if isinstance(domain, Ordinal):
        return _picked(domain.values, np.rint(place * (len(domain.values) - 1)))
    if isinstance(domain, Bounded):
        low = _evaluated(domain.low, values, count).astype(float)
        high = _evaluated(domain.high, values, count).astype(float)
        if domain.whole:
            low, high = np.ceil(low), np.floor(high)
        value = _between(low, high, domain.log, place)
        return np.rint(value) if domain.whole else value
    return numbers(domain, place)


def _picked(listed: tuple[Value, ...], at: Floats) -> Array:
    alike = len({type(one) for one in listed}) == 1
    column: Array = np.array(listed, dtype=None if alike else object)
    picked: Array = column[np.minimum(at, len(listed) - 1).astype(int)]
    return picked


def numbers(domain: Float | Int, place: Floats) -> Array:
    """Return the numbers at places, each rounded to the nearest step."""
    value = _between(domain.low, domain.high, domain.log, place)
    if domain.step is None:
        return np.clip(value, domain.low, domain.high)
    last = int((domain.high - domain.low) / domain.step + _WHOLE_STEP)
    steps = np.clip(np.rint((value - domain.low) / domain.step), 0, last)
    if isinstance(domain, Int):
        return domain.low + steps.astype(int) * domain.step
    # Decimal arithmetic: three steps of 0.1 are 0.3.
    digits = max(-int(Decimal(repr(one)).as_tuple().exponent) for one in (domain.low, domain.step))
    return np.round(domain.low + steps * domain.step, digits)


def _between(low: Any, high: Any, log: bool, place: Floats) -> Array:
    with np.errstate(all="ignore"):
        value: Array = low * (high / low) ** place if log else low + (high - low) * place
    return value


def _holds(expression: Expression, values: Mapping[str, Array], count: int) -> Mask:
    column = _evaluated(expression, values, count)
    mask: Mask = column.astype(bool)
    return mask


def _evaluated(expression: Expression, values: Mapping[str, Array], count: int) -> Array:
    with np.errstate(all="ignore"):
        try:
            column = np.asarray(_compiled(expression.text)(values))
        except NO_RESULT:
            column = np.asarray(math.nan)
    return np.broadcast_to(column, count)


@lru_cache(maxsize=1024)
def _compiled(text: str) -> _Closure:
    return _compile(parse(text))


def _compile(node: ast.expr) -> _Closure:
    """Compile a tree that `domain.expressions.expression` has accepted before."""
    return _COMPILERS[type(node)](node)


def _constant(node: ast.Constant) -> _Closure:
    return lambda _: node.value


def _name(node: ast.expr) -> _Closure:
    name = dotted(node) or ""
    return lambda values: values[name]


def _unary(node: ast.UnaryOp) -> _Closure:
    change, operand = _UNARY[type(node.op)], _compile(node.operand)
    return lambda values: change(operand(values))


def _binary(node: ast.BinOp) -> _Closure:
    join, left, right = _BINARY[type(node.op)], _compile(node.left), _compile(node.right)
    return lambda values: join(left(values), right(values))


def _bool(node: ast.BoolOp) -> _Closure:
    join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
    parts = list(map(_compile, node.values))
    return lambda values: reduce(join, (part(values) for part in parts))


def _compare(node: ast.Compare) -> _Closure:
    links = [_COMPARE[type(op)] for op in node.ops]
    sides = list(map(_compile, (node.left, *node.comparators)))

    def chain(values: Mapping[str, Array]) -> Any:
        known = [side(values) for side in sides]
        return reduce(
            np.logical_and, (link(known[at], known[at + 1]) for at, link in enumerate(links))
        )

    return chain


def _conditional(node: ast.IfExp) -> _Closure:
    test, body, orelse = _compile(node.test), _compile(node.body), _compile(node.orelse)
    return lambda values: np.where(test(values), body(values), orelse(values))


def _call(node: ast.Call) -> _Closure:
    call, arguments = _FUNCTIONS[dotted(node.func) or ""], list(map(_compile, node.args))
    return lambda values: call(*(one(values) for one in arguments))


def _list(node: ast.List | ast.Tuple) -> _Closure:
    entries = list(map(_compile, node.elts))
    return lambda values: [entry(values) for entry in entries]


_COMPILERS: dict[type[ast.AST], Callable[[Any], _Closure]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _name,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.BoolOp: _bool,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.Call: _call,
    ast.List: _list,
    ast.Tuple: _list,
}


def _divided(divide: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda left, right: np.where(np.equal(right, 0), math.nan, divide(left, right))


def _finite(value: Any) -> Any:
    return np.where(np.isfinite(value), value, math.nan)


def _power(base: Any, exponent: Any) -> Any:
    power = _finite(np.float_power(base, exponent))
    return np.where(np.abs(exponent) > MAX_EXPONENT, math.nan, power)


def _is_in(item: Any, values: list[Any]) -> Any:
    return reduce(np.logical_or, (np.equal(item, one) for one in values), np.False_)


def _listed(call: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *given: reduce(call, given[0] if len(given) == 1 else given)


_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
}
_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: _divided(np.true_divide),
    ast.FloorDiv: _divided(np.floor_divide),
    ast.Mod: _divided(np.mod),
    ast.Pow: _power,
}
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.In: _is_in,
    ast.NotIn: lambda item, values: np.logical_not(_is_in(item, values)),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "exp": lambda number: _finite(np.exp(number)),
    "floor": np.floor,
    "isclose": lambda one, other, *_: np.isclose(one, other, rtol=1e-9, atol=0.0),
    "log": lambda number, *base: np.log(number) / (np.log(base[0]) if base else 1.0),
    "log10": np.log10,
    "log2": np.log2,
    "max": _listed(np.maximum),
    "min": _listed(np.minimum),
    "round": np.round,
    "sqrt": np.sqrt,
}
