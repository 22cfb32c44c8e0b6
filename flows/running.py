"""Run the search flow from the command line, and say at the end what came of it."""

from __future__ import annotations

from typing import Any

from domain.errors import SatisficeError
from domain.summary import Confirmed, Ending, SearchSummary
from flows import backstage, console
from tasks.home import tracking_url
from tasks.services import noted, settle_prefect
from tasks.studies import read_study
from tasks.temporary_server import start_temporary_server


def run_search(study: str, resume: bool, **limits: Any) -> Ending:
    """Search a study in this process and print the outcome.

    The processes behind the search start before Prefect is even imported: their imports take as
    long as its start-up.
    """
    spec = read_study(study)
    settle_prefect()
    screen = console.for_terminal()
    console.current.set(screen)
    screen.say(f"{spec.name}: starting Prefect, loading {spec.data.source} ...")
    wait_for_server = start_temporary_server()
    backstage.begin(spec)
    try:
        from flows.search import NoWinner, search

        wait_for_server()
        state = search(study=study, resume=resume, **limits, return_state=True)
        result = state.result(raise_on_failure=False)
        outcome = result.summary if isinstance(result, NoWinner) else result
    finally:
        backstage.abandon(spec)
        screen.close()
    if isinstance(outcome, SearchSummary):
        screen.say(closing(outcome))
        return outcome.ending
    if isinstance(outcome, BaseException):
        raise outcome
    raise SatisficeError(f"the flow ended as {state.name} without an outcome: {state.message}")


def closing(summary: SearchSummary) -> str:
    """Return what a person wants to know at the end."""
    study, metric = summary.study, summary.study.objective.metric
    lines = [f"\n{summary.search}: {summary.ending}", f"  {summary.decision.reason}"]
    spent, currency = summary.ledger.spent, study.prices.currency
    lines.append(
        f"  spent {spent.money:.4f} {currency}, {summary.seconds:.0f} s, "
        f"{1000 * spent.kwh:.2f} Wh ({spent.energy}) on {summary.ledger.trials} trials"
    )
    lines.extend(f"  {_confirmed(one, metric)}" for one in summary.confirmed)
    if summary.registration is not None:
        lines.append(f"  {summary.registration.reason}")
    lines.extend(f"  note: {note}" for note in summary.notes)
    if summary.ending is Ending.INTERRUPTED:
        lines.append(f"  go on with: satisfice resume {study.folder}")
    lines.extend(f"  {name:<12} {address}" for name, address in summary.links.items() if address)
    if noted("mlflow") is None and not tracking_url().startswith("http"):
        lines.append("  `satisfice ui` serves Prefect's and MLflow's pages")
    return "\n".join(lines)


def _confirmed(one: Confirmed, metric: str) -> str:
    params = " ".join(f"{name}={console.short(value)}" for name, value in one.params.items())
    split = "test" if one.test else "validation"
    text = (
        f"{one.name}: {split} {metric} {one.mean:.4f} "
        f"(95 % interval {one.low:.4f} to {one.high:.4f}, {len(one.validation)} fresh seeds)"
    )
    if one.observed is not None:
        fresh = sum(one.validation) / len(one.validation)
        text += f"; chosen at {one.observed:.4f}, fresh seeds gave {fresh:.4f}"
    return f"{text}\n    {params}"
