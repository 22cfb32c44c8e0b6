"""The contestants: Optuna's pruners, asked as its users ask them, and our decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import optuna
from optuna import pruners
from optuna.trial import TrialState as OptunaState

from benchmarks.pruning.pools import Pool
from satisfice.domain.arrays import Floats, Indices
from satisfice.domain.decisions.noise import Scale
from satisfice.domain.decisions.pruning import decide
from satisfice.domain.economics.cost import EnergyMode, Prices
from satisfice.domain.economics.worth import Worth
from satisfice.domain.trials.history import CurvePoint, History, TrialRecord, TrialState
from satisfice.tasks.trial.pruning import snapshot_of, standing

USUAL = 200  # this many usual trainings cost the rate, where the way from median to best is worth 1
_SECOND = Prices("EUR", hour=3600.0)  # a second is one unit of money, and scaled like money


@dataclass(frozen=True)
class Search:
    """What a pruner may look at, trial after trial: values, money, and the worth of a unit.

    The scales of metric, money and worth differ from search to search by factors drawn at random,
    so that no rule can tell the rate, or how far the best training is away, from their sizes.

    Attributes:
        values: Shape (trials, epochs): the metric after each epoch.
        money: The same shape: what the trial had cost by then.
        worth: What a gain is worth.
        scale: Which way is better, and what the worth is linear in.
        seed: The search's seed.
    """

    values: Floats
    money: Floats
    worth: Worth
    scale: Scale
    seed: int


def search_of(pool: Pool, rows: Indices, rate: float, seed: int) -> Search:
    """Put a search over some trainings of a pool into a user's units, at an exchange rate.

    Args:
        pool: All trainings.
        rows: Which ones are drawn, in this order.
        rate: Lambda of the protocol.
        seed: The search's seed.
    """
    random = np.random.default_rng([seed, *pool.name.encode(), int(1000 * rate)])
    metric, money = np.exp(random.uniform(-5, 5, 2))
    price = rate * money / (USUAL * pool.usual_seconds)
    way = pool.scale.of(pool.scale.metric(np.array([0.0, pool.gap])) * metric)  # in their units
    worth = Worth(money / float(way[1] - way[0]), pool.scale.per)
    return Search(pool.values[rows] * metric, pool.seconds[rows] * price, worth, pool.scale, seed)


def ours(search: Search) -> list[int]:
    """Ask `domain.decisions.pruning.decide` after each epoch, with the recorded times.

    Optuna keeps no times of reports, so that `satisfice.PricedPruner` spreads a trial's time evenly
    over its epochs; apart from that it decides the same.
    """
    trials: tuple[TrialRecord, ...] = ()
    trained = []
    for values, money in zip(search.values.tolist(), search.money.tolist(), strict=True):
        history = History(trials, search.scale.direction)
        snapshot = snapshot_of(history, search.worth, _SECOND)
        curve: tuple[CurvePoint, ...] = ()
        state = TrialState.COMPLETE
        for epoch, (value, spent) in enumerate(zip(values, money, strict=True), 1):
            if not math.isfinite(value):
                state = TrialState.FAILED
                break
            curve = (*curve, CurvePoint(epoch, value, spent))
            if decide(standing(snapshot, curve, len(values), spent / epoch)).stop:
                state = TrialState.PRUNED
                break
        cost = _SECOND.of(money[epoch - 1], 0.0, EnergyMode.UNKNOWN)
        end = value if state is TrialState.COMPLETE else None
        record = TrialRecord(len(trials), {}, state, end, curve, cost, seed=len(trials))
        trials = (*trials, record)
        trained.append(epoch)
    return trained


def with_optuna(make: Callable[[int], pruners.BasePruner], search: Search) -> list[int]:
    """Ask one of Optuna's pruners after each epoch but the last, where nothing is left to save."""
    study = optuna.create_study(
        study_name=str(search.seed),  # Hyperband deals trials out to its brackets by this name
        direction=search.scale.direction.value,
        pruner=make(search.values.shape[1]),
    )
    trained = []
    for values in search.values.tolist():
        trial = study.ask()
        state = OptunaState.COMPLETE
        for epoch, value in enumerate(values, 1):
            if not math.isfinite(value):
                state = OptunaState.FAIL
                break
            trial.report(value, epoch)
            if epoch < len(values) and trial.should_prune():
                state = OptunaState.PRUNED
                break
        study.tell(trial, value if state is OptunaState.COMPLETE else None, state)
        trained.append(epoch)
    return trained


OURS, NONE = "satisfice", "no pruning"
_OPTUNA: Mapping[str, Callable[[int], pruners.BasePruner]] = {
    NONE: lambda _: pruners.NopPruner(),
    "median": lambda _: pruners.MedianPruner(),
    "upper quarter": lambda _: pruners.PercentilePruner(25.0),
    "patient median": lambda _: pruners.PatientPruner(pruners.MedianPruner(), patience=5),
    "successive halving": lambda _: pruners.SuccessiveHalvingPruner(),
    "hyperband": lambda epochs: pruners.HyperbandPruner(max_resource=epochs),
}
PRUNERS: Mapping[str, Callable[[Search], list[int]]] = {
    OURS: ours,
    **{name: partial(with_optuna, make) for name, make in _OPTUNA.items()},
}
