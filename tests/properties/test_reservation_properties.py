"""Parallel workers never overspend a budget together, whatever trials cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import event, given
from hypothesis import strategies as st

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Ledger, Prices
from satisfice.domain.trials.reservation import reservation

amounts = st.floats(0.01, 1e4)


@dataclass(frozen=True)
class Machine:
    """The cost of a second of training, and the durations of epochs."""

    prices: Prices
    watts: float
    epoch: float

    def cost(self, seconds: float) -> Cost:
        return self.prices.of(seconds, seconds * self.watts / 3.6e6, EnergyMode.ESTIMATED)

    def trained(self, wanted: float, deadline: float) -> Cost:
        """A training that wants to take so long: no epoch of it begins after its deadline."""
        epochs = max(math.ceil(min(wanted, deadline) / self.epoch), 1)
        return self.cost(epochs * self.epoch)


machines = st.builds(
    Machine,
    st.builds(
        Prices,
        st.just("EUR"),
        hour=st.floats(0.1, 100.0),
        kwh=st.floats(0.0, 10.0),
        kgco2e=st.floats(0.0, 10.0),
    ),
    watts=st.floats(1.0, 1000.0),
    epoch=st.floats(0.01, 100.0),
)
budgets = st.builds(
    Budget,
    trials=st.none() | st.integers(0, 30),
    money=st.none() | amounts,
    kwh=st.none() | st.floats(1e-6, 1.0),
).filter(lambda one: any(limit is not None for limit in (one.trials, one.money, one.kwh)))


@given(machines, budgets, st.integers(1, 8), st.lists(st.floats(0.001, 1e5), min_size=1), st.data())
def test_a_budget_is_exceeded_by_running_epochs_at_most(
    machine: Machine, budget: Budget, workers: int, wanted: list[float], data: st.DataObject
) -> None:
    ledger, flying, expected = Ledger(budget), dict[int, float](), None
    rate = machine.cost(1.0)
    close = 1 + 1e-9  # as close as floating-point numbers come
    for number in range(40):
        free = workers - len(flying)
        cost = reservation(ledger.left(), rate, expected, free) if free else None
        if cost is not None:
            assert cost.seconds > 0
            left = ledger.left()
            assert left.money is None or cost.money <= left.money * close
            assert left.kwh is None or cost.kwh <= left.kwh * close
            ledger = ledger.reserve(number, cost)
            flying[number] = cost.seconds
        elif not flying:
            event("the budget is spent")
            break
        if flying and (cost is None or data.draw(st.booleans())):
            ended = data.draw(st.sampled_from(sorted(flying)))
            taken = machine.trained(wanted[ended % len(wanted)], flying.pop(ended))
            ledger = ledger.settle(ended, taken)
            expected = ledger.spent.seconds / ledger.trials
    for number, deadline in flying.items():
        ledger = ledger.settle(number, machine.trained(1e9, min(deadline, 1e6)))
    over = machine.cost(workers * machine.epoch)
    assert budget.trials is None or ledger.trials <= budget.trials
    assert budget.money is None or ledger.spent.money <= (budget.money + over.money) * close
    assert budget.kwh is None or ledger.spent.kwh <= (budget.kwh + over.kwh) * close
