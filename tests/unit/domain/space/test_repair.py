"""The nearest allowed neighbour of a forbidden configuration."""

from __future__ import annotations

from itertools import product

import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.space.repair import allowed_step_by_step, nearest_allowed, usual
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space

WIDE = 5000

SPACE = Space(
    (
        Parameter("channels", Int(8, 128, log=True)),
        Parameter("groups", Int(1, 16)),
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("optimizer", Choice(("sgd", "adamw"))),
        Parameter("momentum", Float(0.0, 0.99), when=Expression("optimizer == 'sgd'"), default=0.9),
        Parameter("nesterov", Choice((True, False)), when=Expression("momentum > 0.5")),
    )
)
SGD = {
    "channels": 37,
    "groups": 5,
    "lr": 1e-2,
    "optimizer": "sgd",
    "momentum": 0.7,
    "nesterov": False,
}


def changed(before: Params, after: Params) -> set[str]:
    names = before.keys() | after.keys()
    return {name for name in names if before.get(name) != after.get(name)}


def test_one_parameter_is_changed_as_little_as_need_be() -> None:
    found = nearest_allowed(SGD, SPACE, lambda one: one["channels"] % one["groups"] == 0, WIDE)
    # 37 -> 35 on logarithms is nearer than 5 -> 1 among the groups, and than 37 -> 40.
    assert found == {**SGD, "channels": 35}


def test_distance_is_measured_on_the_scale_of_the_parameter() -> None:
    space = Space((Parameter("x", Float(1e-6, 1.0, log=True)),))
    # On logarithms 1e-4 is as far from 1e-3 as 1e-2 is, so the threshold nearer by ratio wins.
    found = nearest_allowed({"x": 1e-3}, space, lambda one: one["x"] < 4e-4 or one["x"] > 9e-3, 99)
    assert found is not None
    assert 1e-4 < found["x"] < 4e-4


def test_two_parameters_are_changed_where_one_does_not_help() -> None:
    found = nearest_allowed(
        SGD, SPACE, lambda one: one["channels"] <= 30 and one["groups"] >= 8, WIDE
    )
    assert found is not None
    assert changed(SGD, found) == {"channels", "groups"}
    assert 25 <= found["channels"] <= 30
    assert found["groups"] == 8


def test_what_a_change_brings_into_being_gets_its_default_or_the_middle() -> None:
    adamw = {"channels": 8, "groups": 4, "lr": 1e-2, "optimizer": "adamw"}
    found = nearest_allowed(adamw, SPACE, lambda one: one["optimizer"] == "sgd", WIDE)
    assert found == {**adamw, "optimizer": "sgd", "momentum": 0.9, "nesterov": True}


def test_parameters_that_a_change_deactivates_are_removed() -> None:
    found = nearest_allowed(SGD, SPACE, lambda one: "nesterov" not in one, WIDE)
    assert found is not None
    assert changed(SGD, found) == {"momentum", "nesterov"}
    assert SPACE.outside(found) == ()


def test_a_new_parameter_may_itself_have_to_change() -> None:
    adamw = {"channels": 8, "groups": 4, "lr": 1e-2, "optimizer": "adamw"}

    def allowed(one: Params) -> bool:
        return one["optimizer"] == "sgd" and one["momentum"] < 0.3

    found = nearest_allowed(adamw, SPACE, allowed, WIDE)
    assert found is not None
    assert changed(adamw, found) == {"optimizer", "momentum"}
    assert SPACE.outside(found) == ()


def test_the_attempts_are_a_limit() -> None:
    asked: list[Params] = []
    assert nearest_allowed(SGD, SPACE, lambda one: bool(asked.append(one)), 100) is None
    assert 0 < len(asked) <= 100


def test_no_neighbour_is_asked_about_twice_and_never_the_start() -> None:
    asked: list[Params] = []
    nearest_allowed(SGD, SPACE, lambda one: bool(asked.append(dict(one))), 3000)
    seen = {tuple(one.items()) for one in asked}
    assert len(seen) == len(asked)
    assert tuple(SGD.items()) not in seen
    assert all(SPACE.outside(one) == () for one in asked)


def test_a_small_space_is_looked_at_whole() -> None:
    space = Space(
        (
            Parameter("a", Int(0, 3)),
            Parameter("b", Choice(("u", "v", "w"))),
            Parameter("c", Int(10, 30, step=10), when=Expression("a >= 2")),
        )
    )
    every = [
        space.configuration({"a": a, "b": b, "c": c})
        for a, b, c in product(range(4), "uvw", (10, 20, 30))
        if a >= 2 or c == 10
    ]
    for start, goal in product(every, every):
        if start != goal:
            assert nearest_allowed(start, space, goal.__eq__, 1000) == goal


def test_the_answer_does_not_depend_on_chance() -> None:
    def allowed(one: Params) -> bool:
        return one["channels"] * one["groups"] < 60 and one["lr"] * one["channels"] < 0.05

    assert len({str(nearest_allowed(SGD, SPACE, allowed, WIDE)) for _ in range(5)}) == 1


def test_step_by_step_meets_demands_on_many_parameters() -> None:
    space = Space(tuple(Parameter(f"p{at}", Int(0, 999)) for at in range(5)))
    start = {f"p{at}": 500 for at in range(5)}
    demands = [lambda one, at=at: one[f"p{at}"] < 100 for at in range(5)]

    def all_met(one: Params) -> bool:
        return all(demand(one) for demand in demands)

    assert nearest_allowed(start, space, all_met, 1000) is None
    found = allowed_step_by_step(start, space, demands, 1000)
    assert found is not None
    assert all(0 <= value < 100 for value in found.values())


def test_step_by_step_gives_up_where_demands_clash() -> None:
    demands = [lambda one: one["groups"] < 4, lambda one: one["groups"] > 6]
    assert allowed_step_by_step(SGD, SPACE, demands, 500) is None


def test_step_by_step_stays_where_all_is_well() -> None:
    assert allowed_step_by_step(SGD, SPACE, [lambda one: True], 500) == SGD


def test_nothing_can_be_changed_in_a_space_of_one_configuration() -> None:
    space = Space((Parameter("a", Int(3, 3)), Parameter("b", Float(0.1, 0.1, log=True))))
    assert nearest_allowed({"a": 3, "b": 0.1}, space, lambda one: True, 100) is None


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (Float(0.0, 1.0), 0.5),
        (Float(1e-4, 1.0, log=True), 1e-2),
        (Int(0, 10), 5),
        (Int(1, 100, log=True), 10),
        (Int(0, 10, step=4), 4),
        (Int(7, 7), 7),
        (Choice(("b", "a")), "b"),
    ],
)
def test_without_a_default_the_middle_is_usual(
    domain: Float | Int | Choice, value: float | str
) -> None:
    found = usual(Parameter("x", domain))
    assert found == pytest.approx(value)
    assert found in domain
