"""The specification of a study."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.quality import Gate
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.space.space import Space


@dataclass(frozen=True, slots=True)
class Objective:
    """The objective of a search.

    Attributes:
        metric: The name of the metric that the training reports.
        direction: Which way it gets better.
    """

    metric: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class DataSource:
    """The data and its expectations.

    Attributes:
        source: A name of the data for people and for tracking; the problem's `load()` loads it.
        expectations: File with the expectations, relative to the study folder; None: the default
            ones.
    """

    source: str
    expectations: str | None = None


@dataclass(frozen=True, slots=True)
class Confirming:
    """How leaders are confirmed after the search.

    Attributes:
        leaders: The number of leaders to train again, at most.
        seeds: The number of fresh seeds for each.
        share: The share of the budget kept for it, between 0 and 1.
    """

    leaders: int = 2
    seeds: int = 3
    share: float = 0.25


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of trials.

    Attributes:
        workers: Number of trials that run at the same time.
        threads: Processor threads of each.
        memory_mb: Limit on the memory that a training adds to the idle process; None: no limit.
        watts_per_core: Power of a busy core, for estimates if nothing can be measured.
    """

    workers: int = 1
    threads: int = 1
    memory_mb: int | None = None
    watts_per_core: float = 10.0


@dataclass(frozen=True, slots=True)
class Study:
    """The specification of a study, as read from `study.yaml`.

    Attributes:
        name: The study's name: letters, digits, `-` and `_`.
        folder: Path of the study folder.
        problem: The Python file with `load`, `train` and, optionally, `build` and `evaluate`.
        data: The data and its expectations.
        objective: The metric and its direction.
        worth: What a gain of the metric is worth.
        prices: What resources cost.
        budget: The most that may be spent.
        space: The search space.
        rules: The hard rules: only configurations that fulfil them are trained.
        soft_rules: The rules for trained models, checked after each trial.
        gates: The conditions for registering a model.
        confirming: How leaders are confirmed.
        resources: The resources of trials.
        sampler: The name of the sampler.
        seed: The seed of the proposals and, with a trial's number, of each training.
        text: The text of `study.yaml`.
    """

    name: str
    folder: str
    problem: str
    data: DataSource
    objective: Objective
    worth: Worth
    prices: Prices
    budget: Budget
    space: Space
    rules: RuleBook = RuleBook()
    soft_rules: RuleBook = RuleBook()
    gates: tuple[Gate, ...] = ()
    confirming: Confirming = Confirming()
    resources: Resources = Resources()
    sampler: str = "tpe"
    seed: int = 0
    text: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Overrides:
    """Values of one run that replace those of its study; None: the study's value.

    Attributes:
        minutes: Limit on the time.
        trials: Limit on the number of trials.
        workers: Number of trials that run at the same time.
        seed: Seed of the proposals.
    """

    minutes: float | None = None
    trials: int | None = None
    workers: int | None = None
    seed: int | None = None

    def applied_to(self, study: Study) -> Study:
        """Return the study with these values."""
        budget, resources = study.budget, study.resources
        if self.minutes is not None:
            budget = replace(budget, seconds=60 * self.minutes)
        if self.trials is not None:
            budget = replace(budget, trials=self.trials)
        if self.workers is not None:
            resources = replace(resources, workers=self.workers)
        seed = study.seed if self.seed is None else self.seed
        return replace(study, budget=budget, resources=resources, seed=seed)
