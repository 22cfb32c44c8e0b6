"""Type checking of expressions: numbers, truth values, words and lists.

The kinds of the names are known, and the kind of each operation follows from its parts. Operations
that have no result for these kinds are refused, and so are comparisons that can never hold. Errors
that depend on the values (a division by zero) are not found here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any, TypeAlias

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.syntax import ExpressionError, dotted, parse, refusal
from satisfice.domain.expressions.types import (
    NUMBER,
    NUMERIC,
    TRUTH,
    Kind,
    Kinds,
    Sort,
    Value,
    as_numbers,
    either,
    narrowed,
    of_values,
)
from satisfice.domain.suggestions import did_you_mean

_LONGEST = 40  # characters of a part that a message quotes


def check_condition(expression: Expression, names: Kinds) -> None:
    """Refuse an expression that is not a sensible condition over these names.

    Args:
        expression: An expression over these names only.
        names: The kind of each name.

    Raises:
        ExpressionError: Points at the first mistake, and says why.
    """
    _Inference(expression.text, names).condition(parse(expression.text), names)


def check_number(expression: Expression, names: Kinds) -> None:
    """Refuse an expression that is not always a number.

    Raises:
        ExpressionError: Points at the first mistake, and says why.
    """
    _Inference(expression.text, names).number(parse(expression.text), names, "")


def check_value(expression: Expression, names: Kinds) -> None:
    """Refuse an expression that is not always a single value.

    Raises:
        ExpressionError: Points at the first mistake, and says why.
    """
    tree = parse(expression.text)
    kind = _Inference(expression.text, names).kind(tree, names)
    if Sort.LIST in kind.sorts:
        told = f"{_said(tree)} {_is(kind, frozenset({Sort.LIST}))}, expected one value"
        raise refusal(expression.text, tree, told)


def infer(expression: Expression, names: Kinds) -> Kind:
    """Return the kind of an expression.

    Raises:
        ExpressionError: Points at the first mistake, and says why.
    """
    return _Inference(expression.text, names).kind(parse(expression.text), names)


class _Inference:
    """Infers the kind of every part of one expression.

    The kinds of names are passed down, because they narrow: in `a or b`, the part b is evaluated
    only if a is false.
    """

    def __init__(self, text: str, names: Kinds) -> None:
        self._text, self._names = text, names

    def condition(self, node: ast.expr, known: Kinds, hint: str = "") -> None:
        """Refuse a part that is not a truth value."""
        kind = self.kind(node, known)
        if not kind.sorts <= {Sort.TRUTH}:
            odd = kind.sorts - {Sort.TRUTH}
            told = f"{_said(node)} {_is(kind, odd)}, expected a condition"
            raise self._refuse(node, told, hint or _such_as(node, kind))

    def kind(self, node: ast.expr, known: Kinds) -> Kind:
        """Return the kind of a part."""
        return _KINDS[type(node)](self, node, known)

    def _refuse(self, node: ast.expr, told: str, hint: str = "") -> ExpressionError:
        return refusal(self._text, node, told, hint)

    def _constant(self, node: ast.Constant, _: Kinds) -> Kind:
        value: Any = node.value
        return of_values((value,))

    def _name(self, node: ast.expr, known: Kinds) -> Kind:
        return known[dotted(node) or ""]

    def _unary(self, node: ast.UnaryOp, known: Kinds) -> Kind:
        if isinstance(node.op, ast.Not):
            self.condition(node.operand, known)
            return TRUTH
        return self.number(node.operand, known, _ARITHMETIC)

    def _binary(self, node: ast.BinOp, known: Kinds) -> Kind:
        self.number(node.left, known, _ARITHMETIC)
        return self.number(node.right, known, _ARITHMETIC)

    def _bool(self, node: ast.BoolOp, known: Kinds) -> Kind:
        every = isinstance(node.op, ast.And)
        for at, part in enumerate(node.values):
            self.condition(part, known, _listed(node.values[: at + 1]) if not every else "")
            known = narrowed(part, every, known)
        return TRUTH

    def _compare(self, node: ast.Compare, known: Kinds) -> Kind:
        for sign, (left, right) in zip(
            node.ops, pairwise((node.left, *node.comparators)), strict=True
        ):
            if isinstance(sign, ast.In | ast.NotIn):
                self._membership(left, right, known)
            elif isinstance(sign, ast.Eq | ast.NotEq):
                self._equality(left, right, known)
            else:
                self.number(left, known, _ORDER)
                self.number(right, known, _ORDER)
        return TRUTH

    def _conditional(self, node: ast.IfExp, known: Kinds) -> Kind:
        self.condition(node.test, known)
        yes = self.kind(node.body, narrowed(node.test, True, known))
        no = self.kind(node.orelse, narrowed(node.test, False, known))
        return either((yes, no))

    def _list(self, node: ast.List | ast.Tuple, known: Kinds) -> Kind:
        items = either(self.kind(one, known) for one in node.elts)
        return Kind(frozenset({Sort.LIST}), items=items)

    def _call(self, node: ast.Call, known: Kinds) -> Kind:
        name, given = dotted(node.func) or "", len(node.args)
        if name in _ONE_OF_MANY and given == 1:
            return self._numbers(node.args[0], known, name)
        fewest, most = _ARGUMENTS[name]
        if not fewest <= given <= (most or given):
            expected = f"{fewest} or more" if most is None else _counts(fewest, most)
            told = f"{name}() is given {given or 'no'} value{'s' * (given != 1)}"
            raise self._refuse(node, f"{told}, expected {expected}")
        for one in node.args:
            self.number(one, known, f"{name}() is for numbers")
        return TRUTH if name == "isclose" else NUMBER

    def _numbers(self, node: ast.expr, known: Kinds, name: str) -> Kind:
        """Refuse a part that is not a list of numbers."""
        kind = self.kind(node, known)
        if kind.sorts != {Sort.LIST}:
            told = f"{name}() is given one value, expected two or more, or a list of them"
            raise self._refuse(node, told)
        if kind.items is not None and not kind.items.sorts <= NUMERIC:
            odd = kind.items.sorts - NUMERIC
            told = f"an item of {_said(node)} {_is(kind.items, odd)}, expected a number"
            raise self._refuse(node, told, f"{name}() is for numbers")
        return NUMBER

    def number(self, node: ast.expr, known: Kinds, hint: str) -> Kind:
        """Refuse a part that is not always a number."""
        kind = self.kind(node, known)
        if not kind.sorts <= NUMERIC:
            odd = kind.sorts - NUMERIC
            words = [one for one in kind.values or () if isinstance(one, str)]
            if kind.sorts & NUMERIC and words and dotted(node):
                hint = f"handle the words first: {dotted(node)} == {words[0]!r} or ..."
            raise self._refuse(node, f"{_said(node)} {_is(kind, odd)}, expected a number", hint)
        return NUMBER

    def _membership(self, left: ast.expr, right: ast.expr, known: Kinds) -> None:
        if isinstance(right, ast.List | ast.Tuple):
            self.kind(left, known)
            for one in right.elts:
                self._equality(left, one, known)
            return
        item, container = self.kind(left, known), self.kind(right, known)
        if container.sorts <= {Sort.LIST} and container.items is not None:
            self._comparable(left, right, item, container.items)
        elif not container.sorts <= {Sort.WORD}:
            told = f"{_said(right)} {_is(container, container.sorts - {Sort.LIST})}"
            raise self._refuse(right, f"{told}, expected a list", "a list is written [1, 2, 4]")
        elif not item.sorts <= {Sort.WORD}:
            told = f"{_said(left)} {_is(item, item.sorts - {Sort.WORD})}, expected a word"
            raise self._refuse(left, told, f"{_said(right)} is a word, and in looks for a part")
        else:
            parts, words = self._declared(left, item), self._declared(right, container)
            self._part_of(left, right, parts.values, words.values)

    def _part_of(self, left: ast.expr, right: ast.expr, parts: _Few, words: _Few) -> None:
        if parts is not None and words is not None:
            if any(str(part) in str(word) for part in parts for word in words):
                return
            told, word = f"{_said(left)} is never a part of {_said(right)}", _word(right)
            raise self._refuse(right, told, "" if word is None else _guess(word, parts))

    def _equality(self, left: ast.expr, right: ast.expr, known: Kinds) -> None:
        if _are_rows(left, right):
            for mine, other in zip(left.elts, right.elts, strict=True):  # type: ignore[attr-defined]
                self._equality(mine, other, known)
        else:
            self._comparable(left, right, self.kind(left, known), self.kind(right, known))

    def _comparable(self, left: ast.expr, right: ast.expr, mine: Kind, other: Kind) -> None:
        """Refuse a comparison that can never hold, because of its kinds or its words."""
        mine, other = self._declared(left, mine), self._declared(right, other)
        if mine.sorts and other.sorts and not as_numbers(mine.sorts) & as_numbers(other.sorts):
            told = f"{_said(left)} {_is(mine)} and {_said(right)} {_is(other)}"
            at = left if isinstance(left, ast.Constant) else right
            truth = Sort.TRUTH in mine.sorts | other.sorts
            hint = "a truth value is written True or False" if truth else ""
            raise self._refuse(at, f"{told}: they are never equal", hint)
        theirs, ours = other.values, mine.values
        if ours is None or theirs is None:
            return
        for node, word, owner, choices in (
            (right, _word(right), left, ours),
            (left, _word(left), right, theirs),
        ):
            if word is not None and word not in choices:
                told = f"{word!r} is not one of the choices of {_said(owner)}"
                raise self._refuse(node, told, _guess(word, choices))
        if _is_all_words(ours) and not set(ours) & set(theirs):
            told = f"{_said(left)} and {_said(right)} have no choice in common"
            raise self._refuse(right, f"{told}: they are never equal")

    def _declared(self, node: ast.expr, kind: Kind) -> Kind:
        """Return the kind of a part without any narrowing."""
        name = dotted(node)
        return kind if name is None else self._names[name]


_Few: TypeAlias = tuple[Value, ...] | None

_ARITHMETIC = "arithmetic is for numbers"
_ORDER = "words have no order: list the ones you mean, with in [...]"

_KINDS: dict[type[ast.expr], Callable[[_Inference, Any, Kinds], Kind]] = {
    ast.Constant: _Inference._constant,
    ast.Name: _Inference._name,
    ast.Attribute: _Inference._name,
    ast.UnaryOp: _Inference._unary,
    ast.BinOp: _Inference._binary,
    ast.BoolOp: _Inference._bool,
    ast.Compare: _Inference._compare,
    ast.IfExp: _Inference._conditional,
    ast.Call: _Inference._call,
    ast.List: _Inference._list,
    ast.Tuple: _Inference._list,
}
# The fewest and the most arguments of each function; None: any number.
_ARGUMENTS: dict[str, tuple[int, int | None]] = {
    "abs": (1, 1),
    "ceil": (1, 1),
    "exp": (1, 1),
    "floor": (1, 1),
    "isclose": (2, 2),
    "log": (1, 2),
    "log10": (1, 1),
    "log2": (1, 1),
    "max": (2, None),
    "min": (2, None),
    "round": (1, 2),
    "sqrt": (1, 1),
}
_ONE_OF_MANY = ("max", "min")  # they also take one list


def _are_rows(left: ast.expr, right: ast.expr) -> bool:
    rows = isinstance(left, ast.List | ast.Tuple) and isinstance(right, ast.List | ast.Tuple)
    return rows and len(left.elts) == len(right.elts)  # type: ignore[attr-defined]


def _word(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_all_words(values: Collection[Value]) -> bool:
    return all(isinstance(one, str) for one in values)


def _said(node: ast.expr) -> str:
    """Return a part as a message quotes it."""
    text = ast.unparse(node)
    return text if len(text) <= _LONGEST else "this"


def _is(kind: Kind, odd: frozenset[Sort] | None = None) -> str:
    """Say what a part is, or what it may be."""
    sorts = kind.sorts if odd is None else odd
    said = " or ".join(one.value for one in Sort if one in sorts)
    return f"{'is' if sorts == kind.sorts else 'may be'} {said}"


def _such_as(node: ast.expr, kind: Kind) -> str:
    """Propose a comparison for a part that is not a condition."""
    if _said(node) == "this" or not isinstance(node, ast.Name | ast.Attribute | ast.BinOp):
        return "compare it with something"
    return f"compare it, as in {_said(node)} == {(kind.values or (0,))[0]!r}"


def _listed(parts: list[ast.expr]) -> str:
    """Propose a list for `a == 1 or 2`."""
    *before, last = parts
    if not isinstance(last, ast.Constant) or not before:
        return ""
    first = before[-1]
    if not isinstance(first, ast.Compare) or not isinstance(first.ops[0], ast.Eq):
        return ""
    return f"did you mean {_said(first.left)} in [{_said(first.comparators[0])}, {_said(last)}]?"


def _guess(word: str, choices: Collection[Value]) -> str:
    words = [one for one in choices if isinstance(one, str)]
    return did_you_mean(word, words, f"The choices are: {', '.join(map(repr, choices))}")


def _counts(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest} or {most}"
