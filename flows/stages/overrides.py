"""What one run says otherwise than its study."""

from __future__ import annotations

from dataclasses import dataclass, replace

from satisfice.domain.study import Study


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run says otherwise than its study; None: as the study says.

    Attributes:
        minutes: Limit on the time.
        trials: Limit on the number of trials.
        workers: Trials at the same time.
        seed: Seed of the proposals.
    """

    minutes: float | None = None
    trials: int | None = None
    workers: int | None = None
    seed: int | None = None

    def of(self, study: Study) -> Study:
        """Return the study with what this run says otherwise."""
        budget, resources = study.budget, study.resources
        if self.minutes is not None:
            budget = replace(budget, seconds=60 * self.minutes)
        if self.trials is not None:
            budget = replace(budget, trials=self.trials)
        if self.workers is not None:
            resources = replace(resources, workers=self.workers)
        seed = study.seed if self.seed is None else self.seed
        return replace(study, budget=budget, resources=resources, seed=seed)
