"""Repair of configurations by the parameters of the broken rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.batch_repair import repair
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import (
    Choice,
    Derived,
    Float,
    Int,
    Ordinal,
    Parameter,
    Params,
    Space,
)

SPACE = Space(
    (
        Parameter("a", Int(1, 64)),
        Parameter("b", Int(1, 64)),
        Parameter("c", Float(0.0, 1.0)),
        Parameter("d", Choice(("u", "v"))),
        Parameter("e", Derived(Expression("a * b"))),
        Parameter("f", Ordinal((16, 32, 128)), when=Expression("d == 'v'")),
    )
)


def book(*texts: str) -> RuleBook:
    return RuleBook(tuple(Rule(text, Expression(text)) for text in texts))


def start(**params: object) -> Params:
    return SPACE.configuration({"a": 37, "b": 41, "c": 0.5, "d": "u", **params})  # type: ignore[dict-item]


def mended(params: Params, rules: RuleBook) -> Params | None:
    found = repair(params, SPACE, rules, lambda one: rules.allow(one, {}))
    assert found is None or (rules.allow(found, {}) and SPACE.outside(found) == ())
    assert found == repair(params, SPACE, rules, lambda one: rules.allow(one, {}))
    return found


def changed(found: Params | None) -> set[str]:
    assert found is not None
    return {name for name, value in found.items() if value != start().get(name)}


def test_only_what_the_broken_rule_is_about_is_moved() -> None:
    found = mended(start(), book("c <= 0.1", "a > 1"))
    assert changed(found) == {"c"}
    assert found is not None
    assert 0.08 < float(found["c"]) <= 0.1


def test_a_derived_value_is_mended_through_what_it_follows_from() -> None:
    found = mended(start(), book("e == 256", "d == 'v'"))
    assert found is not None
    assert found["a"] * found["b"] == 256  # type: ignore[operator]


@pytest.mark.parametrize("a", range(1, 64, 13))
@pytest.mark.parametrize("b", range(1, 64, 13))
def test_a_ten_thousandth_of_the_space(a: int, b: int) -> None:
    rules = book("a % b == 0", "b >= 7", "1.5 * c * a > 60", "a * b <= 600", "d == 'v'", "f < 20")
    assert mended(start(a=a, b=b), rules) is not None


@pytest.mark.parametrize("texts", [("a < b", "b < a"), ("1 / (a - a) > 0",), ("log(0 - a) > 0",)])
def test_what_nothing_meets_ends(texts: tuple[str, ...]) -> None:
    assert mended(start(), book(*texts)) is None


def test_what_nobody_wants_is_looked_at_a_few_times_only() -> None:
    asked = 0

    def never(_params: Params) -> bool:
        nonlocal asked
        asked += 1
        return False

    wanted: Callable[[Params], bool] = never
    assert repair(start(), SPACE, book("a < 30"), wanted) is None
    assert asked <= 48
