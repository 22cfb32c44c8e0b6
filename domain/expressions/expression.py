"""Expressions of the rule language: arithmetic and comparisons over named values.

An expression is parsed once into closures. Only a whitelist of syntax is accepted: there is no
`eval`, no attribute access except dotted names that were declared (`predicted.parameters`), no
unbounded power, and depth and length are limited. A comparison has a margin: by how much it holds
(zero or more) or fails (below zero).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from satisfice.domain.expressions.operations import (
    BINARY,
    COMPARE,
    FUNCTIONS,
    MARGIN,
    NO_RESULT,
    UNARY,
)
from satisfice.domain.expressions.syntax import ExpressionError, dotted, parse, refusal
from satisfice.domain.suggestions import did_you_mean

MAX_DEPTH = 40

_NUMBER = (int, float)
_JUST_BELOW = -math.ulp(0.0)

_Closure = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression over named values.

    Attributes:
        text: The expression as written.
        names: The names in it, dotted ones included, in the order of their first use.
    """

    text: str
    names: tuple[str, ...] = field(init=False, compare=False)
    _value: _Closure = field(init=False, repr=False, compare=False)
    _margin: _Closure = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tree = parse(self.text)
        reader = _Reader(self.text)
        object.__setattr__(self, "_value", reader.value(tree))
        object.__setattr__(self, "_margin", reader.margin(tree))
        object.__setattr__(self, "names", tuple(reader.names))

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return Expression, (self.text,)  # closures do not pickle: parse the text again

    def check_names(self, known: Collection[str], kind: str = "name", listing: str = "") -> None:
        """Refuse unknown names.

        Args:
            known: The known names.
            kind: What such a name stands for.
            listing: The sentence that lists the known names in the hint; empty: a plain list.

        Raises:
            ExpressionError: Points at the first unknown name and proposes the nearest known one.
        """
        for node in ast.walk(parse(self.text)):
            name = dotted(node)
            if name is None or name in known or name not in self.names:
                continue
            listing = listing or f"The names here are: {', '.join(known)}"
            hint = did_you_mean(name, known, listing)
            at = getattr(node, "col_offset", 0)
            raise ExpressionError(f"unknown {kind} {name!r}", self.text, at, len(name), hint)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value of the expression.

        Args:
            values: A value for each of `names`.

        Raises:
            KeyError: A name has no value.
            ArithmeticError, TypeError, ValueError: The operation has no result for these values.
        """
        return self._value(values)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the expression is true for these values."""
        return bool(self._value(values))

    def margin(self, values: Mapping[str, Any]) -> float:
        """Return by how much the expression holds (>= 0) or fails (< 0), in the units of its sides.

        `and` takes the smallest margin, `or` the largest. A condition without a measure (`!=`,
        `in`, a comparison of words) has margin 1 if it holds and -1 if it fails.
        """
        return float(self._margin(values))


class _Reader:
    """Compiles a syntax tree to closures and collects the names in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: dict[str, None] = {}
        self._depth = 0

    def _refuse(self, node: ast.AST, message: str, hint: str = "") -> ExpressionError:
        return refusal(self.text, node, message, hint)

    def value(self, node: ast.expr) -> _Closure:
        """Compile a node to a function from values to its value."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refuse(node, f"an expression is nested at most {MAX_DEPTH} deep")
        try:
            compiler = _COMPILERS.get(type(node))
            if compiler is None:
                what = type(node).__name__.lower()
                raise self._refuse(node, f"{what} is not part of the rule language")
            return compiler(self, node)
        finally:
            self._depth -= 1

    def margin(self, node: ast.expr) -> _Closure:
        """Compile a node to a function from values to its margin."""
        if isinstance(node, ast.BoolOp):
            return _joined_margin(isinstance(node.op, ast.And), list(map(self.margin, node.values)))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.margin(node.operand)
            # What holds with a margin of 0 fails when it is negated.
            return lambda values: -inner(values) or _JUST_BELOW
        if isinstance(node, ast.Compare):
            return self._compare_margin(node)
        truth = self.value(node)
        return lambda values: 1.0 if truth(values) else -1.0

    def _compare_margin(self, node: ast.Compare) -> _Closure:
        sides = [self.value(side) for side in (node.left, *node.comparators)]
        return _chained(min, [_link_margin(type(op)) for op in node.ops], sides)

    def _constant(self, node: ast.Constant) -> _Closure:
        constant = node.value
        if not isinstance(constant, bool | int | float | str):
            raise self._refuse(node, f"{constant!r} is not a number, a word or a truth value")
        return lambda values: constant

    def _name(self, node: ast.expr) -> _Closure:
        name = dotted(node)
        if name is None:
            raise self._refuse(node, "a dot may only join the parts of a name")
        self.names.setdefault(name)
        return lambda values: values[name]

    def _unary(self, node: ast.UnaryOp) -> _Closure:
        if type(node.op) not in UNARY:
            raise self._refuse(node, "this operator is not part of the rule language")
        apply, operand = UNARY[type(node.op)], self.value(node.operand)
        return lambda values: apply(operand(values))

    def _binary(self, node: ast.BinOp) -> _Closure:
        if type(node.op) not in BINARY:
            raise self._refuse(node, "this operator is not part of the rule language")
        apply, left, right = BINARY[type(node.op)], self.value(node.left), self.value(node.right)
        return lambda values: apply(left(values), right(values))

    def _bool(self, node: ast.BoolOp) -> _Closure:
        parts = [self.value(part) for part in node.values]
        pick = all if isinstance(node.op, ast.And) else any
        return lambda values: pick(part(values) for part in parts)

    def _compare(self, node: ast.Compare) -> _Closure:
        sides = [self.value(side) for side in (node.left, *node.comparators)]
        if any(type(op) not in COMPARE for op in node.ops):
            raise self._refuse(node, "compare with <, <=, >, >=, ==, != or in", "write == for 'is'")
        return _chained(all, [COMPARE[type(op)] for op in node.ops], sides)

    def _conditional(self, node: ast.IfExp) -> _Closure:
        test, body, orelse = self.value(node.test), self.value(node.body), self.value(node.orelse)
        return lambda values: body(values) if test(values) else orelse(values)

    def _call(self, node: ast.Call) -> _Closure:
        name = dotted(node.func)
        if name is None:
            raise self._refuse(node.func, "only named functions can be called")
        if name not in FUNCTIONS:
            hint = did_you_mean(name, FUNCTIONS, f"The functions are: {', '.join(FUNCTIONS)}")
            raise self._refuse(node.func, f"unknown function {name!r}", hint)
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self._refuse(node, "a function takes plain arguments here")
        apply, arguments = FUNCTIONS[name], [self.value(one) for one in node.args]
        return lambda values: apply(*(one(values) for one in arguments))

    def _list(self, node: ast.List | ast.Tuple) -> _Closure:
        parts = [self.value(part) for part in node.elts]
        return lambda values: [part(values) for part in parts]


def _chained(
    join: Callable[[Iterable[Any]], Any],
    links: list[Callable[[Any, Any], Any]],
    sides: list[_Closure],
) -> _Closure:
    """Compile a chain of comparisons: each side is evaluated once, and the results are joined."""
    if len(links) == 1:
        (link,), (left, right) = links, sides
        return lambda values: link(left(values), right(values))

    def chain(values: Mapping[str, Any]) -> Any:
        known = [side(values) for side in sides]
        return join(link(known[at], known[at + 1]) for at, link in enumerate(links))

    return chain


def _link_margin(kind: type[ast.AST]) -> Callable[[Any, Any], float]:
    """Return the margin of one comparison."""
    compare, measure = COMPARE[kind], MARGIN.get(kind)

    def margin(left: Any, right: Any) -> float:
        holds = compare(left, right)
        if measure is None or not (isinstance(left, _NUMBER) and isinstance(right, _NUMBER)):
            return 1.0 if holds else -1.0
        measured = float(measure(left, right))
        if math.isnan(measured):  # infinity minus infinity, or a value that is NaN
            return 1.0 if holds else -1.0
        # A strict comparison at its limit fails, so its margin must be below zero.
        return measured or (0.0 if holds else _JUST_BELOW)

    return margin


def _joined_margin(every: bool, parts: list[_Closure]) -> _Closure:
    """Join margins by `and` (every) or `or`; as in Python, only deciding parts need a result."""
    pick = min if every else max

    def margin(values: Mapping[str, Any]) -> float:
        joined: float | None = None
        for part in parts:
            try:
                one = part(values)
            except NO_RESULT:
                if joined is None or (joined >= 0) == every:
                    raise
                continue
            joined = one if joined is None else pick(joined, one)
        return 0.0 if joined is None else joined

    return margin


_COMPILERS: dict[type[ast.AST], Callable[[_Reader, Any], _Closure]] = {
    ast.Constant: _Reader._constant,
    ast.Name: _Reader._name,
    ast.Attribute: _Reader._name,
    ast.UnaryOp: _Reader._unary,
    ast.BinOp: _Reader._binary,
    ast.BoolOp: _Reader._bool,
    ast.Compare: _Reader._compare,
    ast.IfExp: _Reader._conditional,
    ast.Call: _Reader._call,
    ast.List: _Reader._list,
    ast.Tuple: _Reader._list,
}
