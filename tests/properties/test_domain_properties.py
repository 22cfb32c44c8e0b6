"""Properties of worth, costs and the space, for arbitrary input."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.types import Value
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Space

# --- worth

metrics = st.floats(-1e6, 1e6)
shares = st.floats(0, 1)
directions = st.sampled_from(Direction)
worths = st.builds(
    Worth, st.floats(1e-3, 1e3), st.sampled_from(Per), st.none() | st.floats(0.5, 0.999)
)


def better(direction: Direction, one: float, other: float) -> bool:
    return direction.sign * (other - one) > 0


@given(worths, directions, shares, shares)
def test_a_gain_is_worth_something_and_a_loss_nothing(
    worth: Worth, direction: Direction, before: float, after: float
) -> None:
    gained = worth.of(before, after, direction)
    assert gained >= 0
    assert math.isfinite(gained)
    if not better(direction, before, after):
        assert gained == 0


@given(worths, directions, shares, shares, shares)
def test_a_larger_gain_is_worth_no_less(
    worth: Worth, direction: Direction, before: float, near: float, far: float
) -> None:
    if better(direction, far, near):
        near, far = far, near
    assert worth.of(before, near, direction) <= worth.of(before, far, direction)
    assert worth.of(near, before, direction) >= worth.of(far, before, direction)


@given(worths, directions, st.tuples(shares, shares, shares))
def test_two_steps_are_worth_as_much_as_one_over_both(
    worth: Worth, direction: Direction, values: tuple[float, float, float]
) -> None:
    low, middle, high = sorted(values, key=lambda value: direction.sign * value)
    steps = worth.of(low, middle, direction) + worth.of(middle, high, direction)
    assert steps == pytest.approx(worth.of(low, high, direction), rel=1e-6, abs=1e-6 * worth.money)


@given(metrics, metrics, directions, st.floats(1e-3, 1e3))
def test_worth_is_proportional_to_its_price(
    before: float, after: float, direction: Direction, factor: float
) -> None:
    one = Worth(1.0, Per.UNIT).of(before, after, direction)
    assert Worth(factor, Per.UNIT).of(before, after, direction) == pytest.approx(one * factor)


# --- costs

amounts = st.floats(0, 1e6)
costs = st.builds(Cost, amounts, amounts, amounts, amounts, st.sampled_from(EnergyMode))
limits = st.none() | amounts
budgets = st.builds(Budget, st.none() | st.integers(0, 20), limits, limits, limits)
prices = st.builds(Prices, st.just("EUR"), amounts, amounts, st.floats(0, 2), amounts)


@given(prices, amounts, amounts, st.floats(0, 100))
def test_prices_are_linear(prices: Prices, seconds: float, kwh: float, factor: float) -> None:
    mode = EnergyMode.MEASURED
    one, both = prices.of(seconds, kwh, mode), prices.of(seconds * factor, kwh * factor, mode)
    parts = prices.of(seconds, 0, mode) + prices.of(0, kwh, mode)
    assert both.money == pytest.approx((one * factor).money)
    assert both.kgco2e == pytest.approx((one * factor).kgco2e)
    assert (parts.money, parts.kgco2e) == pytest.approx((one.money, one.kgco2e))


@given(budgets, st.lists(st.tuples(costs, costs), max_size=8), st.data())
def test_the_ledger_is_right_in_any_order_of_trials(
    budget: Budget, trials: list[tuple[Cost, Cost]], data: st.DataObject
) -> None:
    ledger = Ledger(budget)
    settled: list[Cost] = []
    todo, running = list(range(len(trials))), list[int]()
    while todo or running:
        if todo and (not running or data.draw(st.booleans())):
            number = todo.pop()
            ledger = ledger.reserve(number, trials[number][0])
            running.append(number)
        else:
            number = running.pop(data.draw(st.integers(0, len(running) - 1)))
            ledger = ledger.settle(number, trials[number][1])
            settled.append(trials[number][1])
        in_flight = [trials[number][0].money for number in running]
        assert ledger.promised.money == pytest.approx(sum(in_flight))
        assert ledger.spent.money == pytest.approx(sum(cost.money for cost in settled))
        left = ledger.left()
        for limit, rest in zip(
            (budget.trials, budget.seconds, budget.kwh, budget.money),
            (left.trials, left.seconds, left.kwh, left.money),
            strict=True,
        ):
            assert (limit is None) == (rest is None)
            assert rest is None or limit is None or 0 <= rest <= limit
    assert ledger.trials == len(trials)
    assert ledger.reserved == ()
    assert ledger.spent.kwh == pytest.approx(sum(cost.kwh for _, cost in trials))


# --- the space


@st.composite
def domains(draw: st.DrawFn) -> Float | Int | Choice:
    low = draw(st.integers(1, 50))
    high = low + draw(st.integers(1, 50))
    return draw(
        st.sampled_from(
            [
                Float(low / 10, high / 10, log=True),
                Float(-low, high),
                Int(low, high, step=draw(st.integers(1, 5))),
                Int(low, high, log=True),
                Choice(("a", "b")),
                Choice((True, 1, 1.5, "a")),
            ]
        )
    )


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    parameters: list[Parameter] = []
    for at in range(draw(st.integers(1, 6))):
        domain = draw(domains())
        when = None
        if parameters and draw(st.booleans()):
            above = draw(st.sampled_from(parameters)).name
            test = draw(st.sampled_from(["{0} == 'a'", "{0} != 1", "{0} > 2", "1 / ({0} - 1) > 0"]))
            when = Expression(test.format(above))
        default = draw(st.none() | values(domain))
        parameters.append(Parameter(f"p{at}", domain, when, default))
    return Space(tuple(parameters))


def values(domain: Float | Int | Choice) -> st.SearchStrategy[Value]:
    if isinstance(domain, Choice):
        return st.sampled_from(domain.choices)
    if isinstance(domain, Float):
        return st.floats(domain.low, domain.high)
    return st.sampled_from(range(domain.low, domain.high + 1, domain.step))


@st.composite
def configurations(draw: st.DrawFn) -> tuple[Space, dict[str, Value]]:
    space = draw(spaces())
    return space, {one.name: draw(values(one.domain)) for one in space.parameters}


@given(configurations())
def test_a_configuration_drawn_from_the_space_lies_in_it(
    drawn: tuple[Space, dict[str, Value]],
) -> None:
    space, params = drawn
    active = space.configuration(params)
    assert space.outside(active) == ()
    assert space.configuration({**params, **active}) == active
    assert active.items() <= params.items()


@given(configurations(), st.data())
def test_parameters_that_do_not_fit_are_named(
    drawn: tuple[Space, dict[str, Value]], data: st.DataObject
) -> None:
    space, params = drawn
    active = space.configuration(params)
    name = data.draw(st.sampled_from(sorted(active)))
    assert name in space.outside({key: one for key, one in active.items() if key != name})
    assert name in space.outside({**active, name: "no value of any domain"})
    assert "stranger" in space.outside({**active, "stranger": 1})
    for absent in params.keys() - active.keys():
        assert absent in space.outside({**active, absent: params[absent]})


@given(spaces())
def test_defaults_are_a_configuration_of_the_space(space: Space) -> None:
    defaults = space.defaults()
    assert defaults is None or space.outside(defaults) == ()
