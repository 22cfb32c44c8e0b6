"""Enumeration of finite spaces."""

from __future__ import annotations

import math
from itertools import product

import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.space.enumeration import count, every_configuration, part_about
from satisfice.domain.space.space import Choice, Derived, Float, Int, Ordinal, Parameter, Space

OPTIMIZER = Parameter("optimizer", Choice(("sgd", "adamw", "lion")))
NESTEROV = Parameter("nesterov", Choice((True, False)), when=Expression("optimizer == 'sgd'"))
WARMUP = Parameter("warmup", Int(2, 9, step=3), when=Expression("nesterov or layers > 2"))
LAYERS = Parameter("layers", Int(1, 4))
LR = Parameter("lr", Float(0.0, 1.0))
SPACE = Space((LAYERS, OPTIMIZER, NESTEROV, WARMUP))


def test_each_configuration_comes_up_once() -> None:
    values = {
        "layers": range(1, 5),
        "optimizer": ("sgd", "adamw", "lion"),
        "nesterov": (True, False),
        "warmup": (2, 5, 8),
    }
    every = [
        SPACE.configuration(dict(zip(values, one, strict=True)))
        for one in product(*values.values())
    ]
    different = {tuple(one.items()) for one in every}
    listed = [tuple(one.items()) for one in every_configuration(SPACE)]
    assert len(listed) == len(different) < len(every) == count(SPACE)
    assert set(listed) == different


def test_derived_stepped_and_ordered_values_are_listed() -> None:
    space = Space(
        (
            Parameter("share", Float(0.1, 0.4, step=0.1)),
            Parameter("size", Ordinal(("small", "large"))),
            Parameter("double", Derived(Expression("2 * share"))),
        )
    )
    listed = list(every_configuration(space))
    assert len(listed) == count(space) == 8
    assert [one["share"] for one in listed[::2]] == [0.1, 0.2, 0.3, 0.4]
    assert listed[-1] == {"share": 0.4, "size": "large", "double": 0.8}
    assert part_about(space, {"double"}).names == ("share", "double")


def test_real_numbers_have_no_end() -> None:
    space = Space((LAYERS, LR))
    assert count(space) == math.inf
    with pytest.raises(ValueError, match="lr is a real number"):
        list(every_configuration(space))


def test_the_part_about_some_parameters_has_what_they_depend_on() -> None:
    whole = Space((LR, LAYERS, OPTIMIZER, NESTEROV, WARMUP))
    assert part_about(whole, {"layers"}).names == ("layers",)
    assert part_about(whole, {"nesterov"}).names == ("optimizer", "nesterov")
    # nesterov and layers decide over warmup, and the optimizer over nesterov.
    assert part_about(whole, {"warmup"}).names == SPACE.names


def test_rules_about_nothing_are_about_one_configuration() -> None:
    assert list(every_configuration(part_about(SPACE, ()))) == [{}]
