"""The plan of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.errors import UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook, Verdict
from satisfice.domain.space.space import (
    Choice,
    Derived,
    Float,
    Int,
    Parameter,
    Params,
    Space,
    key_of,
)
from satisfice.domain.summary import decision_of_sweep
from satisfice.domain.sweep.notation import Swept, read_swept
from satisfice.domain.sweep.plan import (
    Excluded,
    Sweep,
    SweepRequest,
    configuration,
    grid,
    make_plan,
    refuse_absent,
)

SPACE = Space(
    (
        Parameter("channels", Int(4, 128), None, 8),
        Parameter("groups", Int(1, 16), None, 1),
        Parameter("optimizer", Choice(("sgd", "adamw")), None, "adamw"),
        Parameter("momentum", Float(0.0, 0.99), Expression("optimizer == 'sgd'"), 0.9),
    )
)
RULES = RuleBook(
    (
        Rule("divides", Expression("channels % groups == 0")),
        Rule("narrow", Expression("channels <= 16")),
    )
)


def judge(params: Params) -> Verdict:
    return RULES.judge(params, {})


def asked(*texts: str) -> Sequence[Swept]:
    return read_swept(texts, SPACE, drawn=False)


def test_a_grid_is_the_product_with_defaults_for_the_rest() -> None:
    found = list(grid(SPACE, asked("channels=8,16", "groups=1,2")))
    assert [(one["channels"], one["groups"]) for one in found] == [(8, 1), (8, 2), (16, 1), (16, 2)]
    assert all(one["optimizer"] == "adamw" and "momentum" not in one for one in found)


def test_what_the_rules_forbid_is_counted_for_each_rule_with_an_example() -> None:
    plan = make_plan(grid(SPACE, asked("channels=8,16,32", "groups=2,3")), judge)
    assert [(one["channels"], one["groups"]) for one in plan.points] == [(8, 2), (16, 2)]
    assert (plan.combinations, plan.same, plan.turned_away) == (6, 0, 4)
    at_8 = {"channels": 8, "groups": 3, "optimizer": "adamw"}
    at_32 = {"channels": 32, "groups": 2, "optimizer": "adamw"}
    assert plan.excluded == {"divides": Excluded(3, at_8), "narrow": Excluded(2, at_32)}


def test_combinations_that_differ_in_an_absent_parameter_alone_are_one_trial() -> None:
    plan = make_plan(grid(SPACE, asked("optimizer=sgd,adamw", "momentum=0,0.5,0.9")), judge)
    assert [one.get("momentum") for one in plan.points] == [0.0, 0.5, 0.9, None]
    assert (plan.combinations, plan.same) == (6, 2)


def test_a_plan_has_no_more_points_than_are_wanted() -> None:
    looked_at: list[Params] = []

    def counting(params: Params) -> Verdict:
        looked_at.append(params)
        return judge(params)

    plan = make_plan(grid(SPACE, asked("channels=8,9,10,11,12", "groups=1")), counting, most=2)
    assert [one["channels"] for one in plan.points] == [8, 9]
    assert len(looked_at) == plan.combinations == 2


def test_true_and_one_are_two_values() -> None:
    assert key_of({"a": True, "b": 2}) != key_of({"a": 1, "b": 2})
    assert key_of({"a": 1, "b": 2.0}) == key_of({"b": 2.0, "a": 1})


def test_an_active_parameter_needs_a_value() -> None:
    bare = Space((Parameter("a", Int(0, 9)), Parameter("b", Int(0, 9), Expression("a > 5"))))
    assert configuration(bare, {"a": 5}) == {"a": 5}
    with pytest.raises(UserError, match="b has no default, and the sweep gives it no value"):
        configuration(bare, {"a": 6})


def test_derived_parameters_follow_from_what_is_swept() -> None:
    space = Space(
        (Parameter("lr", Float(0.0, 1.0)), Parameter("decay", Derived(Expression("lr / 4"))))
    )
    found = list(grid(space, read_swept(["lr=0.5,1"], space, drawn=False)))
    assert found == [{"lr": 0.5, "decay": 0.125}, {"lr": 1.0, "decay": 0.25}]


def test_a_grid_without_end_is_refused_before_it_is_built() -> None:
    texts = ["channels=4..128:100", "groups=1..16:16", "momentum=0..0.9:100"]
    with pytest.raises(UserError, match="has 160,000 combinations, and a grid has at most 10,0"):
        next(grid(SPACE, asked(*texts)))


def test_a_parameter_that_is_never_there_is_refused() -> None:
    swept = asked("momentum=0,0.5", "groups=1")
    with pytest.raises(UserError, match="momentum is in none of the configurations") as mistake:
        refuse_absent(swept, SPACE, grid(SPACE, swept))
    assert "when optimizer == 'sgd'" in mistake.value.hint
    both = asked("momentum=0,0.5", "optimizer=adamw,sgd")
    refuse_absent(both, SPACE, grid(SPACE, both))


def test_a_sweep_says_what_its_decisions_would_have_meant() -> None:
    sweep = Sweep(SweepRequest(("groups=1,2", "channels=8"), random=3, confirm=True), ({}, {}, {}))
    go_on = DecisionRecord("search", 1, Decision.to_continue("one more pays", next_gain=2.0), 0.0)
    stop = DecisionRecord("search", 2, Decision.to_stop("no more pays"), 0.0)

    first = decision_of_sweep(sweep, go_on.decision, [go_on], 1)
    assert first.reason.startswith(
        "1 of 3 planned configurations were trained; a search would continue"
    )
    assert first.reason.endswith("one more pays")
    assert first.evidence == {"next_gain": 2.0}
    last = decision_of_sweep(sweep, go_on.decision, [go_on, stop, go_on], 3)
    assert "a search would have stopped after 2 trials: no more pays" in last.reason
    assert str(sweep.request) == "groups=1,2 channels=8 --random 3 --confirm"
    assert sweep.request.names == ("groups", "channels")
