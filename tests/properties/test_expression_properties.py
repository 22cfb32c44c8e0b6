"""Properties of the rule language, for arbitrary and hostile text."""

from __future__ import annotations

import ast
import math
import operator
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.syntax import ExpressionError

Formula: TypeAlias = tuple[str, Callable[[Mapping[str, Any]], Any]]
NAMES = ("a", "b", "c", "predicted.macs")
_ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_FUNCTIONS = {"abs": abs, "min": min, "max": max, "sqrt": math.sqrt, "floor": math.floor}


def combine(sign: str, table: Mapping[str, Any], left: Formula, right: Formula) -> Formula:
    apply = table[sign]
    return f"({left[0]} {sign} {right[0]})", lambda known: apply(left[1](known), right[1](known))


def call(name: str, *arguments: Formula) -> Formula:
    text = f"{name}({', '.join(one[0] for one in arguments)})"
    return text, lambda known: _FUNCTIONS[name](*(one[1](known) for one in arguments))


def numerals(number: float) -> Formula:
    return repr(number), lambda known: number


def named(name: str) -> Formula:
    return name, lambda known: known[name]


leaves = st.one_of(
    st.integers(0, 1000).map(numerals),
    st.floats(0, 1000).map(numerals),
    st.sampled_from(NAMES).map(named),
)
terms: st.SearchStrategy[Formula] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(combine, st.sampled_from(list(_ARITHMETIC)), st.just(_ARITHMETIC), inner, inner),
        st.builds(call, st.sampled_from(["min", "max"]), inner, inner),
        st.builds(call, st.sampled_from(["abs", "sqrt", "floor"]), inner),
        inner.map(lambda one: (f"(-{one[0]})", lambda known: -one[1](known))),
    ),
    max_leaves=6,
)
comparisons = st.builds(
    combine, st.sampled_from(list(_COMPARISONS)), st.just(_COMPARISONS), terms, terms
)


def both(left: Formula, right: Formula) -> Formula:
    return f"({left[0]} and {right[0]})", lambda known: left[1](known) and right[1](known)


def either(left: Formula, right: Formula) -> Formula:
    return f"({left[0]} or {right[0]})", lambda known: left[1](known) or right[1](known)


conditions: st.SearchStrategy[Formula] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(both, inner, inner),
        st.builds(either, inner, inner),
        inner.map(lambda one: (f"(not {one[0]})", lambda known: not one[1](known))),
    ),
    max_leaves=4,
)
# Few values, so that both sides of a comparison are often equal.
knowledge = st.fixed_dictionaries(
    dict.fromkeys(NAMES, st.sampled_from([0, 1, 2, 8, 0.5, 2.0, -1, 1e300, math.inf, math.nan]))
)
_NO_RESULT = (ArithmeticError, TypeError, ValueError)


def same(one: Any, other: Any) -> bool:
    return bool(one == other) or (math.isnan(one) and math.isnan(other))


@given(terms | conditions, knowledge)
def test_an_expression_has_the_value_of_python(formula: Formula, known: dict[str, float]) -> None:
    text, independently = formula
    assume(len(text) <= 500)
    expression = Expression(text)
    assert set(expression.names) == set(NAMES) & set(re.findall(r"[a-z][a-z.]*", text))
    try:
        expected = independently(known)
    except _NO_RESULT as error:
        with pytest.raises(type(error)):
            expression.evaluate(known)
    else:
        assert same(expression.evaluate(known), expected)


@given(conditions, knowledge)
def test_a_margin_is_negative_exactly_where_the_condition_fails(
    formula: Formula, known: dict[str, float]
) -> None:
    assume(len(formula[0]) <= 500)
    expression = Expression(formula[0])
    try:
        holds = expression.holds(known)
    except _NO_RESULT:
        with pytest.raises(_NO_RESULT):
            expression.margin(known)
        return
    try:
        margin = expression.margin(known)
    except OverflowError:  # a difference of huge whole numbers
        return
    assert (margin >= 0) == holds
    assert not math.isnan(margin)


@given(terms | conditions, knowledge)
def test_an_expression_survives_pickling(formula: Formula, known: dict[str, float]) -> None:
    assume(len(formula[0]) <= 500)
    expression = Expression(formula[0])
    again = pickle.loads(pickle.dumps(expression))
    assert again == expression
    assert (again.text, again.names) == (expression.text, expression.names)
    assert outcome(again, known) == outcome(expression, known)


def outcome(expression: Expression, known: Mapping[str, Any]) -> str:
    try:
        return repr(expression.evaluate(known))
    except _NO_RESULT as error:
        return repr(error)


HOSTILE = (
    "__import__('os')",
    "__import__('os').system('true')",
    "a.__class__.__bases__[0].__subclasses__()",
    "().__class__",
    "lambda: 1",
    "(lambda: 1)()",
    "[x for x in a]",
    "{x: 1 for x in a}",
    "(x for x in a)",
    "(a := 1)",
    "f'{a}'",
    "f'{a!r:>{b}}'",
    "await a",
    "(yield a)",
    "a if b",
    "a = 1",
    "import os",
    "a[0]",
    "a[0:1]",
    "{1, 2}",
    "{'a': 1}",
    "*a",
    "[*a]",
    "max(*a)",
    "round(a, ndigits=2)",
    "b'bytes'",
    "1j",
    "...",
    "None",
    "a @ b",
    "a << 1000",
    "~a",
    "a is b",
    "exec('1')",
    "open('x')",
    "a\x00b",
    "\x00",
    "\ud800",
    "'\ud800'",
    "",
    "   ",
    "\n",
    "#",
    "a;b",
    "a\nb",
    "(" * 10_000 + "a" + ")" * 10_000,
    "(" * 240 + "a" + ")" * 240,
    "-" * 499 + "a",
    "not " * 120 + "a",
    "a" + "+a" * 240,
    "a" + ".b" * 10_000,
    "[" * 480,
    "1" * 5000,
    "max(" * 100 + "a" + ")" * 100,
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_a_hostile_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    assert caught.value.message
    assert caught.value.pointer().endswith("^")


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "(9**64)**64",
        "2**1000000",
        "'a' * 1000000000000",
        "1000000000000 * 'a'",
        "[1] * 1000000000000",
        "'%1000000000000d' % 1",
        "round(5, -1000000000000)",
        "exp(1000000)",
        "ceil(1e999)",
        "a / 0",
        "'x' < 1",
        "min(1)",
        "max()",
        "log(0)",
        "sqrt(-1)",
        "(-1) ** 0.5",
        "1 in 5",
        "not_there.at_all[0] if 0 else 'a' * 'b'".replace("not_there.at_all[0]", "1"),
    ],
)
def test_a_greedy_expression_has_no_result_and_takes_no_time(text: str) -> None:
    with pytest.raises((*_NO_RESULT,)):
        Expression(text).evaluate({"a": 1})


def test_an_attribute_is_only_ever_a_declared_name() -> None:
    expression = Expression("a.__class__ == 1")
    with pytest.raises(ExpressionError, match=r"unknown name 'a.__class__'"):
        expression.check_names(["a"])
    with pytest.raises(KeyError):
        expression.evaluate({"a": 1})


tokens = st.lists(
    st.sampled_from(
        (
            *"ab.()[]{},:;+-*/%<>@~#é\\\n\t",
            *("predicted", "//", "**", "<=", "==", "!=", "=", ":=", "and", "or", "not", "in", "is"),
            *("if", "else", "lambda", "for", "await", "yield", "import", "max", "log", "1", "2.5"),
            *("1e9", "'w'", "f'w'", "b'w'", "None", "True"),
        )
    ),
    max_size=12,
).map(" ".join)


@given(st.text(max_size=40) | tokens | st.binary(max_size=30).map(lambda raw: raw.decode("latin1")))
@example("é == 1 and ü")
@example("'\\N{nothing}'")
def test_no_text_raises_anything_but_an_expression_error(text: str) -> None:
    refusal = refused(text, ["a", "b"])
    assert refusal is None or (refusal.column >= 0 and refusal.width >= 1 and refusal.pointer())


def refused(text: str, known: list[str]) -> ExpressionError | None:
    try:
        Expression(text).check_names(known)
    except ExpressionError as error:
        return error
    return None


@given(tokens)
def test_what_is_read_is_python_and_evaluates_or_says_why_not(text: str) -> None:
    try:
        expression = Expression(text)
    except ExpressionError:
        return
    ast.parse(text.strip(), mode="eval")
    known = dict.fromkeys(expression.names, 2)
    try:
        expression.evaluate(known)
        expression.margin(known)
    except _NO_RESULT:
        return


@given(st.sampled_from(["é", "ß' '", "x"]), st.integers(0, 5))
def test_the_pointer_points_at_the_unknown_name(word: str, spaces: int) -> None:
    text = f"{' ' * spaces}'{word.replace(chr(39), '')}' == a and chanels > 1"
    with pytest.raises(ExpressionError) as caught:
        Expression(text).check_names(["a", "channels"])
    error = caught.value
    assert error.text[error.column :][: error.width] == "chanels"
