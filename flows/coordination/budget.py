"""What a search may still spend: reserved when an order is given, settled when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from satisfice.domain.decisions.forecast import expected_cost, expected_left
from satisfice.domain.economics.cost import NO_LIMIT, Budget, Cost, Ledger
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History
from satisfice.domain.trials.reservation import dearest_second, reservation, search_share
from satisfice.flows.coordination.clock import SearchClock


@dataclass
class BudgetTracker:
    """Tracks the budget of one search.

    Attributes:
        study: The specification.
        clock: The wall clock of the search.
        ledger: What is spent and reserved.
        usual: How many seconds a trial takes in earlier searches; None where nothing is known.
    """

    study: Study
    clock: SearchClock
    ledger: Ledger
    usual: float | None

    @property
    def for_search(self) -> Budget:
        """The limits of the search, without the share that is kept for confirmation."""
        return search_share(self.study.budget, self.study.confirming.share)

    @property
    def for_repeats(self) -> Budget:
        """The limits of repeated trainings, which do not count as trials."""
        return replace(self.study.budget, trials=None)

    def now(self) -> Ledger:
        """Return the ledger with the time that has passed."""
        return self.ledger.at(self.clock.elapsed())

    def reserve(self, number: int, cost: Cost) -> None:
        """Reserve the most that a trial may cost."""
        self.ledger = self.ledger.reserve(number, cost)

    def settle(self, number: int, cost: Cost, counts: bool = True) -> None:
        """Replace a reservation by what the trial cost; see `Ledger.settle`."""
        self.ledger = self.ledger.settle(number, cost, counts)

    def release(self, number: int) -> None:
        """Cancel a reservation."""
        self.ledger = self.ledger.release(number)

    def expected_left(self, history: History) -> Budget:
        """Return what is left for the search once the orders in flight have cost what is expected.

        Args:
            history: The finished trials.
        """
        return expected_left(replace(self.now(), budget=self.for_search), history)

    def affordable(
        self,
        budget: Budget,
        history: History,
        free: int,
        share: Budget = NO_LIMIT,
        expected: float | None = None,
    ) -> Cost | None:
        """Return the most that one more order may cost; None where no more is affordable.

        Args:
            budget: The limits of everything together.
            history: The finished trials.
            free: Workers without an order.
            share: The limits of this order alone.
            expected: How long it will take, in seconds; None: as long as other trials.
        """
        if expected is None:
            expected = expected_cost(history).seconds if history.trials else self.usual
        left = replace(self.now(), budget=budget).left().within(share)
        watts = self.study.resources.watts_per_core * self.study.resources.threads
        rate = dearest_second(history, self.study.prices, watts)
        longest = max((one.cost.seconds for one in history.complete), default=0.0)
        return reservation(left, rate, expected, free, longest)
