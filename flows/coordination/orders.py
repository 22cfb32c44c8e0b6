"""The orders of a search, and what is recorded of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from satisfice.domain.economics.cost import Cost, Prices
from satisfice.domain.prediction.predictor import interval
from satisfice.domain.rules.measured import INFERENCE as MEASURED_INFERENCE
from satisfice.domain.rules.measured import METRICS
from satisfice.domain.rules.predicted import INFERENCE
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.study import Study
from satisfice.domain.trials.history import Failure, Purpose, TrialRecord, TrialState
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.home import search_folder, trial_folder
from satisfice.tasks.trial.progress import LOG, Progress


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Writes the orders of one search.

    Attributes:
        study: The specification.
        search: The search's id.
        digest: Digest of the data that passed the gate.
        epoch_seconds: A fixed duration of an epoch, used in place of the clock.
        prunes: Whether a trial may end before its last epoch where the rest is not worth its price.
    """

    study: Study
    search: str
    digest: str
    epoch_seconds: float | None = None
    prunes: bool = True

    def order(self, trial: TrialRecord, verdict: Verdict, attempt: int, cost: Cost) -> TrialOrder:
        """Write an order.

        Args:
            trial: The trial as it was begun.
            verdict: What the rules said of it.
            attempt: 1 for the first try; a resumed trial counts on.
            cost: The most that it may cost.
        """
        resources = self.study.resources
        folder = search_folder(self.search)
        competes, measured = trial.purpose.competes, self._measured(trial)
        return TrialOrder(
            search=self.search,
            number=trial.number,
            attempt=attempt,
            study=self.study.folder,
            folder=str(trial_folder(self.search, trial.number)),
            control=str(folder / "control.json"),
            params=dict(trial.params),
            seed=trial.seed,
            purpose=trial.purpose,
            verdict=verdict,
            data_digest=self.digest,
            threads=resources.threads,
            deadline_seconds=None if math.isinf(cost.seconds) else cost.seconds,
            memory_mb=resources.memory_mb,
            epoch_seconds=self.epoch_seconds,
            keep_model=trial.purpose is Purpose.CONFIRMATION,
            pruning=str(folder / "pruning.json") if competes and self.prunes else None,
            time_inferences=competes
            and any(name in INFERENCE for name in self.study.rules.predictions),
            measure_inferences=any(name in MEASURED_INFERENCE for name in measured),
            reported=_metrics(measured),
            audit=trial.audit,
        )

    def _measured(self, trial: TrialRecord) -> dict[str, str]:
        """Return what the soft rules need to know of a trial, each with the id of its rule."""
        return {
            name: rule.id
            for rule in self.study.soft_rules.rules
            if rule.applies_to(trial.params)
            for name in rule.require.names
        }


def _metrics(measured: Mapping[str, str]) -> dict[str, str]:
    """Return the metrics among what is measured, by the names under which they are reported."""
    return {
        name.removeprefix(METRICS): rule
        for name, rule in measured.items()
        if name.startswith(METRICS)
    }


def without_result(
    trial: TrialRecord, search: str, prices: Prices, failure: Failure, reason: str
) -> TrialRecord:
    """Return the record of a trial that left no result, from its event log.

    Args:
        trial: The trial as it was begun.
        search: The search's id.
        prices: What resources cost.
        failure: Why it failed.
        reason: The same in one sentence.
    """
    progress = Progress(trial_folder(search, trial.number) / LOG)
    progress.follow()
    return replace(
        trial,
        state=TrialState.FAILED,
        curve=progress.curve,
        cost=prices.of(progress.seconds, progress.kwh, progress.energy),
        failure=failure,
        reason=reason,
        measured=progress.measured,
        epochs=progress.epochs,
    )


def order_facts(order: TrialOrder, asking: float) -> dict[str, Any]:
    """Return what the journal records of a trial that begins.

    Args:
        order: Its order.
        asking: How many seconds its proposal took.
    """
    verdict = order.verdict
    return {
        "number": order.number,
        "params": dict(order.params),
        "purpose": order.purpose,
        "seed": order.seed,
        "audit": None if order.audit is None else asdict(order.audit),
        "folder": order.folder,
        "asking": asking,
        "verdict": {
            "margins": dict(verdict.margins),
            "predicted": dict(verdict.predicted),
            "forecasts": {name: interval(one) for name, one in verdict.forecasts.items()},
        },
    }


def result_facts(record: TrialRecord) -> dict[str, Any]:
    """Return what the journal records of a finished trial."""
    return {
        "number": record.number,
        "state": record.state,
        "value": record.value,
        "metrics": dict(record.metrics),
        "measured": dict(record.measured),
        "margins": dict(record.margins),
        "cost": asdict(record.cost),
        "failure": record.failure,
        "reason": record.reason,
    }
