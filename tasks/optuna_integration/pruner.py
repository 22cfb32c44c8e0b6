"""An Optuna pruner that ends a trial when its remaining epochs are not worth their price.

```python
from satisfice import PricedPruner

terms = {"worth": "10 min per point", "prices": {"hour": "0.60 EUR"}}
study = optuna.create_study(direction="maximize", pruner=PricedPruner(**terms, max_epochs=20))
```
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from optuna import Study
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.pruning import PruningPolicy, decide
from satisfice.domain.economics.cost import Prices
from satisfice.domain.economics.worth import Worth
from satisfice.tasks.optuna_integration.plain_study import PlainStudy, curve_of, seconds_so_far
from satisfice.tasks.spec.terms import read_terms
from satisfice.tasks.trial.pruning import Snapshot, snapshot_of, standing


class PricedPruner(BasePruner):
    """Prunes a trial when its remaining epochs are not expected to be worth their cost.

    Trials must report once an epoch, with steps from 0 or 1. Optuna does not store the times of
    reports, so the duration of an epoch is that of the trial so far divided by its epochs.

    Args:
        worth: The worth of a gain over the best trial: `"10 min per point"`, or a `Worth`.
        prices: The prices of resources: `{"hour": "0.60 EUR"}`, or `Prices`; None: an hour of the
            machine costs 1 h.
        max_epochs: The number of epochs of a full trial.
        min_curves: The number of finished trials before any is pruned.

    Attributes:
        decisions: The decision for each trial that was pruned, by its number.

    Raises:
        UserError: Worth or prices cannot be read, or are in different currencies.
    """

    def __init__(
        self,
        worth: Worth | str,
        prices: Prices | Mapping[str, str] | None = None,
        *,
        max_epochs: int,
        min_curves: int = 2,
    ) -> None:
        if max_epochs < 1:
            raise ValueError(f"max_epochs must be at least 1, got {max_epochs}")
        self.worth, self.prices = read_terms(worth, prices)
        self.max_epochs = max_epochs
        self.policy = PruningPolicy(min_curves)
        self.decisions: dict[int, Decision] = {}
        self._reader = PlainStudy(self.prices)
        self._lock = threading.Lock()
        self._latest: tuple[int, Snapshot] | None = None

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Decide on a running trial; Optuna's `trial.should_prune` calls this."""
        curve = curve_of(trial, seconds_so_far(trial))
        if not curve:
            return False
        each = curve[-1].seconds / curve[-1].epoch
        decision = decide(
            standing(self._snapshot(study), curve, self.max_epochs, each), self.policy
        )
        if decision.stop:
            self.decisions[trial.number] = decision
        return decision.stop

    def _snapshot(self, study: Study) -> Snapshot:
        with self._lock:
            history = self._reader.history(study)
            if self._latest is None or self._latest[0] != len(history.trials):
                taken = snapshot_of(history, self.worth, self.prices)
                self._latest = (len(history.trials), taken)
            return self._latest[1]
