"""The answer to a priced question, and its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to stop, and why.

    Attributes:
        stop: Whether to stop.
        reason: One sentence with the numbers in it; never empty.
        evidence: The numbers by name, for figures and replays. `expected_gain` and
            `expected_cost` (money, of the best horizon), `horizon` (trials), `next_gain` and
            `next_cost` (money, of one more trial) are present whenever a forecast was made.
    """

    stop: bool
    reason: str
    evidence: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("a decision needs a reason")

    @classmethod
    def to_continue(cls, reason: str, **evidence: float) -> Decision:
        """Decide to continue."""
        return cls(False, reason, evidence)

    @classmethod
    def to_stop(cls, reason: str, **evidence: float) -> Decision:
        """Decide to stop."""
        return cls(True, reason, evidence)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as recorded in the store.

    Attributes:
        place: Which of the four questions: `search`, `trial`, `proposal` or `schedule`.
        after: The number of trials finished at that time.
        decision: The decision.
        at: Seconds since the epoch (UTC).
    """

    place: str
    after: int
    decision: Decision
    at: float
