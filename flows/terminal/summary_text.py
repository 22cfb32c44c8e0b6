"""The summary of a search, printed at its end."""

from __future__ import annotations

from collections.abc import Iterator

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.economics.text import counted, number, short
from satisfice.domain.summary import Ending, SearchSummary
from satisfice.tasks.files.home import tracking_url
from satisfice.tasks.servers.addresses import noted


def closing(summary: SearchSummary) -> str:
    """Summarise a search in a few lines."""
    study, metric = summary.study, summary.study.objective.metric
    lines = [f"\n{summary.search}: {summary.ending}", f"  {summary.decision.reason}"]
    spent, currency = summary.ledger.spent, study.prices.currency
    lines.append(
        f"  spent {spent.money:.4f} {currency}, {summary.seconds:.0f} s, "
        f"{1000 * spent.kwh:.2f} Wh ({spent.energy}) on {summary.ledger.trials} trials"
    )
    lines.extend(f"  {_confirmed(one, metric)}" for one in summary.confirmed)
    lines.extend(f"  {one}" for one in _of_soft_rules(summary))
    lines.extend(f"  {one}" for one in _of_sweep(summary))
    lines.extend(f"  rule {one.rule} {one.finding}: {one.reason}" for one in summary.rule_audits)
    if summary.registration is not None:
        lines.append(f"  {summary.registration.reason}")
    lines.extend(f"  note: {note}" for note in summary.notes)
    if summary.ending is Ending.INTERRUPTED:
        lines.append(f"  continue with: satisfice resume {study.folder}")
    lines.extend(f"  {name:<12} {address}" for name, address in summary.links.items() if address)
    if noted("mlflow") is None and not tracking_url().startswith("http"):
        lines.append("  `satisfice ui` serves the pages of Prefect and MLflow")
    return "\n".join(lines)


def _of_soft_rules(summary: SearchSummary) -> Iterator[str]:
    for one in summary.soft_rules:
        margin = "" if one.winner is None else f"; the winner's margin is {number(one.winner)}"
        yield f"{one.rule.id}: broken by {one.broken} of {counted(one.judged, 'trial')}{margin}"
    if summary.confirmed and summary.winner is None:
        yield "no winner: every confirmation breaks a soft rule"


def _of_sweep(summary: SearchSummary) -> Iterator[str]:
    if summary.sweep is None:
        return
    best = summary.history.best
    if best is not None and not summary.confirmed:
        params = " ".join(f"{name}={short(value)}" for name, value in best.params.items())
        metric = summary.study.objective.metric
        yield f"best: {metric} {best.value:.4f}, trial {best.number} ({params})"
    if not summary.sweep.request.confirm:
        yield "nothing was confirmed or registered; --confirm does both"


def _confirmed(one: Confirmed, metric: str) -> str:
    params = " ".join(f"{name}={short(value)}" for name, value in one.params.items())
    split = "test" if one.test else "validation"
    text = (
        f"{one.name}: {split} {metric} {one.mean:.4f} "
        f"(95 % interval {one.low:.4f} to {one.high:.4f}, {len(one.validation)} fresh seeds)"
    )
    if one.observed is not None:
        fresh = sum(one.validation) / len(one.validation)
        text += f"; chosen at {one.observed:.4f}, {fresh:.4f} with fresh seeds"
    if len(one.feasible) < len(one.numbers):
        text += f"; {len(one.numbers) - len(one.feasible)} of these break a soft rule"
    return f"{text}\n    {params}"
