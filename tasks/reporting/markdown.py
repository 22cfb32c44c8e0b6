"""The outcome of a search as Markdown, for Prefect's and MLflow's pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satisfice.domain.decisions.confirmation import Confirmed
    from satisfice.domain.decisions.decision import Decision
    from satisfice.domain.summary import SearchSummary


def outcome(summary: SearchSummary) -> str:
    """Return why a search ended, its winner, and what it cost."""
    spent, currency = summary.ledger.spent, summary.study.prices.currency
    parts = [f"# {summary.search}: {summary.ending}", summary.decision.reason]
    if summary.confirmed:
        metric = summary.study.objective.metric
        head = ("confirmed", "seeds", metric, "95 % interval")
        parts.append(_table(head, map(_confirmed, summary.confirmed)))
    if summary.winner is not None:
        chosen = summary.winner.params.items()
        params = ", ".join(f"{name} {rounded(value)}" for name, value in chosen)
        parts.append(f"**Winner: {summary.winner.name}** with {params}.")
    if summary.registration is not None:
        parts.append(f"Registry: {summary.registration.reason}.")
    parts.append(
        f"Spent: {spent.money:.4g} {currency}, {summary.seconds:.0f} s, "
        f"{1000 * spent.kwh:.3g} Wh ({spent.energy}) and {1000 * spent.kgco2e:.3g} g CO2e "
        f"on {summary.ledger.trials} trials."
    )
    parts += [f"Rule {one.rule} {one.finding}: {one.reason}." for one in summary.rule_audits]
    parts += [f"Note: {note}" for note in summary.notes]
    if summary.decision.evidence:
        parts.append(evidence(summary.decision))
    return "\n\n".join(parts) + "\n"


def evidence(decision: Decision) -> str:
    """Return the numbers behind a decision."""
    figures = ((name, f"{value:.6g}") for name, value in decision.evidence.items())
    return f"## Evidence\n\n{_table(('figure', 'value'), figures)}"


def rounded(value: object, digits: int = 4) -> object:
    """Round a float to significant digits, and leave all else as it is."""
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def _confirmed(one: Confirmed) -> tuple[str, ...]:
    interval = f"{one.low:.4f} to {one.high:.4f}"
    return one.name, str(len(one.numbers)), f"{one.mean:.4f}", interval


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
