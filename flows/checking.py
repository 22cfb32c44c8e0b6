"""Everything that can be known of a study before paying: specification, rules, data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from domain.cost import Budget
from domain.errors import NoAllowedConfiguration
from domain.space import Bounded, Choice, Derived, Ordinal, Parameter, Params
from domain.study import Study
from domain.summary import DataReport
from flows.console import short
from tasks.companion import Companion
from tasks.drawing import random_configurations
from tasks.sampling import Predict
from tasks.server import TrialServer
from tasks.studies import read_study
from tasks.validation import validate

SAMPLES = 200  # with predictions at a few milliseconds each, a check stays within seconds


def check_study(path: str) -> bool:
    """Print what is known of a study, and tell whether its data passes the gate."""
    study = read_study(path)
    for line in _specification(study):
        click.echo(line)
    with TrialServer(study) as server, Companion("great_expectations") as gate:
        ready = server.ready()
        for line in _rules(study, server.predict):
            click.echo(line)
        data = gate.run(validate, study, ready.manifest, ready.digest, None)
        ready.manifest.unlink(missing_ok=True)
    for line in _data(study, data):
        click.echo(line)
    return bool(data.passed)


def _specification(study: Study) -> Iterator[str]:
    objective, prices = study.objective, study.prices
    yield f"study {study.name}: {objective.direction} {objective.metric}"
    worth = f"{short(study.worth.money)} {prices.currency} a {study.worth.per}"
    yield f"  worth   {study.worth.stated}: {worth}"
    yield f"  prices  {short(prices.hour)} {prices.currency}/h, {short(prices.kwh)} per kWh"
    yield f"  budget  {_budget(study.budget, prices.currency)}"
    yield f"  kept    {study.confirming.share:.0%} of it for confirming the leaders"
    yield "space"
    for one in study.space.parameters:
        yield f"  {one.name:<12} {_domain(one)}"


def _budget(budget: Budget, currency: str) -> str:
    parts = [
        None if budget.trials is None else f"{budget.trials} trials",
        None if budget.seconds is None else f"{short(budget.seconds / 60)} min",
        None if budget.money is None else f"{short(budget.money)} {currency}",
        None if budget.kwh is None else f"{short(budget.kwh)} kWh",
    ]
    return ", ".join(part for part in parts if part) or "no limit: only the decision ends a search"


def _domain(parameter: Parameter) -> str:
    domain = parameter.domain
    if isinstance(domain, Choice):
        text = "one of " + ", ".join(map(str, domain.choices))
    elif isinstance(domain, Ordinal):
        text = "in this order: " + ", ".join(map(str, domain.values))
    elif isinstance(domain, Derived):
        text = f"= {domain.formula.text}"
    elif isinstance(domain, Bounded):
        text = f"{domain.low.text} to {domain.high.text}" + (" (log)" if domain.log else "")
    else:
        text = f"{short(domain.low)} to {short(domain.high)}" + (" (log)" if domain.log else "")
    if parameter.default is not None:
        text += f", default {short(parameter.default)}"
    return text if parameter.when is None else f"{text}, when {parameter.when.text}"


def _rules(study: Study, predict: Predict) -> Iterator[str]:
    if not study.rules.rules:
        yield "rules: none"
        return
    configurations = list(random_configurations(study.space, SAMPLES, study.seed))
    verdicts = [study.rules.judge_asking(one, predict) for one in configurations]
    allowed = sum(verdict.allowed for verdict in verdicts)
    yield f"rules, held against {SAMPLES} random configurations: {allowed} are allowed"
    for rule in study.rules.rules:
        broken = [
            params
            for params, verdict in zip(configurations, verdicts, strict=True)
            if rule.id in verdict.broken
        ]
        yield f"  {rule.id}: {rule.require.text}"
        yield f"    because {rule.because or 'no reason is given'}"
        if rule.source:
            yield f"    source {rule.source}"
        forbids = f"forbids {len(broken)} of {SAMPLES}"
        yield f"    {forbids}" + (f", such as {_params(broken[0])}" if broken else "")
    default = study.space.defaults()
    if default is not None:
        verdict = study.rules.judge_asking(default, predict)
        stands = "is allowed" if verdict.allowed else f"BREAKS {', '.join(verdict.broken)}"
        yield f"  the default configuration {stands}"
    if not allowed:
        raise NoAllowedConfiguration(
            f"the rules turned away all of {SAMPLES} random configurations",
            "is a rule stricter than it was meant to be? The list says what each of them forbids",
        )


def _params(params: Params | Mapping[str, object]) -> str:
    return " ".join(f"{name}={short(value)}" for name, value in params.items())


def _data(study: Study, data: DataReport) -> Iterator[str]:
    rows = ", ".join(f"{count} {split}" for split, count in data.rows.items())
    yield f"data {study.data.source} ({data.digest}): {rows}"
    for one in data.results:
        yield f"  {'holds ' if one.passed else 'BROKEN'} {one.name}"
        if not one.passed:
            yield f"         {one.unexpected} rows, such as {', '.join(one.examples[:5])}"
