"""Soft rules in the words of Optuna's samplers: constraints of order 1, comparable between trials.

The store keeps constraints in the units of the rules. Here those of all trials are brought to one
scale, which moves with each trial, on copies that samplers look at.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from satisfice.domain.trials.feasibility import Margins, constraint, scales
from satisfice.tasks.storage.trial_records import constraints

_SILENT = 1.0  # the margin of a complete trial from a rule that does not apply to it


def constrained(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return trials with their constraints scaled; where there are none, as they are.

    Each complete trial gets a constraint for every rule, since samplers that model constraints ask
    for that. A pruned or a failed one has those that were known when it ended, and is otherwise
    taken neither for feasible nor for infeasible.
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
        # Ahead of all else, so that they stand in one order: GP takes them by their place.
        others = {key: one for key, one in trial.system_attrs.items() if key not in told}
        seen.system_attrs = told | others
        return seen

    return [scaled(*one) for one in zip(trials, margins, strict=True)] if rules else list(trials)
