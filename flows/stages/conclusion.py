"""The end of a search: quality gates, registry, report, MLflow and Prefect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from satisfice.domain.audits.savings import PREDICTIONS, Avoided, estimate_avoided
from satisfice.domain.decisions.calibration import Calibration
from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.errors import ExternalSystemError
from satisfice.domain.quality import check_gates
from satisfice.domain.summary import DataReport, Ending, SearchSummary, decision_of_sweep
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.observers.mlflow_sync import Shipping
from satisfice.flows.stages.calibration import calibrate
from satisfice.tasks.environment import environment
from satisfice.tasks.files import outcome
from satisfice.tasks.files.home import search_folder, tracking_url, trial_folder
from satisfice.tasks.prefect_tasks import register_model, write_report
from satisfice.tasks.reporting.prefect_artifacts import Artifacts
from satisfice.tasks.search_processes import Backstage
from satisfice.tasks.servers.addresses import on_mlflow_pages, reaches_prefect
from satisfice.tasks.storage.store import Store
from satisfice.tasks.storage.sweep_records import read_sweep
from satisfice.tasks.tracking.shipping import DATA_DOCS, log_outcome

_Result = TypeVar("_Result")


@dataclass
class Conclusion:
    """Concludes one search; a step that fails becomes a note, and the other steps still run.

    Attributes:
        coordinator: The search.
        backstage: The processes that measure, track and write the report.
        artifacts: Prefect's pages.
        shipping: MLflow.
        store: All searches.
        notes: What else a user should know about the search.
    """

    coordinator: Coordinator
    backstage: Backstage
    artifacts: Artifacts
    shipping: Shipping
    store: Store
    notes: list[str] = field(default_factory=list)

    def write(
        self,
        ending: Ending,
        decision: Decision,
        data: DataReport,
        confirmations: tuple[Confirmed, ...],
    ) -> SearchSummary:
        """Summarise the search, register its winner if it passes the gates, and publish both.

        Args:
            ending: Why the search ended.
            decision: The decision that ended it, or the last one.
            data: What the data gate found.
            confirmations: The confirmed configurations, the winner first.
        """
        folder = search_folder(self.coordinator.search.info.search)
        summary = self._summary(ending, decision, data, confirmations)
        if ending is not Ending.INTERRUPTED:
            summary = self._with_winner(summary, folder)
            avoided = self._try("estimate what the rules have saved", self._avoided)
            summary = replace(summary, avoided=avoided or {})
        if summary.sweep is None:
            compared = self._try("compare forecasts with realised gains", self._calibration)
            summary = replace(summary, calibration=compared)
        self.coordinator.journal.append("end", ending=ending, reason=summary.decision.reason)
        summary = self._published(summary, folder)
        if ending is not Ending.INTERRUPTED:
            self.coordinator.search.end(ending, self.coordinator.clock.elapsed())
        return summary

    def _summary(
        self,
        ending: Ending,
        decision: Decision,
        data: DataReport,
        confirmations: tuple[Confirmed, ...],
    ) -> SearchSummary:
        coordinator, search = self.coordinator, self.coordinator.search
        sweep, decisions = read_sweep(search.info.sweep), search.decisions()
        if sweep is not None and data.passed:
            trained = len(coordinator.history.trials)
            decision = decision_of_sweep(sweep, decision, decisions, trained)
        return SearchSummary(
            search=search.info.search,
            study=coordinator.study,
            ending=ending,
            decision=decision,
            history=coordinator.history,
            decisions=decisions,
            ledger=coordinator.ledger,
            started=search.info.started,
            seconds=coordinator.clock.elapsed(),
            data=data,
            excluded=dict(coordinator.queue.excluded),
            confirmed=confirmations,
            environment=environment(coordinator.study.folder),
            sweep=sweep,
            audits=tuple(coordinator.auditor.finished),
            not_audited=dict(coordinator.auditor.not_auditable),
        )

    def _published(self, summary: SearchSummary, folder: Path) -> SearchSummary:
        """Save the summary, write the report, and send both to MLflow and Prefect."""
        shipped = self._try("send the records to MLflow", self.shipping.finish)
        docs = summary.data.docs if summary.data else ""
        links = {"data docs": docs, "report": str(folder / "report.html")}
        if shipped is not None:
            links["MLflow run"] = on_mlflow_pages(shipped.url)
            if shipped.behind:
                self.notes.append(f"MLflow is behind: {shipped.reason}")
        summary = replace(summary, links=links, notes=tuple(self.notes))
        outcome.save(summary, folder / "outcome.json")
        report = self._try(
            "write the report", lambda: write_report(summary, folder, self.backstage)
        )
        self._try("send the outcome to MLflow", lambda: self._track(summary, folder, report))
        self._try("show the outcome in Prefect", lambda: self._show(summary, report))
        return replace(summary, notes=tuple(self.notes))

    def _with_winner(self, summary: SearchSummary, folder: Path) -> SearchSummary:
        winner = summary.winner
        if winner is None:
            return summary
        number = winner.numbers[winner.chosen(summary.study.objective.direction)]
        model = trial_folder(summary.search, number) / "model.pt"
        if not model.exists():
            self.notes.append("no model was saved: pass it to `trial.track(model=...)`")
            return summary
        measure = self.backstage.server.measure
        quality = self._try("measure the winner", lambda: measure(model))
        if quality is None:
            return summary
        values = {**quality.values(), summary.study.objective.metric: winner.mean}
        gates = check_gates(summary.study.gates, values)
        summary = replace(summary, quality=quality, gates=gates)
        registration = self._try(
            "register the winner",
            lambda: register_model(summary.study, summary, folder, model, self.backstage),
        )
        return replace(summary, registration=registration)

    def _avoided(self) -> dict[str, Avoided]:
        study, queue = self.coordinator.study, self.coordinator.queue
        predict = partial(self.backstage.server.predict, predictions=PREDICTIONS)
        return estimate_avoided(
            study, self.coordinator.history, queue.excluded, queue.examples, predict
        )

    def _calibration(self) -> Calibration:
        search = self.coordinator.search.info
        return calibrate(self.store, self.coordinator.study, search, self.coordinator.history)

    def _track(self, summary: SearchSummary, folder: Path, report: Path | None) -> None:
        docs = Path(summary.data.docs) if summary.data and summary.data.docs else None
        self.backstage.tracking.run(log_outcome, folder, tracking_url(), summary, report, docs)

    def _show(self, summary: SearchSummary, report: Path | None) -> None:
        if not reaches_prefect():
            raise ExternalSystemError("its server does not answer")
        self.artifacts.progress(summary.ledger.share_used)
        self.artifacts.outcome(summary)
        if summary.history.complete:
            self.artifacts.leaderboard(summary.history)
        documents = {} if report is None else {"report": report.name}
        if summary.data and summary.data.docs:
            documents["data docs"] = f"{DATA_DOCS}/{Path(summary.data.docs).name}"
        if summary.links.get("MLflow run"):
            self.artifacts.links(summary.links["MLflow run"], documents)

    def _try(self, what: str, action: Callable[[], _Result]) -> _Result | None:
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - a report that fails must not cost the search
            self.notes.append(f"could not {what}: {error}")
            return None
