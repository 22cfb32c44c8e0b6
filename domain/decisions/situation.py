"""All that a decision depends on."""

from __future__ import annotations

from dataclasses import dataclass

from satisfice.domain.economics.cost import NO_LIMIT, Budget, Cost, Prices
from satisfice.domain.economics.worth import Worth
from satisfice.domain.space.space import Params, Space
from satisfice.domain.trials.history import History


@dataclass(frozen=True, slots=True)
class Pending:
    """A running trial.

    Attributes:
        number: The trial's number.
        params: Its parameters.
        reserved: The cost reserved for it.
        elapsed: Seconds that it has run so far, without pauses; 0 if unknown.
    """

    number: int
    params: Params
    reserved: Cost
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class NextTrialEstimate:
    """What a model of the space expects of the next configuration.

    Attributes:
        gain: Its expected gain, in money; 0 if repeating a known configuration would be the better
            buy, as confirmation does that after the search.
        cost: Its expected cost, in money.
        least: Informative trials that the model needs before it can end a search.
    """

    gain: float
    cost: float
    least: int = 0


@dataclass(frozen=True, slots=True)
class Situation:
    """The state of a search at the time of a decision.

    Attributes:
        history: The finished trials; it knows which way the metric gets better.
        worth: What a gain is worth.
        prices: What resources cost.
        left: The budget less what is spent, what running trials are expected to take, and the share
            of confirmation.
        pending: The running trials.
        workers: Number of trials that may run at the same time.
        space: The search space; None for a plain Optuna study without one.
        offer: The estimate of the next trial; None without a model.
    """

    history: History
    worth: Worth
    prices: Prices
    left: Budget = NO_LIMIT
    pending: tuple[Pending, ...] = ()
    workers: int = 1
    space: Space | None = None
    offer: NextTrialEstimate | None = None
