"""The summary of a search: everything that its report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from satisfice.domain.audits.audit import RuleAudit, findings
from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.calibration import Calibration
from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.economics.cost import Ledger
from satisfice.domain.economics.text import counted
from satisfice.domain.quality import GateResult, QualityAttributes
from satisfice.domain.rules.rule import Rule
from satisfice.domain.study import Study
from satisfice.domain.sweep.plan import Sweep
from satisfice.domain.trials.history import Failure, History, TrialRecord

SCHEDULE = "schedule"  # the place of decisions on whether to start a scheduled search
NOT_WORTH_IT = (
    "Skipped: expected gain below cost"  # the Prefect state of a scheduled run without a search
)


class Ending(StrEnum):
    """Why a search ended; also the name of its final Prefect state."""

    NOT_WORTH_CONTINUING = "Not worth continuing"
    BUDGET_SPENT = "Budget spent"
    PLAN_DONE = "Plan done"  # of a sweep: every configuration was trained
    DATA_GATE_FAILED = "Data gate failed"
    NOTHING_AFFORDABLE = "Nothing affordable"
    NOTHING_WORKED = "Nothing worked"  # every trial failed
    NOTHING_FEASIBLE = "Nothing feasible"  # every trial with a value breaks a soft rule
    NOTHING_ALLOWED = "Nothing allowed"  # the predictions rule out every configuration that is left
    STOPPED_BY_HAND = "Stopped by hand"
    INTERRUPTED = "Interrupted"

    @classmethod
    def _missing_(cls, value: object) -> Ending | None:
        """Read the names that earlier versions stored."""
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


def decision_of_sweep(
    sweep: Sweep, last: Decision, records: Sequence[DecisionRecord], trained: int
) -> Decision:
    """Say how far a sweep has come, and when a search would have stopped.

    Args:
        sweep: The sweep.
        last: The last decision; its evidence is kept.
        records: All decisions, in order.
        trained: How many trials have finished.
    """
    stop = next((one for one in records if one.decision.stop), None)
    if stop is None:
        search = f"a search would continue: {last.reason}"
    else:
        after = counted(stop.after, "trial")
        search = f"a search would have stopped after {after}: {stop.decision.reason}"
    planned = counted(len(sweep.points), "planned configuration")
    return replace(last, reason=f"{trained} of {planned} were trained; {search}")


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """The result of one expectation.

    Attributes:
        name: The expectation in words, `values of label lie between 0 and 9`.
        passed: Whether it was met.
        unexpected: How many rows did not meet it.
        examples: A few of those rows or values, as text.
    """

    name: str
    passed: bool
    unexpected: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataReport:
    """The result of the data gate.

    Attributes:
        digest: Digest of the data.
        rows: Number of rows by split.
        results: One for each expectation.
        docs: Path of the data docs page; empty if none was written.
        seconds: How long the gate took.
    """

    digest: str
    rows: Mapping[str, int]
    results: tuple[ExpectationResult, ...]
    docs: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return all(one.passed for one in self.results)

    @property
    def decision(self) -> Decision:
        """Whether a search may start on this data, and why."""
        broken = [one for one in self.results if not one.passed]
        rows = ", ".join(f"{count} {split}" for split, count in self.rows.items())
        counts = {"expectations": float(len(self.results)), "broken": float(len(broken))}
        if not broken:
            return Decision(False, f"all {len(self.results)} expectations are met ({rows})", counts)
        told = "; ".join(
            f"{one.name} ({one.unexpected} rows, such as {', '.join(one.examples[:3])})"
            if one.examples
            else one.name
            for one in broken
        )
        return Decision(
            True, f"{len(broken)} of {len(self.results)} expectations failed: {told}", counts
        )


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration of the winner in the model registry.

    Attributes:
        model: Name of the registered model.
        version: Its version.
        alias: `champion`, `challenger`, or empty if a gate failed and nothing was registered.
        reason: Why, in one sentence.
    """

    model: str
    version: str
    alias: str
    reason: str


@dataclass(frozen=True, slots=True)
class SoftRuleResult:
    """The results of one soft rule in a search.

    Attributes:
        rule: The rule.
        judged: How many trials have a margin, pruned ones included if they were measured.
        broken: How many of these break it.
        winner: The margin of the selected training; None without one.
    """

    rule: Rule
    judged: int
    broken: int
    winner: float | None


@dataclass(frozen=True)
class SearchSummary:
    """Everything that the report of a search shows.

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
        excluded: By rule id, how many proposals the rule rejected.
        avoided: By rule id, the estimated cost of training these.
        audits: The finished audits; they are not in the history.
        not_audited: By rule id, why a rule cannot be audited.
        confirmed: The leaders and the default, trained again; the winner first.
        quality: Quality attributes of the winner.
        gates: The results of the gates.
        registration: The registration of the winner.
        environment: Git commit, versions and machine, as text by name.
        links: Addresses by name (`MLflow run`, `data docs`, `report`).
        notes: Other remarks for the reader (a failed upload, an implausible figure).
        sweep: The sweep, if the search is one.
        calibration: The forecasts of this and of earlier searches, compared with realised gains.
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
        """The audit results of each audited rule; a sweep has none."""
        if self.sweep is not None:
            return ()
        rules, worth = self.study.rules.rules, self.study.worth
        return findings(rules, self.audits, self.history, worth, self.not_audited)

    @property
    def winner(self) -> Confirmed | None:
        """The configuration that the search selected, if any."""
        candidates = (one for one in self.confirmed if one.name != "default")
        return next((one for one in candidates if one.feasible), None)

    @property
    def optimism(self) -> float | None:
        """By how much the winner's value in the search is better than its fresh ones."""
        winner = self.winner
        return winner.optimism(self.study.objective.direction) if winner else None

    @property
    def soft_rules(self) -> tuple[SoftRuleResult, ...]:
        """The results of each soft rule."""
        return tuple(map(self._result, self.study.soft_rules.rules))

    def _result(self, rule: Rule) -> SoftRuleResult:
        margins = [one.margins[rule.id] for one in self.history.trials if rule.id in one.margins]
        winner, direction = self.winner, self.study.objective.direction
        chosen = winner.margins[winner.chosen(direction)] if winner and winner.margins else {}
        broken = sum(margin < 0 for margin in margins)
        return SoftRuleResult(rule, len(margins), broken, chosen.get(rule.id))
