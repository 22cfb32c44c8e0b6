"""What a search may still spend: promised when an order is given, settled when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from satisfice.domain.decisions.forecast import expected_cost
from satisfice.domain.economics.cost import NO_LIMIT, Budget, Cost, Ledger
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History
from satisfice.domain.trials.reservation import dearest_second, reservation, search_share
from satisfice.flows.coordination.clock import SearchClock


@dataclass
class BudgetTracker:
    """The book of a search, by the limits of its study and by its clock.

    Attributes:
        study: The specification.
        clock: The wall clock of the search.
        ledger: What is spent and promised.
        usual: How many seconds a trial takes, as earlier searches say; None: nothing is known.
    """

    study: Study
    clock: SearchClock
    ledger: Ledger
    usual: float | None

    @property
    def for_search(self) -> Budget:
        """The limits of the search, without what is kept for the confirmation."""
        return search_share(self.study.budget, self.study.confirming.share)

    @property
    def for_repeats(self) -> Budget:
        """The limits of what is trained again, which is no new trial."""
        return replace(self.study.budget, trials=None)

    def now(self) -> Ledger:
        """Return the book as it stands, with the time that has passed."""
        return self.ledger.at(self.clock.elapsed())

    def promise(self, number: int, cost: Cost) -> None:
        """Promise the most that a trial may take."""
        self.ledger = self.ledger.reserve(number, cost)

    def settle(self, number: int, cost: Cost, counts: bool = True) -> None:
        """Replace a promise by what the trial took; see `Ledger.settle`."""
        self.ledger = self.ledger.settle(number, cost, counts)

    def release(self, number: int) -> None:
        """Take a promise back."""
        self.ledger = self.ledger.release(number)

    def expected_left(self, history: History) -> Budget:
        """Return what is left for the search once what runs has taken what is expected of it.

        A promise is the most that an order may take; a decision looks at what it will take.
        """
        expected = expected_cost(history)
        flying = tuple((number, expected) for number, _ in self.ledger.reserved)
        return replace(self.now(), budget=self.for_search, reserved=flying).left()

    def affordable(
        self,
        budget: Budget,
        history: History,
        free: int,
        share: Budget = NO_LIMIT,
        expected: float | None = None,
    ) -> Cost | None:
        """Return the most that one more order may take; None where no more is affordable.

        Args:
            budget: The limits for everything.
            history: The finished trials.
            free: Workers without an order.
            share: The limits for this order, beside what is left of the others.
            expected: How long it will take, in seconds; None: as long as other trials.
        """
        trials = history.trials
        if expected is None:
            expected = expected_cost(history).seconds if trials else self.usual
        left = replace(self.now(), budget=budget).left().within(share)
        watts = self.study.resources.watts_per_core * self.study.resources.threads
        rate = dearest_second(history, self.study.prices, watts)
        longest = max((one.cost.seconds for one in history.complete), default=0.0)
        return reservation(left, rate, expected, free, longest)
