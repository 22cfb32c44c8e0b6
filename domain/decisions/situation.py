"""All that a decision may look at."""

from __future__ import annotations

from dataclasses import dataclass

from satisfice.domain.economics.cost import NO_LIMIT, Budget, Cost, Prices
from satisfice.domain.economics.worth import Worth
from satisfice.domain.space.space import Params, Space
from satisfice.domain.trials.history import History


@dataclass(frozen=True, slots=True)
class Pending:
    """An order in flight.

    Attributes:
        number: The trial's number.
        params: Its parameters.
        reserved: The cost that was promised to it.
        elapsed: Seconds that it has run so far, pauses not counted; 0 where nobody knows.
    """

    number: int
    params: Params
    reserved: Cost
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class NextTrialEstimate:
    """What a model of the space expects of the configuration that would be trained next.

    Attributes:
        gain: What it is expected to be worth, in money; 0 where another look at what was tried is
            the better buy, as that comes after the search.
        cost: What it is expected to take, in money.
        least: Trials that have to tell the model something before it is believed that nothing
            pays.
    """

    gain: float
    cost: float
    least: int = 0


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
        offer: What is expected of the next configuration; None where no model was asked.
    """

    history: History
    worth: Worth
    prices: Prices
    left: Budget = NO_LIMIT
    pending: tuple[Pending, ...] = ()
    workers: int = 1
    space: Space | None = None
    offer: NextTrialEstimate | None = None
