"""All that a decision may look at."""

from __future__ import annotations

from dataclasses import dataclass

from domain.cost import Budget, Cost, Prices
from domain.history import History
from domain.space import Params, Space
from domain.worth import Worth


@dataclass(frozen=True, slots=True)
class Pending:
    """An order in flight.

    Attributes:
        number: The trial's number.
        params: Its parameters.
        reserved: The cost that was promised to it.
    """

    number: int
    params: Params
    reserved: Cost


@dataclass(frozen=True, slots=True)
class Offer:
    """What the configuration that would be trained next is expected to bring and to cost.

    Attributes:
        gain: What it is expected to be worth, in money.
        cost: What it is expected to take, in money.
    """

    gain: float
    cost: float

    @property
    def pays(self) -> bool:
        """Whether it is expected to bring more than it takes."""
        return self.gain > self.cost


@dataclass(frozen=True, slots=True)
class Situation:
    """The frozen state of a search at the moment of a decision.

    Attributes:
        history: The finished trials; it knows which way the metric gets better.
        worth: What a gain is worth.
        prices: What resources cost.
        left: What of the budget is neither spent nor expected to be taken by the orders in flight,
            confirmation's share taken off.
        pending: The orders in flight.
        workers: Number of trials that may run at the same time.
        space: The search space; None where a plain Optuna study does not state one.
        offer: What a model of the space expects of the next configuration; None where none was
            asked.
    """

    history: History
    worth: Worth
    prices: Prices
    left: Budget = Budget()
    pending: tuple[Pending, ...] = ()
    workers: int = 1
    space: Space | None = None
    offer: Offer | None = None
