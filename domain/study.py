"""The specification of a study as data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.quality import Gate
from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.space.space import Space


@dataclass(frozen=True, slots=True)
class Objective:
    """What is searched for.

    Attributes:
        metric: The name under which the training reports it.
        direction: Which way it gets better.
    """

    metric: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where the data comes from, and what is expected of it.

    Attributes:
        source: A name for people and for tracking; `load()` of the problem does the work.
        expectations: File with the expectations, relative to the study folder; None: built-in ones.
    """

    source: str
    expectations: str | None = None


@dataclass(frozen=True, slots=True)
class Confirming:
    """How leaders are checked once the search has stopped.

    Attributes:
        leaders: At most how many of the best configurations are trained again.
        seeds: With how many fresh seeds each.
        share: The share of the budget that is kept for it, between 0 and 1.
    """

    leaders: int = 2
    seeds: int = 3
    share: float = 0.25


@dataclass(frozen=True, slots=True)
class Resources:
    """What a trial may use.

    Attributes:
        workers: Trials at the same time.
        threads: Processor threads of each.
        memory_mb: Limit on the memory that a training adds to the idle process; None: no limit.
        watts_per_core: Power of a busy core, for estimates where nothing can be measured.
    """

    workers: int = 1
    threads: int = 1
    memory_mb: int | None = None
    watts_per_core: float = 10.0


@dataclass(frozen=True, slots=True)
class Study:
    """The whole specification, as read from `study.yaml`.

    Attributes:
        name: The study's name: letters, digits, `-` and `_`.
        folder: Path of the study folder.
        problem: The Python file with `load`, `train` and, optionally, `build` and `evaluate`.
        data: Where the data comes from.
        objective: What is searched for.
        worth: What a gain of it is worth.
        prices: What resources cost.
        budget: The most that may be spent.
        space: The search space.
        rules: The hard rules: only what fulfils them is trained.
        soft_rules: What a trained model has to fulfil: judged after each trial.
        gates: The conditions for registering a model.
        confirming: How leaders are checked.
        resources: What a trial may use.
        sampler: What proposes, by the name of one of Optuna's samplers.
        seed: Seeds the proposals and, with a trial's number, each training.
        text: `study.yaml` as it was read.
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
