"""A whole search of ours on a table: proposals, deadlines, the stop, leaders trained again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import optuna
from optuna.trial import FrozenTrial, create_trial

from benchmarks.rules.engine import predicts_nothing
from benchmarks.stopping.fit import taught
from benchmarks.stopping.policies import LEAST
from benchmarks.stopping.tables import Table
from benchmarks.stopping.traces import LENGTH
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.cost import EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.space.space import Choice, Int, Parameter, Params, Space
from satisfice.domain.trials.history import Failure, History, Purpose, TrialRecord, TrialState
from satisfice.tasks.sampling.priced import Terms, leaders
from satisfice.tasks.sampling.proposer import Proposal, Proposer
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.trial_records import (
    BEGUN,
    RESULT,
    for_optuna,
    write_begun,
    write_result,
)

PATIENCE = 3.0  # times what a trial was expected to take, it is ended
_REPEATS = 30  # at most


@dataclass(frozen=True)
class Ended:
    """How a search ended, as the protocol counts it.

    Attributes:
        success: Where the winner truly lies: 0 the median configuration, 1 the best there is.
        spent: What was spent; 1 is 200 trainings at the usual price.
        trials: How many trials there were.
    """

    success: float
    spent: float
    trials: int

    def utility(self, rate: float) -> float:
        """Return what was gained less what it cost."""
        return self.success - rate * self.spent


class Search:
    """A search at an exchange rate, on the scales of a user (`benchmarks.stopping.policies.offer`).

    Args:
        task: The table.
        seed: The search's seed.
        rate: Lambda of the protocol.
        overhead: Seconds that are charged for each trial besides its training.
    """

    def __init__(self, task: Table, seed: int, rate: float, overhead: float) -> None:
        self._task, self._overhead = task, overhead
        # What the stop was taught, it was not taught by this family.
        self._policy = StoppingPolicy(LEAST, constants=taught(task.family))
        self._random = np.random.default_rng([seed, *task.name.encode(), int(1000 * rate)])
        self._metric, money = np.exp(self._random.uniform(-7, 7, 2))
        self._usual = LENGTH * (task.usual_seconds + overhead)
        self._prices = Prices("EUR", hour=3600.0 * rate * money / self._usual)
        worth = Worth(money / (task.gap * self._metric), Per.UNIT)
        self._situation = Situation(History((), Direction.MAXIMIZE), worth, self._prices)
        self._space = space_of(task)
        self._terms = Terms(worth, Direction.MAXIMIZE)
        self._study = optuna.create_study(direction="maximize")
        self._proposer = Proposer(
            self._study, self._space, RuleBook(), predicts_nothing, seed, terms=self._terms
        )
        self._records: list[TrialRecord] = []
        self._seen: dict[int, set[int]] = {}

    def run(self) -> tuple[Ended, Ended]:
        """Search, and train leaders again; return how it stood before these and after them."""
        proposal = self._proposer.propose()
        while True:
            self._train(proposal)
            proposal = self._proposer.propose()
            if len(self._records) >= LENGTH or self._stops(proposal):
                break
        best = History(tuple(self._records), Direction.MAXIMIZE).best
        before = self._ended(0 if best is None else best.number)
        while (again := self._again()) is not None:
            self._repeat(again)
        return before, self._ended(self._leaders()[0])

    def _stops(self, proposal: Proposal) -> bool:
        if len(self._records) < LEAST:
            return False
        history = History(tuple(self._records), Direction.MAXIMIZE)
        situation = replace(self._situation, history=history)
        if not decide(situation, self._policy).stop:
            return False
        return decide(replace(situation, offer=proposal.offer), self._policy).stop

    def _train(self, proposal: Proposal) -> None:
        row = self._row(proposal.params)
        known = np.flatnonzero(~np.isnan(self._task.values[row]))
        limit = np.inf
        if proposal.offer is not None:
            limit = PATIENCE * proposal.offer.cost / self._prices.hour * 3600
        self._tell(row, int(self._random.choice(known)), limit)

    def _tell(self, row: int, one: int, limit: float = np.inf) -> None:
        number = len(self._records)
        seconds = float(self._task.seconds[row, one]) + self._overhead
        ends = seconds <= limit
        self._seen.setdefault(row, set()).add(one)
        places = np.unravel_index(row, self._task.shape)
        params = {f"p{at}": int(place) for at, place in enumerate(places)}
        record = TrialRecord(
            number,
            params,
            TrialState.COMPLETE if ends else TrialState.FAILED,
            float(self._task.values[row, one]) * self._metric if ends else None,
            cost=self._prices.of(min(seconds, limit), 0.0, EnergyMode.UNKNOWN),
            seed=number,
            failure=None if ends else Failure.OVERRAN,
        )
        self._records.append(record)
        self._study.add_trial(self._frozen(record))

    def _frozen(self, record: TrialRecord) -> FrozenTrial:
        state, value, _ = for_optuna(record)
        verdict = RuleBook().judge(record.params, {})
        begun = write_begun(record.params, record.seed, Purpose.SEARCH, verdict)
        return create_trial(
            state=state,
            value=value,
            params=dict(record.params),
            distributions=distributions(self._space, record.params),
            user_attrs={BEGUN: begun, RESULT: write_result(record)},
        )

    def _again(self) -> int | None:
        """Return the row of the leader that is worth training again; None where none is."""
        if len(self._records) >= LENGTH + _REPEATS:
            return None
        ranked = leaders(self._study.get_trials(deepcopy=False), self._space, self._terms)
        worthwhile = [
            one for one in ranked if one.offer.gain > one.offer.cost and self._fresh(one.number)
        ]
        best = max(worthwhile, key=lambda one: one.offer.gain - one.offer.cost, default=None)
        return None if best is None else self._row(self._records[best.number].params)

    def _leaders(self) -> list[int]:
        trials = self._study.get_trials(deepcopy=False)
        return [one.number for one in leaders(trials, self._space, self._terms)] or [0]

    def _fresh(self, number: int) -> list[int]:
        row = self._row(self._records[number].params)
        known = np.flatnonzero(~np.isnan(self._task.values[row]))
        return [int(one) for one in known if one not in self._seen[row]]

    def _repeat(self, row: int) -> None:
        first = next(one.number for one in self._records if self._row(one.params) == row)
        self._tell(row, int(self._random.choice(self._fresh(first))))

    def _row(self, params: Params) -> int:
        return self._task.row(tuple(int(place) for place in params.values()))

    def _ended(self, number: int) -> Ended:
        task = self._task
        reached = float(task.means[self._row(self._records[number].params)] - np.median(task.means))
        seconds = sum(one.cost.seconds for one in self._records)
        return Ended(max(reached / task.gap, 0.0), seconds / self._usual, len(self._records))


def space_of(task: Table) -> Space:
    """Return a table's grid as a space."""
    return Space(
        tuple(
            Parameter(f"p{at}", Choice(tuple(range(size))) if words else Int(0, size - 1))
            for at, (size, words) in enumerate(zip(task.shape, task.words, strict=True))
        )
    )
