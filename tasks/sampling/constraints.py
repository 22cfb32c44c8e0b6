"""Soft rules as constraints for Optuna's samplers, scaled to order 1.

The store keeps constraints in the units of the rules. Here they are scaled, on copies of the trials
for samplers; the scale changes with each trial.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.trials.feasibility import Margins, constraint, scales
from satisfice.tasks.storage.trial_records import constraints

_SILENT = 1.0  # the margin of a complete trial if the rule does not apply to it


def constrained(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return copies of trials with scaled constraints; without constraints, the trials themselves.

    Every complete trial gets a constraint for every rule, as samplers that model constraints need.
    A pruned or failed one has those that were known when it ended; if there are none, it counts
    neither as feasible nor as infeasible.
    """
    margins = [{rule: -value for rule, value in one.constraints.items()} for one in trials]
    rules, sizes = dict.fromkeys(rule for one in margins for rule in one), scales(margins)

    def scaled(trial: FrozenTrial, own: Margins) -> FrozenTrial:
        whole = trial.state is TrialState.COMPLETE
        told = constraints(
            {
                rule: -constraint(own[rule], sizes.get(rule, 1.0)) if rule in own else _SILENT
                for rule in rules
                if whole or rule in own
            }
        )
        seen = copy.copy(trial)
        # First and in one order, since GPSampler identifies them by position.
        others = {key: one for key, one in trial.system_attrs.items() if key not in told}
        seen.system_attrs = told | others
        return seen

    return [scaled(*one) for one in zip(trials, margins, strict=True)] if rules else list(trials)
