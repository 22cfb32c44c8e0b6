"""What Prefect's pages show of a search: progress, leaderboard, decision and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

if TYPE_CHECKING:
    from domain.decision import Decision
    from domain.history import History, TrialRecord


@dataclass
class Artifacts:
    """The artifacts of one flow run.

    Attributes:
        search: The search's id; artifact keys begin with it.
    """

    search: str
    _progress: UUID | None = field(default=None, init=False)

    def progress(self, share: float) -> None:
        """Show the share of the budget that is used, between 0 and 1."""
        percent = round(100 * min(max(share, 0.0), 1.0), 1)
        if self._progress is None:
            made = create_progress_artifact(
                percent, key=self._key("budget"), description="Share of the budget that is used"
            )
            self._progress = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(self._progress, percent)

    def leaderboard(self, history: History, rows: int = 10) -> None:
        """Show the best trials."""
        create_table_artifact(
            [_row(one) for one in history.leaders(rows)],
            key=self._key("leaderboard"),
            description=f"The best of {len(history.trials)} finished trials",
        )

    def decision(self, title: str, decision: Decision) -> None:
        """Show a decision with the numbers that it rests on."""
        rows = "\n".join(f"| {name} | {value:.6g} |" for name, value in decision.evidence.items())
        table = f"\n\n| evidence | value |\n|---|---:|\n{rows}" if rows else ""
        create_markdown_artifact(
            f"# {title}\n\n{decision.reason}{table}\n", key=self._key("decision")
        )

    def links(self, links: dict[str, str]) -> None:
        """Show where to read on."""
        for name, address in links.items():
            key = self._key(name.lower().replace(" ", "-"))
            create_link_artifact(address, link_text=name, key=key)

    def _key(self, what: str) -> str:
        kept = (one if one.isalnum() else "-" for one in f"{self.search}-{what}".lower())
        return "".join(kept)


def _row(trial: TrialRecord) -> dict[str, object]:
    return {
        "trial": trial.number,
        "value": trial.value,
        "seconds": round(trial.cost.seconds, 2),
        "money": round(trial.cost.money, 6),
        **trial.params,
    }
