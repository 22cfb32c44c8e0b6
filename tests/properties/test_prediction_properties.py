"""Properties of forecasts, for arbitrary searches in any order."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.prediction.model import Observation, learn
from satisfice.domain.rules.predicted import LEARNT, MEMORY, Forecast, counted_for
from satisfice.domain.rules.rule import ENOUGH, Rule, RuleBook
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Space

SPACE = Space(
    (
        Parameter("width", Int(1, 1000, log=True)),
        Parameter("rate", Float(0.0, 1.0)),
        Parameter("one", Int(4, 4)),  # a constant column
        Parameter("kind", Choice(("a", "b", True, 3))),
    )
)

sizes_of = st.floats(0.0, 1e12, allow_subnormal=False)
params = st.fixed_dictionaries(
    {"width": st.integers(1, 1000), "one": st.just(4)},
    optional={
        "rate": st.floats(0.0, 1.0, allow_subnormal=False),
        "kind": st.sampled_from(("a", "b", True, 3)),
    },
)


@st.composite
def observations(draw: st.DrawFn, name: str) -> Observation:
    sizes = {one: draw(sizes_of) for one in counted_for([name])}
    value = math.exp(draw(st.floats(-20, 30)))
    return Observation(draw(params), sizes, value, draw(st.booleans()))


@given(st.data(), st.sampled_from(LEARNT))
@settings(max_examples=150, deadline=None)
def test_a_forecast_is_always_finite_with_an_error(data: st.DataObject, name: str) -> None:
    seen = data.draw(st.lists(observations(name), max_size=12))
    asked = data.draw(observations(name))
    said = learn(name, SPACE, seen).forecast(asked.params, asked.sizes)
    assert 0 < said.at(0.05) < said.median < said.at(0.95) < math.inf
    assert said.trials == len(seen)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_order_of_trials_does_not_matter(seed: int, count: int) -> None:
    chance = random.Random(seed)
    seen = [sensible(chance) for _ in range(count)]
    asked = sensible(chance)
    shuffled = list(seen)
    chance.shuffle(shuffled)
    one, other = (
        learn(MEMORY, SPACE, given).forecast(asked.params, asked.sizes)
        for given in (seen, shuffled)
    )
    assert other.median == pytest.approx(one.median, rel=1e-6)
    assert other.spread == pytest.approx(one.spread, rel=1e-6)


def sensible(chance: random.Random, noise: float = 0.3) -> Observation:
    """A noisy trial on a machine for which the prior is right."""
    width = round(math.exp(chance.uniform(0, math.log(1000))))
    chosen = {"width": width, "rate": chance.random(), "one": 4, "kind": chance.choice("ab")}
    sizes = {
        "predicted.size_bytes": 4.0 * width**2,
        "activation_bytes": 4000.0 * width,
        "largest_bytes": 900.0 * width,
    }
    needed = 4 + (16 * width**2 + 64 * 4000 * width + 256 * 900 * width) / 2**20
    return Observation(chosen, sizes, needed * math.exp(chance.gauss(0, noise)))


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_the_unit_of_a_parameter_does_not_matter(seed: int, unit: float) -> None:
    chance = random.Random(seed)
    seen = [sensible(chance) for _ in range(6)]
    asked = sensible(chance)
    scaled_space = Space(
        tuple(
            replace(one, domain=Float(0.0, unit)) if one.name == "rate" else one
            for one in SPACE.parameters
        )
    )

    def scaled(one: Observation) -> Observation:
        rate: Any = one.params["rate"]
        return replace(one, params={**one.params, "rate": rate * unit})

    plain = learn(MEMORY, SPACE, seen).forecast(asked.params, asked.sizes)
    other = learn(MEMORY, scaled_space, map(scaled, seen)).forecast(
        scaled(asked).params, asked.sizes
    )
    assert other.median == pytest.approx(plain.median, rel=1e-6)
    assert other.spread == pytest.approx(plain.spread, rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_the_unit_of_the_quantity_does_not_matter(seed: int, unit: float) -> None:
    chance = random.Random(seed)
    seen = [sensible(chance) for _ in range(6)]
    asked = sensible(chance)
    plain = learn(MEMORY, SPACE, seen).forecast(asked.params, asked.sizes)
    scaled = [replace(one, value=one.value * unit) for one in seen]
    other = learn(MEMORY, SPACE, scaled, rate=unit).forecast(asked.params, asked.sizes)
    assert other.median == pytest.approx(plain.median * unit, rel=1e-6)
    assert other.spread == pytest.approx(plain.spread, rel=1e-6)


def test_intervals_cover_and_shrink_with_evidence() -> None:
    chance = random.Random(4)
    covered: dict[int, list[bool]] = {}
    widths: dict[int, list[float]] = {}
    for _ in range(60):
        seen = [sensible(chance) for _ in range(30)]
        asked = [sensible(chance) for _ in range(10)]
        for trials in (0, 1, 2, 5, 10, 30):
            model = learn(MEMORY, SPACE, seen[:trials])
            for one in asked:
                said = model.forecast(one.params, one.sizes)
                inside = said.at(0.05) <= one.value <= said.at(0.95)
                covered.setdefault(trials, []).append(inside)
                widths.setdefault(trials, []).append(math.log(said.at(0.95) / said.at(0.05)))
    shares = {trials: np.mean(inside) for trials, inside in covered.items()}
    assert min(shares.values()) > 0.87
    assert shares[30] < 0.97  # nor does it hide behind a wide one
    middles = [float(np.median(one)) for one in widths.values()]
    assert middles == sorted(middles, reverse=True)
    assert middles[-1] < middles[0] / 3


@given(
    st.floats(0.1, 10.0),
    st.floats(0.01, 1.0),
    st.integers(1, 40),
    st.floats(0.5, 0.999),
    st.sampled_from(("<=", ">=", "<", ">")),
)
def test_more_confidence_never_allows_more(
    median: float, spread: float, trials: int, confidence: float, sign: str
) -> None:
    said = {MEMORY: Forecast(median, spread, 4.0 + trials, trials)}
    condition = Expression(f"predicted.memory_mb {sign} 1")
    plain, asking, strict = (
        RuleBook((Rule("fits", condition, confidence=one),)).allow({}, said)
        for one in (None, confidence, 0.9999)
    )
    assert plain >= asking >= strict
    if trials < ENOUGH:
        assert plain == asking == strict


@given(st.floats(0.01, 100.0), st.floats(0.01, 1.0), st.integers(0, 9), st.booleans())
def test_allow_and_judge_agree(median: float, spread: float, trials: int, asking: bool) -> None:
    said = {MEMORY: Forecast(median, spread, 4.0 + trials, trials), "predicted.macs": 3.0}
    require = Expression("0.1 <= predicted.memory_mb <= predicted.macs or x == 2")
    book = RuleBook((Rule("fits", require, confidence=0.9 if asking else None),))
    for x in (1, 2):
        assert book.allow({"x": x}, said) == book.judge({"x": x}, said).allowed
