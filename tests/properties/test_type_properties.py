"""Accepted expressions never fail because of their types, only because of their values."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.operations import FUNCTIONS
from satisfice.domain.expressions.syntax import MAX_LENGTH, ExpressionError
from satisfice.domain.expressions.type_check import check_condition
from satisfice.domain.expressions.types import NUMBER, Kinds
from satisfice.domain.space.domains import kind_of
from satisfice.domain.space.space import Choice
from tests.properties.test_expression_properties import NAMES as NUMBERS
from tests.properties.test_expression_properties import Formula, conditions

CHOICES: dict[str, tuple[Any, ...]] = {
    "w": ("sgd", "adamw"),
    "v": ("sgd", "lion", ""),
    "t": (True, False),
    "m": ("auto", 1, 2.5),
    "u": (True, "off", 0),
}
KINDS = {"n": NUMBER, "k": NUMBER} | {n: kind_of(Choice(c)) for n, c in CHOICES.items()}

numbers = st.one_of(
    st.sampled_from([0, 1, -1, 2, 0.5, 1e300, 10**30, float("inf"), float("nan")]),
    st.integers(-100, 100),
    st.floats(),
)
values = st.fixed_dictionaries(
    {"n": numbers, "k": numbers} | {n: st.sampled_from(c) for n, c in CHOICES.items()}
)

SIGNS = ("+", "-", "*", "/", "//", "%", "**")
ORDER = ("<", "<=", ">", ">=", "==", "!=")
words = st.sampled_from(["'sgd'", "'auto'", "'off'", "'s'", "True", "0", "['sgd', 1]", "[]"])
functions = st.sampled_from(list(FUNCTIONS))


def of_any_kind(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Combine anything with anything: most of it is refused."""
    sign = st.sampled_from((*SIGNS, *ORDER, "in", "not in", "and", "or"))
    several = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("({} {} {})".format, inner, sign, inner),
        st.builds("({} {} {} {} {})".format, inner, sign, inner, sign, inner),
        st.builds("({}{})".format, st.sampled_from(["-", "+", "not "]), inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("{}({})".format, functions, several),
        st.builds("[{}]".format, several),
    )


names = st.sampled_from(list(KINDS))
own = [(name, repr(value)) for name, choices in CHOICES.items() for value in choices]
asked = [f"({name} {sign} {one})" for name, one in own for sign in ("==", "!=")]
asked += [f"({name} {sign} [{one}, {one}])" for name, one in own for sign in ("in", "not in")]
told_apart = st.sampled_from([*asked, "(n in [])", "(w == 'sdg')", "(n == 'sgd')", "t"])
terms = st.recursive(
    st.sampled_from(["n", "k", "t", "m", "u", "0", "2", "0.5", "1e999"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(SIGNS), inner),
        st.builds("({} if {} else {})".format, inner, told_apart, inner),
        st.builds("{}({})".format, functions, inner),
        st.builds("{}({}, {})".format, functions, inner, inner),
    ),
    max_leaves=3,
)
likely = st.recursive(
    told_apart | st.builds("({} {} {})".format, terms, st.sampled_from(ORDER), terms),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("(not {})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    ),
    max_leaves=4,
)
texts = likely | st.recursive(names | words, of_any_kind, max_leaves=7)


@settings(max_examples=1000)
@given(texts, st.lists(values, min_size=1, max_size=6))
@example("(m == 'auto' or m < 2)", [{"m": "auto"}, {"m": 1}])
@example("round(n, k) == 1", [{"n": 1.5, "k": 2.0}, {"n": 1, "k": 0.5}])
@example("n ** k < 1", [{"n": -1, "k": 0.5}])
@example("max([n, k] if t else [k]) < 1", [{"n": 1, "k": 2, "t": False}])
@example("(u if u != 'off' else 1) + 1 < 2", [{"u": "off"}, {"u": True}])
def test_an_accepted_condition_is_true_or_false_or_has_no_result(
    text: str, known: list[dict[str, Any]]
) -> None:
    assume(len(text) <= MAX_LENGTH)
    refusal = refused(text, KINDS)
    if refusal is not None:
        assert 0 <= refusal.column < len(text)
        assert refusal.pointer().endswith("^")
        return
    condition = Expression(text)
    for one in known:
        try:
            assert isinstance(condition.evaluate(one), bool)
            assert isinstance(condition.margin(one), float)
        except (ArithmeticError, ValueError):
            continue


def refused(text: str, kinds: Kinds) -> ExpressionError | None:
    try:
        check_condition(Expression(text), kinds)
    except ExpressionError as error:
        return error
    return None


@given(conditions)
def test_comparisons_of_numbers_are_accepted(formula: Formula) -> None:
    assume(len(formula[0]) <= MAX_LENGTH)
    assert refused(formula[0], dict.fromkeys(NUMBERS, NUMBER)) is None
