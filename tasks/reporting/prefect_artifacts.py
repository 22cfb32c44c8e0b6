"""What Prefect's pages show of a search: progress, leaderboard, decision and links."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from satisfice.domain.summary import NOT_WORTH_IT
from satisfice.domain.trials.feasibility import violations

if TYPE_CHECKING:
    from satisfice.domain.decisions.confirmation import Confirmed
    from satisfice.domain.decisions.decision import Decision
    from satisfice.domain.study import Study
    from satisfice.domain.summary import SearchSummary
    from satisfice.domain.trials.history import History, TrialRecord

_LINKS = {
    "MLflow run": "the search and its trials",
    "report": "the page to send around",
    "data docs": "what the data gate found",
}


@dataclass
class Artifacts:
    """The artifacts of one flow run.

    What changes while the search runs is made once and then updated: a version of it every few
    seconds would bury the rest.

    Attributes:
        search: The search's id; artifact keys begin with it.
        study: What is searched.
    """

    search: str
    study: Study
    _made: dict[str, UUID] = field(default_factory=dict, init=False)

    def progress(self, share: float) -> None:
        """Show the share of the budget that is used, between 0 and 1."""
        percent = round(100 * min(max(share, 0.0), 1.0), 1)
        if "budget" in self._made:
            update_progress_artifact(self._made["budget"], percent)
            return
        about = "Share of the budget that is used"
        made = create_progress_artifact(percent, key=self._key("budget"), description=about)
        self._made["budget"] = cast(UUID, made)

    def leaderboard(self, history: History, rows: int = 10) -> None:
        """Show the best trials."""
        table = [self._row(one) for one in history.ranking(rows)]
        about = f"The best of {len(history.trials)} finished trials"
        if "leaderboard" in self._made:
            update = ArtifactUpdate(data=json.dumps(table), description=about)
            with get_client(sync_client=True) as client:
                client.update_artifact(self._made["leaderboard"], update)
            return
        made = create_table_artifact(table, key=self._key("leaderboard"), description=about)
        self._made["leaderboard"] = cast(UUID, made)

    def outcome(self, summary: SearchSummary) -> None:
        """Show why the search ended and what it hands over, with the numbers behind it."""
        create_markdown_artifact(
            decision_page(summary),
            key=self._key("decision"),
            description=f"{summary.ending}: why the search ended, and what it hands over",
        )

    def links(self, run: str, documents: dict[str, str]) -> None:
        """Show where to read on.

        Args:
            run: The address of the search's run on MLflow's pages.
            documents: Paths of the report and the data docs among the run's files, by name. A
                browser shows them from there; it refuses to follow a link to a file.
        """
        page, mark, view = run.partition("?")
        files = {name: f"{page}/artifacts/{path}{mark}{view}" for name, path in documents.items()}
        for name, address in {"MLflow run": run, **files}.items():
            create_link_artifact(
                address,
                link_text=f"{self.search}: {name}",
                key=self._key(name.replace(" ", "-")),
                description=f"On MLflow's pages: {_LINKS[name]}",
            )

    def _key(self, what: str) -> str:
        return _key(f"{self.search}-{what}")

    def _row(self, trial: TrialRecord) -> dict[str, object]:
        return {
            "trial": trial.number,
            self.study.objective.metric: _short(trial.value),
            **{name: _short(value) for name, value in trial.params.items()},
            "seconds": _short(trial.cost.seconds, 3),
            self.study.prices.currency: _short(trial.cost.money, 3),
            **({"breaks": violations(trial.margins)} if self.study.soft_rules.rules else {}),
        }


def _key(text: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in text.lower())


def show_not_worth_it(study: str, decision: Decision) -> None:
    """Show why no search was begun tonight, with the numbers behind it."""
    create_markdown_artifact(
        f"# {study}: {NOT_WORTH_IT}\n\n{decision.reason}\n\n{_evidence(decision)}\n",
        key=_key(f"{study}-schedule"),
        description=f"{NOT_WORTH_IT}: why no search was begun",
    )


def decision_page(summary: SearchSummary) -> str:
    """Return the outcome of a search as Markdown."""
    spent, currency = summary.ledger.spent, summary.study.prices.currency
    parts = [f"# {summary.search}: {summary.ending}", summary.decision.reason]
    if summary.confirmed:
        metric = summary.study.objective.metric
        head = ("trained again", "seeds", metric, "95 % interval")
        parts.append(_table(head, map(_confirmed, summary.confirmed)))
    if summary.winner is not None:
        chosen = summary.winner.params.items()
        params = ", ".join(f"{name} {_short(value)}" for name, value in chosen)
        parts.append(f"**Winner: {summary.winner.name}** with {params}.")
    if summary.registration is not None:
        parts.append(f"Registry: {summary.registration.reason}.")
    parts.append(
        f"Spent: {spent.money:.4g} {currency}, {summary.seconds:.0f} s and "
        f"{1000 * spent.kwh:.3g} Wh ({spent.energy}) on {summary.ledger.trials} trials."
    )
    parts += [f"Rule {one.rule} {one.finding}: {one.reason}." for one in summary.rule_audits]
    parts += [f"Note: {note}" for note in summary.notes]
    if summary.decision.evidence:
        parts.append(_evidence(summary.decision))
    return "\n\n".join(parts) + "\n"


def _evidence(decision: Decision) -> str:
    figures = ((name, f"{value:.6g}") for name, value in decision.evidence.items())
    return f"## Evidence\n\n{_table(('figure', 'value'), figures)}"


def _confirmed(one: Confirmed) -> tuple[str, ...]:
    interval = f"{one.low:.4f} to {one.high:.4f}"
    return one.name, str(len(one.numbers)), f"{one.mean:.4f}", interval


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _short(value: object, digits: int = 4) -> object:
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
