"""An Optuna callback that stops a study when the next trial is no longer worth its price.

```python
from satisfice import MarginalGainCallback

stop = MarginalGainCallback(worth="10 min per point", prices={"hour": "0.60 EUR"})
study.optimize(objective, callbacks=[stop])
```
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

from optuna import Study
from optuna.trial import FrozenTrial

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.cost import Prices
from satisfice.domain.economics.worth import Worth
from satisfice.tasks.optuna_integration.plain_study import PlainStudy
from satisfice.tasks.spec.terms import read_terms

DECISION = "satisfice:decision"


class MarginalGainCallback:
    """Stops a study when no number of further trials is expected to be worth its cost.

    The latest decision is stored as the study's user attribute `satisfice:decision` (`stop`,
    `reason`, `evidence`, `after`: the number of finished trials).

    Args:
        worth: The worth of a gain: `"10 min per point"`, or a `Worth`.
        prices: The prices of resources: `{"hour": "0.60 EUR"}`, or `Prices`; None: an hour of the
            machine costs 1 h.
        min_trials: The number of trials with a value before the study may stop.
        workers: The number of trials that run at the same time.

    Attributes:
        decisions: The decisions of this process, in order.

    Raises:
        UserError: Worth or prices cannot be read, or are in different currencies.
    """

    def __init__(
        self,
        worth: Worth | str,
        prices: Prices | Mapping[str, str] | None = None,
        min_trials: int = 5,
        workers: int = 1,
    ) -> None:
        self.worth, self.prices = read_terms(worth, prices)
        self.policy = StoppingPolicy(min_trials)
        self.workers = workers
        self.decisions: list[Decision] = []
        self._reader = PlainStudy(self.prices)
        self._lock = threading.Lock()  # with n_jobs, Optuna calls from several threads

    def __call__(self, study: Study, trial: FrozenTrial) -> None:  # noqa: ARG002 - Optuna's signature
        """Decide after a trial; Optuna calls this."""
        if self.decide(study).stop:
            study.stop()

    def decide(self, study: Study) -> Decision:
        """Decide on a study, for loops of `ask` and `tell`."""
        with self._lock:
            situation = self._reader.situation(study, self.worth, self.workers)
            decision = decide(situation, self.policy)
            self.decisions.append(decision)
        facts = {
            "stop": decision.stop,
            "reason": decision.reason,
            "evidence": dict(decision.evidence),
            "after": len(situation.history.trials),
        }
        study.set_user_attr(DECISION, json.dumps(facts))
        return decision
