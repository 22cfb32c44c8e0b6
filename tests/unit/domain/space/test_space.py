"""Parameters of all kinds: configurations and coordinates."""

from __future__ import annotations

import math

import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import RuleBook, implied_by
from satisfice.domain.space.priors import Prior, Weights, trust
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


def bounded(low: str, high: str, **kinds: bool) -> Bounded:
    return Bounded(Expression(low), Expression(high), **kinds)


SPACE = Space(
    (
        Parameter("batch", Ordinal((16, 32, 128)), default=32),
        Parameter("lr", Float(1e-4, 1e-1, log=True), default=1e-3),
        Parameter("decay", Derived(Expression("0.1 * lr"))),
        Parameter("width", Int(4, 64), default=8),
        Parameter("hidden", bounded("width", "4 * width", whole=True), default=16),
        Parameter(
            "warmup", bounded("lr / 10", "lr", log=True), Expression("batch > 16"), default=5e-4
        ),
    )
)
SEEN = {"batch": 128, "lr": 0.01, "decay": 0.001, "width": 10, "hidden": 25, "warmup": 0.002}


def test_what_a_trial_sees_comes_back_from_its_coordinates() -> None:
    there = SPACE.coordinates(SEEN)
    assert there["batch"] == 2
    assert there["hidden"] == 0.5
    assert there["warmup"] == pytest.approx(1 - math.log10(5))
    assert "decay" not in there
    again = SPACE.configuration(there)
    assert again == {**SEEN, "warmup": pytest.approx(0.002), "decay": pytest.approx(0.001)}
    assert SPACE.outside(SEEN) == ()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"batch": 64}, ("batch", "warmup")),
        ({"batch": 16}, ("warmup",)),  # then it is not there
        ({"decay": 0.002}, ("decay",)),  # it follows from lr
        ({"hidden": 41}, ("hidden",)),
        ({"hidden": 25.5}, ("hidden",)),
        ({"width": 30}, ("hidden",)),  # its bounds have moved on
        ({"lr": 0.001}, ("decay", "warmup")),
    ],
)
def test_what_lies_outside_is_named(change: dict[str, object], wrong: tuple[str, ...]) -> None:
    assert SPACE.outside({**SEEN, **change}) == wrong  # type: ignore[dict-item]


def test_defaults_include_what_follows_from_them() -> None:
    defaults = SPACE.defaults()
    assert defaults is not None
    assert defaults["decay"] == pytest.approx(1e-4)
    assert SPACE.outside(defaults) == ()


@pytest.mark.parametrize(
    ("domain", "params"),
    [
        (bounded("x", "3"), {"x": 4.0}),
        (bounded("x", "x + 0.5", whole=True), {"x": 0.2}),  # no whole number in between
        (bounded("x", "1", log=True), {"x": 0.0}),
        (bounded("1 / x", "9"), {"x": 0.0}),
        (bounded("0", "exp(x)"), {"x": 1e9}),
        (Derived(Expression("1 / x")), {"x": 0.0}),
        (Derived(Expression("log(x)")), {"x": -1.0}),
        (Derived(Expression("exp(x)")), {"x": 1e9}),
    ],
)
def test_what_leaves_no_value_is_forbidden(
    domain: Bounded | Derived, params: dict[str, float]
) -> None:
    space = Space((Parameter("x", Float(-1e9, 1e9)), Parameter("y", domain)))
    rules = RuleBook(implied_by(space))
    seen = space.configuration({**params, "y": 0.5})
    assert math.isnan(float(seen["y"]))
    assert rules.judge(seen, {}).broken == ("y has a value",)
    fine = space.configuration({"x": 0.5, "y": 0.5})
    assert rules.judge(fine, {}).allowed
    assert space.outside(fine) == ()


def test_a_parameter_that_is_not_there_needs_no_value() -> None:
    space = Space(
        (
            Parameter("x", Float(0.0, 9.0)),
            Parameter("y", bounded("x", "1"), when=Expression("x < 5")),
        )
    )
    rules = RuleBook(implied_by(space))
    assert rules.allow(space.configuration({"x": 6.0, "y": 0.5}), {})
    assert not rules.allow(space.configuration({"x": 4.0, "y": 0.5}), {})


def test_steps_are_counted_as_people_count() -> None:
    domain = Float(0.0, 1.0, step=0.1)
    assert [domain.at(at / 10) for at in range(11)] == [at / 10 for at in range(11)]
    assert 0.3 in domain
    assert 0.1 + 0.2 in domain
    assert 0.35 not in domain
    assert Float(0.0, 1.0, step=0.3).at(1.0) == 0.9


def test_who_has_a_say_in_a_value() -> None:
    assert SPACE.movers(["decay"]) == ("lr",)
    assert SPACE.movers(["warmup"]) == ("batch", "lr", "warmup")
    assert SPACE.movers(["hidden", "predicted.macs"]) == ("width", "hidden")


# -- priors -----------------------------------------------------------------------------------


def test_two_of_three_values_lie_within_the_spread() -> None:
    prior = Prior(Expression("1e-3 * batch / 32"), 3.0, log=True)
    shares = [(at + 0.5) / 1000 for at in range(1000)]
    drawn = [prior.value(share, 1e-9, 1e9, {"batch": 64}) for share in shares]
    within = sum(2e-3 / 3 <= one <= 2e-3 * 3 for one in drawn)
    assert within / 1000 == pytest.approx(0.683, abs=0.002)
    assert sorted(drawn)[500] == pytest.approx(2e-3, rel=0.01)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("around", ["5", "1e-30", "1e30", "1 / (x - x)", "log(0 - x)"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9999])
def test_a_prior_stays_between_the_bounds(around: str, share: float, log: bool) -> None:
    prior = Prior(Expression(around), 2.0, log)
    assert 1.0 <= prior.value(share, 1.0, 8.0, {"x": 3.0}) <= 8.0


def test_weights_are_shares() -> None:
    weights = Weights((("a", 3.0), ("b", 0.0), ("c", 1.0)))
    drawn = [weights.value((at + 0.5) / 100) for at in range(100)]
    assert (drawn.count("a"), drawn.count("b"), drawn.count("c")) == (75, 0, 25)


def test_trust_fades() -> None:
    assert trust(0) == 1.0
    assert trust(10) == 0.5
    assert trust(990) == pytest.approx(0.01)


def test_a_prior_of_each_kind_of_parameter() -> None:
    around = Prior(Expression("30"), 1.2, log=True)
    kinds = {
        "float": Parameter("x", Float(1.0, 100.0, log=True), prior=around),
        "int": Parameter("x", Int(1, 100), prior=around),
        "ordinal": Parameter("x", Ordinal((16, 32, 64)), prior=around),
        "bounded": Parameter("x", bounded("y", "10 * y"), prior=around),
        "choice": Parameter("x", Choice(("a", "b")), prior=Weights((("a", 1.0), ("b", 9.0)))),
    }
    seen = {}
    for kind, one in kinds.items():
        there = one.expected(0.5, {"y": 7.0})
        assert there is not None
        seen[kind] = one.value(there, {"y": 7.0})
    assert seen == {
        "float": pytest.approx(30.0),
        "int": 30,
        "ordinal": 32,
        "bounded": pytest.approx(30.0),
        "choice": "b",
    }
