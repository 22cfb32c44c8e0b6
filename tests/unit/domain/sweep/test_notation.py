"""The notation of a sweep."""

from __future__ import annotations

import math

import pytest

from satisfice.domain.errors import UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.types import Value
from satisfice.domain.space.space import (
    Bounded,
    Choice,
    Derived,
    Float,
    Int,
    Ordinal,
    Parameter,
    Space,
)
from satisfice.domain.sweep.notation import read_swept

SPACE = Space(
    (
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("shift", Float(-2.0, 2.0)),
        Parameter("depth", Int(1, 4)),
        Parameter("width", Int(8, 128, step=8)),
        Parameter("mixed", Choice((True, False, 2, 0.5, "2.0", "no"))),
        Parameter("momentum", Float(0.0, 0.99), Expression("lr > 0.1")),
        Parameter("batch", Ordinal((16, 64, "all"))),
        Parameter("rate", Float(0.0, 1.0, step=0.25)),
        Parameter("decay", Derived(Expression("0.1 * lr"))),
        Parameter("heads", Bounded(Expression("1"), Expression("width / 4"), whole=True)),
    )
)


def values(text: str) -> tuple[Value, ...]:
    (one,) = read_swept([text], SPACE, drawn=False)
    assert one.text == text.strip()
    assert one.between is None
    return one.values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("depth=1,2,4", (1, 2, 4)),
        ("depth = 3 , 1 ", (3, 1)),
        ("depth=2,2,2e0", (2,)),
        ("depth=1..4:4", (1, 2, 3, 4)),
        ("depth=1..4:7", (1, 2, 3, 4)),  # rounded, and each once
        ("width=8..128:log:5", (8, 16, 32, 64, 128)),
        ("width=8..32:4", (8, 16, 24, 32)),
        ("lr=1e-4..1e-1:log:4", (1e-4, 1e-3, 1e-2, 1e-1)),
        ("lr=1e-4..1e-1:2", (1e-4, 1e-1)),
        ("shift=-2..-1:3", (-2.0, -1.5, -1.0)),
        ("shift=-.5...5:3", (-0.5, 0.0, 0.5)),
        ("mixed=true,False,2,0.5,no", (True, False, 2, 0.5, "no")),
        ("mixed=2.0", ("2.0",)),
        ("momentum=0,0.9", (0.0, 0.9)),
        ("batch=64,all", (64, "all")),
        ("rate=0..1:3", (0.0, 0.5, 1.0)),
        ("rate=0..1:4", (0.0, 0.25, 0.75, 1.0)),  # to the nearest step
        ("heads=1..64:log:4", (1, 4, 16, 64)),
    ],
)
def test_what_is_asked_for_is_read_by_the_domain_of_the_parameter(
    text: str, expected: tuple[Value, ...]
) -> None:
    found = values(text)
    assert found == expected
    assert [type(one) for one in found] == [type(one) for one in expected]


@pytest.mark.parametrize(
    ("texts", "message", "hint"),
    [
        ([], "a sweep needs at least one parameter", "Write name=1,2,4"),
        (["depth"], "'depth' does not say what to sweep", "Write name=1,2,4"),
        (["=1"], "'=1' does not say what to sweep", "Write name=1,2,4"),
        (["depth="], "'depth=' does not say what to sweep", "Write name=1,2,4"),
        (["dept=1"], "the study has no parameter 'dept'", "did you mean 'depth'? The space"),
        (["x=1"], "the study has no parameter 'x'", "The space has: lr, shift"),
        (["depth=1", "depth=2"], "depth is given twice: 'depth=1' and 'depth=2'", "Give it once"),
        (["depth=1,,2"], "'' is not a whole number", "Write name=1,2,4"),
        (["depth=1.5"], "'1.5' is not a whole number", "Write name=1,2,4"),
        (["depth=inf"], "'inf' is not a whole number", "Write name=1,2,4"),
        (["lr=fast"], "'fast' is not a number", "Write name=1,2,4"),
        (["lr=nan"], "nan is outside of lr, which is between 0.0001 and 0.1", "widen the space"),
        (["lr=1"], "1 is outside of lr, which is between 0.0001 and 0.1", "widen the space"),
        (["width=9"], "9 is outside of width, which is between 8 and 128 in steps of 8", "widen"),
        (["lr=1e-5..1e-2:3"], "1e-5 is outside of lr", "widen the space"),
        (["mixed=yes"], "'yes' is not a value of mixed", "one of true, false, 2, 0.5, 2.0, no"),
        (["mixed=1..2:3"], "'1..2:3' is not a value of mixed", "It is one of true, false"),
        (["depth=4..1:3"], "'depth=4..1:3' ranges from 4 to 1", "Write the lower end first"),
        (["depth=2..2:3"], "ranges from 2 to 2", "Write the lower end first"),
        (["shift=-1..1:log:3"], "begins at -1.0", "A logarithmic range must begin above 0"),
        (["depth=1..4:1"], "asks for 1 values", "A range has 2 to 1000 values"),
        (["lr=1e-4..1e-1:1001"], "asks for 1001 values", "A range has 2 to 1000 values"),
        (["lr=1e-4..1e-1"], "does not say how many values it has", "lr=1e-4..1e-1:5 for five"),
        (["lr=1e-4..1e-1:log"], "does not say how many values it has", "draw points"),
        (["batch=32"], "'32' is not a value of batch", "It is one of 16, 64, all"),
        (["rate=0.3"], "0.3 is outside of rate, which is between 0.0 and 1.0 in", "widen"),
        (["decay=0.1"], "decay is derived, as 0.1 * lr, and", "it is derived from: lr"),
        (["heads=1.5"], "'1.5' is not a whole number", "Write name=1,2,4"),
        (["lr=1e-4..1e-1:lg:3"], "'1e-4..1e-1:lg:3' is not a number", "Write name=1,2,4"),
        (["lr=1e-4..1e-1:log:9999999999"], "is not a number", "Write name=1,2,4"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_a_hint(texts: list[str], message: str, hint: str) -> None:
    with pytest.raises(UserError) as mistake:
        read_swept(texts, SPACE, drawn=False)
    assert message in mistake.value.message
    assert hint in mistake.value.hint


def test_points_may_be_drawn_from_a_whole_range() -> None:
    lr, shift, depth, width, heads = read_swept(
        ["lr=1e-3..1e-1", "shift=0..2", "depth=1..4", "width=16..64:log", "heads=2..5"],
        SPACE,
        drawn=True,
    )
    assert (lr.between, shift.between) == (Float(1e-3, 1e-1, log=True), Float(0.0, 2.0))
    assert (depth.between, width.between) == (Int(1, 4), Int(16, 64, log=True, step=8))
    assert heads.between == Int(2, 5)
    assert lr.at(0.5) == 1e-2  # on the scale of the parameter
    assert shift.at(0.25) == 0.5
    assert (lr.at(0.0), lr.at(math.nextafter(1.0, 0.0))) == (1e-3, 1e-1)


def test_every_value_of_a_sweep_is_equally_likely_to_be_drawn() -> None:
    places = [(at + 0.5) / 1200 for at in range(1200)]
    for text, each in (
        ("depth=1..4", 300),
        ("depth=1,2,4", 400),
        ("width=8..32", 300),
        ("rate=0..1", 240),
    ):
        (one,) = read_swept([text], SPACE, drawn=True)
        drawn = [one.at(place) for place in places]
        assert {drawn.count(value) for value in set(drawn)} == {each}
        assert all(value in SPACE[one.name].domain for value in drawn)
