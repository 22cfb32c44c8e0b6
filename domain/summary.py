"""What a search leaves behind: everything that its report says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from satisfice.domain.audits.audit import RuleAudit, findings
from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.calibration import Calibration
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Ledger
from satisfice.domain.economics.text import counted
from satisfice.domain.economics.worth import Direction
from satisfice.domain.quality import GateResult, QualityAttributes
from satisfice.domain.rules.rule import Rule
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.sweep.plan import Sweep
from satisfice.domain.trials.history import Failure, History, TrialRecord

SCHEDULE = "schedule"  # the place of decisions whether a scheduled search begins
NOT_WORTH_IT = (
    "Skipped: expected gain below cost"  # a schedule's state in Prefect where no search was begun
)


class Ending(StrEnum):
    """Why a search ended; the name of its final state in Prefect."""

    NOT_WORTH_CONTINUING = "Not worth continuing"
    BUDGET_SPENT = "Budget spent"
    PLAN_DONE = "Plan done"  # of a sweep: each of its configurations was trained
    DATA_GATE_FAILED = "Data gate failed"
    NOTHING_AFFORDABLE = "Nothing affordable"
    NOTHING_WORKED = "Nothing worked"  # every trial failed, so there is nothing to choose from
    NOTHING_FEASIBLE = "Nothing feasible"  # every trial with a value breaks a soft rule
    NOTHING_ALLOWED = "Nothing allowed"  # by what predictions have learnt, every rest is forbidden
    STOPPED_BY_HAND = "Stopped by hand"
    INTERRUPTED = "Interrupted"

    @classmethod
    def _missing_(cls, value: object) -> Ending | None:
        """Read what earlier versions have stored."""
        return cls.NOT_WORTH_CONTINUING if value == "Worthwhile stop" else None


def final_ending(ending: Ending, history: History, *, is_sweep: bool) -> Ending:
    """Return why a search ended, given what its trials came to.

    Args:
        ending: Why it begins no further trial.
        history: Its finished trials.
        is_sweep: Whether it is a sweep: that is done without a feasible trial too.
    """
    trials = history.trials
    by_hand = ending in (Ending.INTERRUPTED, Ending.STOPPED_BY_HAND)
    if by_hand or not trials or history.feasible:
        return ending
    if history.complete:
        return ending if is_sweep else Ending.NOTHING_FEASIBLE
    if ending is Ending.BUDGET_SPENT and all(one.failure is Failure.OVERRAN for one in trials):
        return Ending.NOTHING_AFFORDABLE
    return Ending.NOTHING_WORKED


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it stands in the store.

    Attributes:
        place: Which of the four questions: `search`, `trial`, `proposal` or `schedule`.
        after: Number of finished trials at that moment.
        decision: What was decided.
        at: Seconds since the epoch (UTC).
    """

    place: str
    after: int
    decision: Decision
    at: float


def decision_of_sweep(
    sweep: Sweep, last: Decision, records: Sequence[DecisionRecord], trained: int
) -> Decision:
    """Say how far a sweep has come, and what its decisions would have meant for a search.

    Args:
        sweep: The sweep.
        last: The last decision; its evidence is kept.
        records: All decisions, in order.
        trained: How many trials have finished.
    """
    stop = next((one for one in records if one.decision.stop), None)
    if stop is None:
        search = f"a search would go on: {last.reason}"
    else:
        after = counted(stop.after, "trial")
        search = f"a search would have ended after {after}: {stop.decision.reason}"
    planned = counted(len(sweep.points), "planned configuration")
    return replace(last, reason=f"{trained} of {planned} were trained; {search}")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A configuration that was trained again with fresh seeds.

    Attributes:
        name: `default`, or the number of the trial that proposed it, as `trial 17`.
        params: Its parameters.
        observed: The value for which it was chosen (validation split); None for the default.
        validation: The values of the fresh seeds on the validation split.
        test: The values of the fresh seeds on the test split.
        numbers: The trials that these are.
        mean: Mean of `test`.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        margins: Of each training, by soft rule, how far it is from the limit.
    """

    name: str
    params: Params
    observed: float | None
    validation: tuple[float, ...]
    test: tuple[float, ...]
    numbers: tuple[int, ...]
    mean: float
    low: float
    high: float
    margins: tuple[Mapping[str, float], ...] = ()

    @property
    def feasible(self) -> tuple[int, ...]:
        """The places of the trainings that break no soft rule: one of these is handed over."""
        every = self.margins or ({},) * len(self.numbers)
        return tuple(at for at, one in enumerate(every) if all(each >= 0 for each in one.values()))

    def chosen(self, direction: Direction) -> int:
        """Return the place of the training to hand over: the best on the validation split.

        Raises:
            ValueError: None of them is feasible.
        """
        return max(self.feasible, key=lambda at: direction.sign * self.validation[at])


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """What one expectation said of the data.

    Attributes:
        name: The expectation in words, `values of label lie between 0 and 9`.
        passed: Whether it held.
        unexpected: How many rows broke it.
        examples: A few of those rows or values, as text.
    """

    name: str
    passed: bool
    unexpected: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataReport:
    """What the data gate found.

    Attributes:
        digest: Digest of the data.
        rows: Number of rows by split.
        results: One entry an expectation.
        docs: Path of the data docs page; empty where none was written.
        seconds: How long the gate took.
    """

    digest: str
    rows: Mapping[str, int]
    results: tuple[ExpectationResult, ...]
    docs: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return all(one.passed for one in self.results)

    @property
    def decision(self) -> Decision:
        """Whether a search may begin on this data, and why not."""
        broken = [one for one in self.results if not one.passed]
        rows = ", ".join(f"{count} {split}" for split, count in self.rows.items())
        counts = {"expectations": float(len(self.results)), "broken": float(len(broken))}
        if not broken:
            return Decision(False, f"all {len(self.results)} expectations hold ({rows})", counts)
        told = "; ".join(
            f"{one.name} ({one.unexpected} rows, such as {', '.join(one.examples[:3])})"
            if one.examples
            else one.name
            for one in broken
        )
        return Decision(
            True, f"{len(broken)} of {len(self.results)} expectations do not hold: {told}", counts
        )


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of the winner in the model registry.

    Attributes:
        model: Name of the registered model.
        version: Its version.
        alias: `champion`, `challenger`, or empty where a gate failed and nothing was registered.
        reason: Why, in one sentence.
    """

    model: str
    version: str
    alias: str
    reason: str


@dataclass(frozen=True, slots=True)
class SoftRuleResult:
    """What became of one soft rule in a search.

    Attributes:
        rule: The rule.
        judged: How many trials it was held against, pruned ones included where they were measured.
        broken: How many of these break it.
        winner: The margin of the training that is handed over; None where there is none.
    """

    rule: Rule
    judged: int
    broken: int
    winner: float | None


@dataclass(frozen=True)
class SearchSummary:
    """Everything that a report says of a search.

    Attributes:
        search: The search's id.
        study: The specification.
        ending: Why it ended.
        decision: The decision that ended it, or the last one.
        history: All finished trials that the search proposed, the default configuration included.
        decisions: All decisions, in order.
        ledger: What was spent, confirmations included.
        started: Seconds since the epoch (UTC).
        seconds: Wall-clock seconds, pauses not counted.
        data: What the data gate found.
        excluded: By rule id, how many proposals the rule turned away.
        avoided: By rule id, what training these would have cost; an estimate.
        audits: The finished audits, apart from the history.
        not_audited: By rule id, why a rule cannot be audited.
        confirmed: The leaders and the default, trained again; the winner first.
        quality: Quality attributes of the winner.
        gates: What the gates said of it.
        registration: What became of it in the registry.
        environment: Git commit, versions and machine, as text by name.
        links: Addresses by name (`MLflow run`, `data docs`, `report`).
        notes: What else a reader should know (a failed upload, an implausible figure).
        sweep: What was asked for, where the search is a sweep.
        calibration: How forecasts of it, and of searches before it, compare with what then came.
    """

    search: str
    study: Study
    ending: Ending
    decision: Decision
    history: History
    decisions: tuple[DecisionRecord, ...]
    ledger: Ledger
    started: float
    seconds: float
    data: DataReport | None = None
    excluded: Mapping[str, int] = field(default_factory=dict)
    avoided: Mapping[str, Avoided] = field(default_factory=dict)
    audits: tuple[TrialRecord, ...] = ()
    not_audited: Mapping[str, str] = field(default_factory=dict)
    confirmed: tuple[Confirmed, ...] = ()
    quality: QualityAttributes | None = None
    gates: tuple[GateResult, ...] = ()
    registration: Registration | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sweep: Sweep | None = None
    calibration: Calibration | None = None

    @property
    def rule_audits(self) -> tuple[RuleAudit, ...]:
        """What the audits say of each rule that is audited; a sweep audits none."""
        if self.sweep is not None:
            return ()
        rules, worth = self.study.rules.rules, self.study.worth
        return findings(rules, self.audits, self.history, worth, self.not_audited)

    @property
    def winner(self) -> Confirmed | None:
        """The configuration that the search hands over, if it got that far."""
        candidates = (one for one in self.confirmed if one.name != "default")
        return next((one for one in candidates if one.feasible), None)

    @property
    def soft_rules(self) -> tuple[SoftRuleResult, ...]:
        """What became of each soft rule."""
        return tuple(map(self._result, self.study.soft_rules.rules))

    def _result(self, rule: Rule) -> SoftRuleResult:
        margins = [one.margins[rule.id] for one in self.history.trials if rule.id in one.margins]
        winner, direction = self.winner, self.study.objective.direction
        chosen = winner.margins[winner.chosen(direction)] if winner and winner.margins else {}
        broken = sum(margin < 0 for margin in margins)
        return SoftRuleResult(rule, len(margins), broken, chosen.get(rule.id))
