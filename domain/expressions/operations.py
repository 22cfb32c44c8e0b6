"""The operators and functions of the rule language, and their limits."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

MAX_EXPONENT = 64
MAX_DIGITS = 20

NO_RESULT = (ArithmeticError, TypeError, ValueError)  # what an operation without a result raises


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > MAX_EXPONENT:
        raise ArithmeticError(f"the exponent {exponent} is larger than {MAX_EXPONENT}")
    power = base**exponent
    if isinstance(power, complex):
        raise ValueError(f"{base} has no real root")  # noqa: TRY004 - of its value
    return float(power)


def _for_numbers(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Refuse words and lists, which Python would repeat or format until memory is full."""

    def apply(left: Any, right: Any) -> Any:
        if isinstance(left, _WORDS) or isinstance(right, _WORDS):
            raise TypeError("arithmetic is for numbers")
        return operation(left, right)

    return apply


_WORDS = (str, list)


def _round(number: float, digits: float = 0) -> float:
    if abs(digits) > MAX_DIGITS:  # Python computes ten to the power of it
        raise ArithmeticError(f"{digits} digits are more than {MAX_DIGITS}")
    if digits != int(digits):
        raise ValueError(f"{digits} is not a number of digits")
    return round(number, int(digits))


BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _for_numbers(operator.mul),
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _for_numbers(operator.mod),
    ast.Pow: _power,
}
UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
COMPARE: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
}
# The margin of a numeric comparison: above 0 if it holds with room to spare.
MARGIN: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Lt: lambda left, right: right - left,
    ast.LtE: lambda left, right: right - left,
    ast.Gt: lambda left, right: left - right,
    ast.GtE: lambda left, right: left - right,
    ast.Eq: lambda left, right: -abs(left - right),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "isclose": math.isclose,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": _round,
    "sqrt": math.sqrt,
}
