"""A plan contains exactly the allowed configurations, each once, for arbitrary sweeps."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook, Verdict
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space, key_of
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.sweep.plan import SweepRequest, make_plan
from satisfice.domain.sweep.points import configurations, refuse_invalid

SPACE = Space(
    (
        Parameter("a", Int(0, 30), None, 3),
        Parameter("b", Int(2, 62, step=5), None, 7),
        Parameter("kind", Choice(("u", "v", True)), None, "u"),
        Parameter("c", Float(0.1, 10.0, log=True), Expression("kind == 'v'"), 1.0),
        Parameter("d", Float(-1.0, 1.0), Expression("a % 2 == 1"), 0.0),
    )
)


def study_of(limit: int, rest: int, seed: int = 0) -> Study:
    rules = (
        Rule("sum", Expression(f"a + b <= {limit}")),
        Rule("rest", Expression(f"b % 3 != {rest}")),
        Rule("both", Expression("c < 5 or d > 0")),
    )
    return Study(
        name="s",
        folder="/s",
        problem="problem.py",
        data=DataSource("none"),
        objective=Objective("score", Direction.MAXIMIZE),
        worth=Worth(1.0),
        prices=Prices(),
        budget=Budget(),
        space=SPACE,
        rules=RuleBook(rules),
        seed=seed,
    )


def permitted(params: Params, limit: int, rest: int) -> bool:
    """Judge as `study_of` does, in plain Python."""
    if int(params["a"]) + int(params["b"]) > limit or int(params["b"]) % 3 == rest:
        return False
    if "c" in params and "d" in params:
        return float(params["c"]) < 5 or float(params["d"]) > 0
    return True


lists = {
    "a": st.lists(st.integers(0, 30), min_size=1, max_size=5),
    "b": st.lists(st.sampled_from(range(2, 63, 5)), min_size=1, max_size=5),
    "kind": st.lists(st.sampled_from(["u", "v", "true"]), min_size=1, max_size=4),
    "c": st.lists(st.sampled_from([0.1, 0.5, 7.5, 10.0]), min_size=1, max_size=4),
    "d": st.lists(st.sampled_from([-1.0, 0.0, 0.25]), min_size=1, max_size=3),
}
swept = st.sets(st.sampled_from(sorted(lists)), min_size=1).flatmap(
    lambda names: st.fixed_dictionaries({name: lists[name] for name in sorted(names)})
)
limits, rests = st.integers(2, 95), st.integers(0, 2)


def by_hand(values: dict[str, list[object]]) -> list[dict[str, object]]:
    """Return the configurations of a grid, each once, without any of the code under test."""
    usual = {"a": 3, "b": 7, "kind": "u", "c": 1.0, "d": 0.0}
    every = {name: values.get(name, [usual[name]]) for name in usual}
    found: list[dict[str, object]] = []
    for combination in product(*every.values()):
        one = dict(zip(every, combination, strict=True))
        one["kind"] = True if one["kind"] == "true" else one["kind"]
        if one["kind"] != "v":
            del one["c"]
        if int(str(one["a"])) % 2 == 0:
            del one["d"]
        one = {name: one[name] for name in ("a", "b", "kind", "c", "d") if name in one}
        if one not in found:
            found.append(one)
    return found


@settings(max_examples=150, deadline=None)
@given(swept, limits, rests)
def test_a_grid_contains_exactly_what_is_allowed_each_once(
    values: dict[str, list[object]], limit: int, rest: int
) -> None:
    study = study_of(limit, rest)
    texts = tuple(f"{name}={','.join(map(str, some))}" for name, some in values.items())
    request = SweepRequest(texts)
    expected = by_hand(values)
    try:
        refuse_invalid(study, request)
    except UserError:
        assert any(all(name not in one for one in expected) for name in values)
        return
    plan = make_plan(configurations(study, request), lambda one: study.rules.judge(one, {}))

    allowed = [one for one in expected if permitted(one, limit, rest)]
    assert sorted(map(repr, plan.points)) == sorted(map(repr, allowed))
    assert plan.turned_away + len(plan.points) == len(expected)
    assert plan.combinations - plan.same == len(expected)
    counts = [one.count for one in plan.excluded.values()]
    assert max(counts, default=0) <= plan.turned_away <= sum(counts)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(0, 2**70),
    st.lists(
        st.sampled_from(["a=0..30", "b=2,7,12", "kind=u,v,true", "d=-1..1", "a=0..30:4"]),
        min_size=1,
        unique_by=lambda text: text[0],
    ),
    limits,
    rests,
)
def test_drawn_points_are_allowed_new_and_the_same_for_the_same_seed(
    count: int, seed: int, texts: list[str], limit: int, rest: int
) -> None:
    study = study_of(limit, rest, seed)
    request = SweepRequest(tuple(texts), random=count)

    def judge(params: Params) -> Verdict:
        return study.rules.judge(params, {})

    plan = make_plan(configurations(study, request), judge, count)

    assert len(plan.points) <= count
    assert len({key_of(one) for one in plan.points}) == len(plan.points)
    for one in plan.points:
        assert study.space.outside(one) == ()
        assert permitted(one, limit, rest)
    assert make_plan(configurations(study, request), judge, count) == plan
    if len(plan.points) < count:  # then it has looked long enough to have found more
        assert plan.combinations == max(50 * count, 200)
