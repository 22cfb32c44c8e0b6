"""The final metrics, tags and note of a search's MLflow run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from satisfice.domain.quality import GateResult
from satisfice.domain.summary import SearchSummary
from satisfice.tasks.reporting.markdown import outcome
from satisfice.tasks.tracking.connection import Batch
from satisfice.tasks.tracking.spool import numbers


def describe(summary: SearchSummary) -> Batch:
    """Return the final metrics and tags of a search's run.

    The same summary gives the same points, so that sending them twice does no harm.
    """
    batch = Batch(tags=_tags(summary))
    batch.measure(_figures(summary), summary.started + summary.seconds, len(summary.history.trials))
    return batch


def _figures(summary: SearchSummary) -> Iterator[tuple[str, float]]:
    ledger = summary.ledger
    yield from numbers(asdict(ledger.spent), "total/")
    yield "total/trials", ledger.trials
    yield "total/wall_seconds", summary.seconds
    for one in summary.confirmed:
        place = {"default": "default/"}.get(one.name)
        place = "test/" if one is summary.winner else place
        if place is not None and one.test:
            yield from ((f"{place}{end}", getattr(one, end)) for end in ("mean", "low", "high"))
    if summary.optimism is not None:
        yield "test/optimism", summary.optimism
    if summary.quality is not None:
        yield from numbers(summary.quality.values(), "quality/")
    yield from numbers(summary.excluded, "excluded/")
    yield from ((f"broken/{one.rule.id}", float(one.broken)) for one in summary.soft_rules)
    for audited in summary.rule_audits:
        place = f"audit/{audited.rule}/"
        yield f"{place}pairs", len(audited.differences)
        if len(audited.differences) > 1:
            yield from ((f"{place}{end}", getattr(audited, end)) for end in ("mean", "low", "high"))


def _tags(summary: SearchSummary) -> dict[str, str]:
    tags = {
        "satisfice.ending": summary.ending,
        "satisfice.reason": summary.decision.reason,
        "satisfice.energy_mode": summary.ledger.spent.energy,
        "satisfice.worth": summary.study.worth.stated,
        "satisfice.currency": summary.study.prices.currency,
        "mlflow.note.content": outcome(summary),
    }
    if summary.gates:
        tags["satisfice.gates"] = "; ".join(map(_gate, summary.gates))
    for one in summary.rule_audits:
        tags[f"satisfice.audit.{one.rule}"] = f"{one.finding}: {one.reason}"
    if summary.registration is not None:
        tags["satisfice.registered"] = summary.registration.reason
    return tags


def _gate(result: GateResult) -> str:
    return f"{result.gate}: {'passed' if result.passed else 'failed'}"
