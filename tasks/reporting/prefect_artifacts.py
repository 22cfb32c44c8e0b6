"""Prefect artifacts of a search: progress, leaderboard, decision and links."""

from __future__ import annotations

import json
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
from satisfice.tasks.reporting.markdown import evidence, outcome, rounded

if TYPE_CHECKING:
    from satisfice.domain.decisions.decision import Decision
    from satisfice.domain.study import Study
    from satisfice.domain.summary import SearchSummary
    from satisfice.domain.trials.history import History, TrialRecord

_LINKS = {
    "MLflow run": "the search and its trials",
    "report": "the report page",
    "data docs": "the results of the data gate",
}


@dataclass
class Artifacts:
    """The artifacts of one flow run.

    What changes during the search is created once and then updated: a new version every few seconds
    would bury the rest.

    Attributes:
        search: The search's id; artifact keys begin with it.
        study: Its study.
    """

    search: str
    study: Study
    _made: dict[str, UUID] = field(default_factory=dict, init=False)

    def progress(self, share: float) -> None:
        """Show the used share of the budget, between 0 and 1."""
        percent = round(100 * min(max(share, 0.0), 1.0), 1)
        if "budget" in self._made:
            update_progress_artifact(self._made["budget"], percent)
            return
        about = "Used share of the budget"
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
        """Show why the search ended and its outcome, with the numbers behind it."""
        create_markdown_artifact(
            outcome(summary),
            key=self._key("decision"),
            description=f"{summary.ending}: why the search ended, and its outcome",
        )

    def links(self, run: str, documents: dict[str, str]) -> None:
        """Show links to MLflow's pages.

        Args:
            run: The address of the search's run on MLflow's pages.
            documents: Paths of the report and the data docs among the run's files, by name.
                Browsers open them there, but do not follow links to local files.
        """
        page, mark, view = run.partition("?")
        files = {name: f"{page}/artifacts/{path}{mark}{view}" for name, path in documents.items()}
        for name, address in {"MLflow run": run, **files}.items():
            create_link_artifact(
                address,
                link_text=f"{self.search}: {name}",
                key=self._key(name.replace(" ", "-")),
                description=f"In MLflow: {_LINKS[name]}",
            )

    def _key(self, what: str) -> str:
        return _key(f"{self.search}-{what}")

    def _row(self, trial: TrialRecord) -> dict[str, object]:
        return {
            "trial": trial.number,
            self.study.objective.metric: rounded(trial.value),
            **{name: rounded(value) for name, value in trial.params.items()},
            "seconds": rounded(trial.cost.seconds, 3),
            self.study.prices.currency: rounded(trial.cost.money, 3),
            **({"breaks": violations(trial.margins)} if self.study.soft_rules.rules else {}),
        }


def _key(text: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in text.lower())


def show_not_worth_it(study: str, decision: Decision) -> None:
    """Show why a scheduled run started no search, with the numbers behind it."""
    create_markdown_artifact(
        f"# {study}: {NOT_WORTH_IT}\n\n{decision.reason}\n\n{evidence(decision)}\n",
        key=_key(f"{study}-schedule"),
        description=f"{NOT_WORTH_IT}: why no search was started",
    )
