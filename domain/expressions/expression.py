"""The rule language: arithmetic and comparisons over named values, read from text by a whitelist.

An expression is parsed once into closures. There is no `eval`, no attribute access apart from
dotted names that were declared (`predicted.parameters`), no unbounded power, and a limit on depth
and length. A comparison yields a margin: by how much it holds (zero or more) or fails (below zero).
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from satisfice.domain.errors import UserError

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_EXPONENT = 64
MAX_DIGITS = 20

NO_RESULT = (ArithmeticError, TypeError, ValueError)  # what an operation without a result raises

_Closure = Callable[[Mapping[str, Any]], Any]


class ExpressionError(UserError):
    """An expression that cannot be read.

    Attributes:
        text: The expression as written.
        column: Where in it, counted from 0.
        width: How many characters are meant.
    """

    def __init__(self, message: str, text: str, column: int, width: int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.text = text
        self.column = column
        self.width = max(width, 1)

    def pointer(self) -> str:
        """Return the expression with the place underlined, on two lines."""
        return f"{self.text.rstrip()}\n{' ' * self.column}{'^' * self.width}"


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > MAX_EXPONENT:
        raise ArithmeticError(f"the exponent {exponent} is beyond {MAX_EXPONENT}")
    power = base**exponent
    if isinstance(power, complex):
        raise ValueError(f"{base} has no root that is a real number")  # noqa: TRY004 - of its value
    return float(power)


def _for_numbers(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Refuse words and lists, which Python would repeat or fill in until the memory is full."""

    def apply(left: Any, right: Any) -> Any:
        if isinstance(left, _WORDS) or isinstance(right, _WORDS):
            raise TypeError("arithmetic is for numbers")
        return operation(left, right)

    return apply


_WORDS = (str, list)


def _round(number: float, digits: float = 0) -> float:
    if abs(digits) > MAX_DIGITS:  # Python works with ten to the power of it
        raise ArithmeticError(f"{digits} digits are beyond {MAX_DIGITS}")
    if digits != int(digits):
        raise ValueError(f"{digits} is no number of digits")
    return round(number, int(digits))


_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _for_numbers(operator.mul),
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _for_numbers(operator.mod),
    ast.Pow: _power,
}
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
}
# How far a numeric comparison is from its limit; positive where it holds with room to spare.
_MARGIN: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Lt: lambda left, right: right - left,
    ast.LtE: lambda left, right: right - left,
    ast.Gt: lambda left, right: left - right,
    ast.GtE: lambda left, right: left - right,
    ast.Eq: lambda left, right: -abs(left - right),
}
_NUMBER = (int, float)
_JUST_BELOW = -math.ulp(0.0)
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


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression over named values.

    Attributes:
        text: The expression as written.
        names: The names it reads, dotted ones included, in the order of their first use.
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
        return Expression, (self.text,)  # closures do not pickle: read the text again

    def check_names(self, known: Collection[str], kind: str = "name", listing: str = "") -> None:
        """Refuse names that nobody declared.

        Args:
            known: The names that a value will be given for.
            kind: What such a name stands for.
            listing: The sentence that lists the known names in the hint; empty: a plain list.

        Raises:
            ExpressionError: Points at the first unknown name and proposes the nearest known one.
        """
        for node in ast.walk(parse(self.text)):
            name = dotted(node)
            if name is None or name in known or name not in self.names:
                continue
            near = get_close_matches(name, list(known), n=1)
            guess = f"did you mean {near[0]!r}? " if near else ""
            hint = guess + (listing or f"The names here are: {', '.join(known)}")
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

        `and` takes the smallest margin, `or` the largest. A truth without a measure (`!=`, `in`, a
        comparison of words) counts 1 where it holds and -1 where it fails.
        """
        return float(self._margin(values))


def parse(text: str) -> ast.expr:
    """Return the syntax tree of a text, with its places counted in characters of the text.

    Raises:
        ExpressionError: It is too long, empty, or no expression of Python's.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"an expression has at most {MAX_LENGTH} characters, this one has {len(text)}",
            text[:60],
            0,
            60,
        )
    if not text.strip():
        raise ExpressionError("an expression is needed here", text, 0, 1)
    lead = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = lead + max((getattr(error, "offset", 1) or 1) - 1, 0)
        reason = getattr(error, "msg", None) or str(error)
        column = min(column, len(text.rstrip()) - 1)
        reason = "compare with ==" if text[column] == "=" else reason
        raise ExpressionError("this is not an expression", text, column, 1, reason) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset = lead + _characters(text[lead:], node.col_offset)
            node.end_col_offset = lead + _characters(text[lead:], node.end_col_offset or 0)
    return tree


def _characters(text: str, offset: int) -> int:
    """Turn an offset in bytes of UTF-8, which is how the parser counts, into one in characters."""
    return len(text.encode()[:offset].decode(errors="ignore"))


def dotted(node: ast.AST) -> str | None:
    """Return the name that a node reads, dots included, or None if it reads none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def refusal(text: str, node: ast.AST, message: str, hint: str = "") -> ExpressionError:
    """Return the error that points at a node of the syntax tree of a text."""
    column = getattr(node, "col_offset", 0)
    width = (getattr(node, "end_col_offset", None) or column + 1) - column
    return ExpressionError(message, text, column, width, hint)


class _Reader:
    """Turns a syntax tree into closures and collects the names that it reads."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: dict[str, None] = {}
        self._depth = 0

    def _refuse(self, node: ast.AST, message: str, hint: str = "") -> ExpressionError:
        return refusal(self.text, node, message, hint)

    def value(self, node: ast.expr) -> _Closure:
        """Compile a node to a function from values to the node's value."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refuse(node, f"an expression nests at most {MAX_DEPTH} deep")
        try:
            compiler = _COMPILERS.get(type(node))
            if compiler is None:
                what = type(node).__name__.lower()
                raise self._refuse(node, f"{what} is not part of the rule language")
            return compiler(self, node)
        finally:
            self._depth -= 1

    def margin(self, node: ast.expr) -> _Closure:
        """Compile a node to a function from values to the node's margin."""
        if isinstance(node, ast.BoolOp):
            return _joined_margin(isinstance(node.op, ast.And), list(map(self.margin, node.values)))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.margin(node.operand)
            # What holds without room to spare fails when it is turned round.
            return lambda values: -inner(values) or _JUST_BELOW
        if isinstance(node, ast.Compare):
            return self._compare_margin(node)
        truth = self.value(node)
        return lambda values: 1.0 if truth(values) else -1.0

    def _compare_margin(self, node: ast.Compare) -> _Closure:
        sides = [self.value(side) for side in (node.left, *node.comparators)]
        links = [_link_margin(type(op)) for op in node.ops]
        if len(links) == 1:
            (link,), (left, right) = links, sides
            return lambda values: link(left(values), right(values))

        def chain(values: Mapping[str, Any]) -> float:
            known = [side(values) for side in sides]
            return min(link(known[at], known[at + 1]) for at, link in enumerate(links))

        return chain

    def _constant(self, node: ast.Constant) -> _Closure:
        constant = node.value
        if not isinstance(constant, bool | int | float | str):
            raise self._refuse(node, f"{constant!r} is not a number, a word or a truth value")
        return lambda values: constant

    def _name(self, node: ast.expr) -> _Closure:
        name = dotted(node)
        if name is None:
            raise self._refuse(node, "a dot only joins the parts of a name")
        self.names.setdefault(name)
        return lambda values: values[name]

    def _unary(self, node: ast.UnaryOp) -> _Closure:
        if type(node.op) not in _UNARY:
            raise self._refuse(node, "this operator is not part of the rule language")
        apply, operand = _UNARY[type(node.op)], self.value(node.operand)
        return lambda values: apply(operand(values))

    def _binary(self, node: ast.BinOp) -> _Closure:
        if type(node.op) not in _BINARY:
            raise self._refuse(node, "this operator is not part of the rule language")
        apply, left, right = _BINARY[type(node.op)], self.value(node.left), self.value(node.right)
        return lambda values: apply(left(values), right(values))

    def _bool(self, node: ast.BoolOp) -> _Closure:
        parts = [self.value(part) for part in node.values]
        pick = all if isinstance(node.op, ast.And) else any
        return lambda values: pick(part(values) for part in parts)

    def _compare(self, node: ast.Compare) -> _Closure:
        sides = [self.value(side) for side in (node.left, *node.comparators)]
        if any(type(op) not in _COMPARE for op in node.ops):
            raise self._refuse(node, "compare with <, <=, >, >=, ==, != or in", "write == for 'is'")
        links = [_COMPARE[type(op)] for op in node.ops]
        if len(links) == 1:
            (compare,), (left, right) = links, sides
            return lambda values: compare(left(values), right(values))

        def chain(values: Mapping[str, Any]) -> bool:
            known = [side(values) for side in sides]
            return all(link(known[at], known[at + 1]) for at, link in enumerate(links))

        return chain

    def _conditional(self, node: ast.IfExp) -> _Closure:
        test, body, orelse = self.value(node.test), self.value(node.body), self.value(node.orelse)
        return lambda values: body(values) if test(values) else orelse(values)

    def _call(self, node: ast.Call) -> _Closure:
        name = dotted(node.func)
        if name is None:
            raise self._refuse(node.func, "only functions with a name can be called")
        if name not in FUNCTIONS:
            near = get_close_matches(name, list(FUNCTIONS), n=1)
            guess = f"did you mean {near[0]!r}? " if near else ""
            hint = f"{guess}The functions are: {', '.join(FUNCTIONS)}"
            raise self._refuse(node.func, f"unknown function {name!r}", hint)
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self._refuse(node, "a function takes plain arguments here")
        apply, arguments = FUNCTIONS[name], [self.value(one) for one in node.args]
        return lambda values: apply(*(one(values) for one in arguments))

    def _list(self, node: ast.List | ast.Tuple) -> _Closure:
        parts = [self.value(part) for part in node.elts]
        return lambda values: [part(values) for part in parts]


def _link_margin(kind: type[ast.AST]) -> Callable[[Any, Any], float]:
    """Return the margin of one comparison."""
    compare, measure = _COMPARE[kind], _MARGIN.get(kind)

    def margin(left: Any, right: Any) -> float:
        holds = compare(left, right)
        if measure is None or not (isinstance(left, _NUMBER) and isinstance(right, _NUMBER)):
            return 1.0 if holds else -1.0
        measured = float(measure(left, right))
        if math.isnan(measured):  # infinity less infinity, or a value that is no number
            return 1.0 if holds else -1.0
        # A strict comparison that sits on its limit fails: its margin must be below zero too.
        return measured or (0.0 if holds else _JUST_BELOW)

    return margin


def _joined_margin(every: bool, parts: list[_Closure]) -> _Closure:
    """Join margins by `and` (every) or `or`; like Python, need no result beyond what decides."""
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
