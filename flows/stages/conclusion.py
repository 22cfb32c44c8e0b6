"""The end of a search: gates, registry, report, and everybody told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.calibration import Calibration
from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.errors import ExternalSystemError
from satisfice.domain.quality import GateResult, QualityAttributes
from satisfice.domain.study import Study
from satisfice.domain.summary import DataReport, Ending, SearchSummary, decision_of_sweep
from satisfice.flows.coordination.coordinator import Coordinator
from satisfice.flows.observers.mlflow_sync import Shipping
from satisfice.flows.observers.observers import share_used
from satisfice.flows.stages.calibration import calibrate
from satisfice.flows.stages.savings import avoided
from satisfice.tasks.environment import environment
from satisfice.tasks.files import outcome
from satisfice.tasks.files.events import read
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
    """Concludes one search; what fails on the way becomes a note, and the rest goes on.

    Attributes:
        coordinator: The search.
        backstage: The processes that draw, track and measure.
        artifacts: What Prefect's pages show.
        shipping: What MLflow gets.
        store: All searches.
        notes: What else a person should know of the search.
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
        """Sum the search up, register its winner if the gates let it pass, and tell everybody."""
        coordinator, search = self.coordinator, self.coordinator.search
        folder = search_folder(search.info.search)
        sweep, decisions = read_sweep(search.info.sweep), search.decisions()
        if sweep is not None and data.passed:
            trained = len(coordinator.history.trials)
            decision = decision_of_sweep(sweep, decision, decisions, trained)
        summary = SearchSummary(
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
            excluded=dict(coordinator.asking.excluded),
            confirmed=confirmations,
            environment=environment(coordinator.study.folder),
            sweep=sweep,
            audits=tuple(coordinator.auditor.finished),
            not_audited=dict(coordinator.auditor.not_auditable),
        )
        if ending is not Ending.INTERRUPTED:
            summary = self._with_winner(summary, folder)
            spared = self._try("estimate what the rules have spared", self._avoided)
            summary = replace(summary, avoided=spared or {})
        if sweep is None:
            compared = self._try("compare forecasts with what came", self._calibration)
            summary = replace(summary, calibration=compared)
        coordinator.journal.append("end", ending=ending, reason=decision.reason)
        shipped = self._try("send the records to MLflow", self.shipping.finish)
        links = {"data docs": data.docs, "report": str(folder / "report.html")}
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
        if ending is not Ending.INTERRUPTED:
            search.end(ending, coordinator.clock.elapsed())
        return replace(summary, notes=tuple(self.notes))

    def _with_winner(self, summary: SearchSummary, folder: Path) -> SearchSummary:
        winner = summary.winner
        if winner is None:
            return summary
        number = winner.numbers[winner.chosen(summary.study.objective.direction)]
        model = trial_folder(summary.search, number) / "model.pt"
        if not model.exists():
            self.notes.append("no model was saved: `trial.track(model=...)` names it")
            return summary
        measure = self.backstage.server.measure
        quality = self._try("measure the winner", lambda: measure(model))
        if quality is None:
            return summary
        gates = tuple(judged(summary.study, quality, winner))
        summary = replace(summary, quality=quality, gates=gates)
        registration = self._try(
            "register the winner",
            lambda: register_model(summary.study, summary, folder, model, self.backstage),
        )
        return replace(summary, registration=registration)

    def _avoided(self) -> dict[str, Avoided]:
        study, asking = self.coordinator.study, self.coordinator.asking
        facts, _ = read(self.coordinator.journal.path)
        server = self.backstage.server
        return avoided(study, self.coordinator.history, asking.excluded, facts, server)

    def _calibration(self) -> Calibration:
        search = self.coordinator.search.info
        return calibrate(self.store, self.coordinator.study, search, self.coordinator.history)

    def _track(self, summary: SearchSummary, folder: Path, report: Path | None) -> None:
        docs = Path(summary.data.docs) if summary.data and summary.data.docs else None
        self.backstage.tracking.run(log_outcome, folder, tracking_url(), summary, report, docs)

    def _show(self, summary: SearchSummary, report: Path | None) -> None:
        if not reaches_prefect():
            raise ExternalSystemError("its server does not answer")
        self.artifacts.progress(share_used(summary.ledger))
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


def judged(study: Study, quality: QualityAttributes, winner: Confirmed) -> tuple[GateResult, ...]:
    """Hold a model against the quality gates of its study."""
    values = {**quality.values(), study.objective.metric: winner.mean}
    return tuple(
        GateResult(
            gate.require.text,
            gate.passes(values),
            {name: values[name] for name in gate.require.names if name in values},
        )
        for gate in study.gates
    )
