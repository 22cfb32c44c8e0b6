"""The output of `satisfice check`: text, or a JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.text import Text

from satisfice.domain.audits.audit import most_money
from satisfice.domain.economics.cost import Budget
from satisfice.domain.economics.text import HOURS, money, percent, short
from satisfice.domain.rules.check import Doubt, Findings, RuleFinding, Warned
from satisfice.domain.rules.conflicts import Clash
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Bounded, Choice, Derived, Ordinal, Parameter, Params
from satisfice.domain.statistics import Share
from satisfice.domain.study import Study
from satisfice.domain.summary import DataReport


def specification(study: Study) -> Iterator[Text]:
    """Yield the specification."""
    objective, prices = study.objective, study.prices
    yield _headline(f"study {study.name}", f": {objective.direction} {objective.metric}")
    worth = f"{short(study.worth.money)} {prices.currency} a {study.worth.per}"
    yield _line("worth", f"{study.worth.stated}: {worth}")
    stated = f"{short(prices.hour)} {prices.currency}/h, {short(prices.kwh)} per kWh"
    none = "none stated: costs are counted in hours of this machine"
    yield _line("prices", none if prices.currency == HOURS else stated)
    yield _line("budget", _budget(study.budget, prices.currency))
    yield _line("kept", f"{percent(study.confirming.share)} of the budget, to confirm the leaders")
    yield from _audits(study)
    yield _headline("space")
    for one in study.space.parameters:
        yield Text.assemble(f"  {one.name:<12} ", _domain(one))


def _audits(study: Study) -> Iterator[Text]:
    for rule in study.rules.rules:
        if rule.audit:
            most = most_money(rule.audit, study)
            limit = "" if most is None else f", at most {money(most, study.prices.currency)}"
            share = f"{percent(rule.audit)} of what the search spends"
            yield _line("audits", f"{share} on trials just outside {rule.id}{limit}")
        if rule.safety:
            yield _line("safety", f"{rule.id} is never broken, not even by an audit")


def _headline(text: str, rest: str = "") -> Text:
    return Text.assemble((text, "bold"), rest)


def _line(name: str, text: str | Text, indent: int = 2) -> Text:
    return Text.assemble(" " * indent, (f"{name:<7} ", "dim"), text)


def _budget(budget: Budget, currency: str) -> str:
    parts = [
        None if budget.trials is None else f"{budget.trials} trials",
        None if budget.seconds is None else f"{short(budget.seconds / 60)} min",
        None if budget.money is None else f"{short(budget.money)} {currency}",
        None if budget.kwh is None else f"{short(budget.kwh)} kWh",
    ]
    return (
        ", ".join(part for part in parts if part) or "no limit: only its own decision ends a search"
    )


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


def rules(findings: Findings) -> Iterator[Text]:
    """Yield what each rule does, what they do together, and warnings."""
    if not findings.rules:
        yield _headline("rules", ": none")
        return
    yield _headline("rules", f", checked on {_checked(findings)}")
    on_parameters = any(not one.rule.needs_prediction for one in findings.rules)
    for one in findings.rules:
        yield from _stated(one.rule)
        conditional = one.rule.needs_prediction and on_parameters
        yield _line("allows", _allows(one, conditional), 4)
        if one.forbidden is not None:
            yield _line("forbids", Text(_params(one.forbidden), "red"), 4)
            if findings.clash is None:
                yield _line("nearest", _nearest(one.forbidden, one.nearest), 4)
    together = "none of them" if findings.clash else _share(findings.together, "the space")
    yield Text.assemble("  together they allow ", (together, "bold"))
    if findings.default is not None:
        broken = ", ".join(findings.default)
        yield Text(f"  the default configuration {f'BREAKS {broken}' if broken else 'is allowed'}")
    for warned in findings.warnings:
        yield Text.assemble(("  warning ", "yellow"), warning(findings, warned))


def hidden(libraries: Mapping[str, str]) -> Iterator[Text]:
    """Warn of the study's modules that hide libraries, by file name."""
    for file, library in libraries.items():
        text = f"{file} hides {library} from the study and the packages that it imports: rename it"
        yield Text.assemble(("  warning ", "yellow"), text)


def soft_rules(study: Study) -> Iterator[Text]:
    """Yield the rules that are checked on trained models."""
    if study.soft_rules.rules:
        yield _headline("soft rules", ", checked after training")
    for one in study.soft_rules.rules:
        yield from _stated(one)


def _stated(rule: Rule) -> Iterator[Text]:
    yield Text.assemble("  ", (rule.id, "bold"), f": {_condition(rule)}")
    yield _line("because", rule.because or "no reason given", 4)
    if rule.source:
        yield _line("source", rule.source, 4)


def _condition(rule: Rule) -> str:
    return rule.require.text + ("" if rule.when is None else f", when {rule.when.text}")


def _checked(findings: Findings) -> str:
    seen = f"{findings.seen:,}"
    predictions = f", {findings.predictions} predictions" if findings.predictions else ""
    if findings.whole:
        return f"all {seen} configurations{predictions}"
    return f"{seen} random configurations{predictions}; 95 % intervals in brackets"


def _allows(found: RuleFinding, conditional: bool) -> Text:
    if not found.allows.of:
        return Text("unknown: the rules on parameters allow none of the configurations")
    what = "what the rules on parameters allow" if conditional else "the space"
    silent = Share(found.allows.of - found.applies, found.allows.of)
    rest = f"; does not apply to {percent(silent.value)}" if silent.count else ""
    return Text(f"{_share(found.allows, what)}{rest}")


def _share(share: Share, what: str) -> str:
    if share.whole:
        return f"{share.count:,} of {share.of:,} ({percent(share.value)} of {what})"
    low, high = map(percent, share.interval)
    return f"{percent(share.value)} of {what} ({low} to {high})"


def _nearest(forbidden: Params, nearest: Params | None) -> Text:
    if nearest is None:
        return Text("none found")
    changed = {name: value for name, value in nearest.items() if forbidden.get(name) != value}
    absent = [f"no {name}" for name in forbidden if name not in nearest]
    return Text(" ".join([_params(changed), *absent]).strip(), "green")


def _params(params: Mapping[str, object]) -> str:
    return " ".join(f"{name}={short(value)}" for name, value in params.items())


def warning(findings: Findings, warned: Warned) -> str:
    """Return a warning about a rule as a sentence."""
    rule = f"rule {warned.rule!r}"
    if warned.doubt is Doubt.DEFAULT_BREAKS:
        return f"the default configuration breaks {rule}"
    found = next(one for one in findings.rules if one.rule.id == warned.rule)
    those = f"{found.allows.of:,} configurations"
    if warned.doubt is Doubt.ADDS_NOTHING:
        among = "" if findings.whole else f", among {those}"
        return f"{rule} is redundant: {warned.beside!r} forbids all that it forbids{among}"
    if warned.doubt is Doubt.NEVER_TRUE:
        where = f"all {found.applies:,} configurations that it applies to"
        return f"{rule} is never true: it forbids {where}"
    if not found.applies:
        return f"{rule} never applies: its parameters are never active together in {those}"
    return f"{rule} is always true: it forbids none of {those}. Is it needed?"


def clash(book: RuleBook, found: Clash, lines: Mapping[str, int]) -> tuple[str, str]:
    """Return the message and the hint for a contradiction.

    Args:
        book: All rules.
        found: The contradiction.
        lines: The line of study.yaml in which each rule begins; bounds of the space have none.
    """
    names = " and ".join(map(repr, found.rules))
    several = len(found.rules) > 1
    what = f"rules {names} together" if several else f"rule {names}"
    if found.over is None:
        message = f"none of {found.looked_at:,} configurations satisfies {what}"
    elif not found.over:
        message = f"no configuration satisfies {what}"
    else:
        each = "values" if len(found.over) == 1 else "combinations"
        tried = f"{found.looked_at:,} {each} of {' and '.join(found.over)}"
        message = f"no configuration satisfies {what}: none of {tried} does"
    texts = {one.id: _condition(one) for one in book.rules}
    places = {name: f"line {line}, " for name, line in lines.items()}
    shown = "".join(f"\n    {places.get(one, '')}{one}: {texts[one]}" for one in found.rules)
    others = ": without any one of them, the others can be satisfied" if several else ""
    hint = f"loosen {'one of them' if several else 'it'} or widen the space{others}"
    return message + shown, hint


def data(study: Study, report: DataReport) -> Iterator[Text]:
    """Yield the size of the data, and which expectations it meets."""
    rows = ", ".join(f"{count} {split}" for split, count in report.rows.items())
    yield _headline(f"data {study.data.source}", f" ({report.digest}): {rows}")
    for one in report.results:
        mark = ("holds ", "green") if one.passed else ("FAILS ", "bold red")
        yield Text.assemble("  ", mark, f" {one.name}")
        if not one.passed:
            yield Text(f"         {one.unexpected} rows, such as {', '.join(one.examples[:5])}")


def document(study: Study, findings: Findings, report: DataReport | None) -> dict[str, Any]:
    """Return all of it as a JSON document; shares have 95 % intervals."""
    return {
        "study": study.name,
        "objective": asdict(study.objective),
        "worth": {"stated": study.worth.stated, "money": study.worth.money, "per": study.worth.per},
        "prices": asdict(study.prices),
        "budget": asdict(study.budget),
        "space": {one.name: _domain(one) for one in study.space.parameters},
        "rules": {
            "configurations": findings.seen,
            "all_there_are": findings.whole,
            "predictions": findings.predictions,
            "together": _numbers(findings.together),
            "rules": [_rule(one) for one in findings.rules],
            "default_breaks": None if findings.default is None else list(findings.default),
            "warnings": [
                {**asdict(one), "told": warning(findings, one)} for one in findings.warnings
            ],
            "clash": None if findings.clash is None else asdict(findings.clash),
        },
        "audits": {
            rule.id: {"share": rule.audit, "money": most_money(rule.audit, study)}
            for rule in study.rules.rules
            if rule.audit
        },
        "soft_rules": [_stated_rule(one) for one in study.soft_rules.rules],
        "data": None if report is None else {"passed": report.passed, **asdict(report)},
    }


def _rule(found: RuleFinding) -> dict[str, Any]:
    return {
        **_stated_rule(found.rule),
        "safety": found.rule.safety,
        "allows": _numbers(found.allows),
        "applies_to": found.applies,
        "forbidden": None if found.forbidden is None else dict(found.forbidden),
        "nearest": None if found.nearest is None else dict(found.nearest),
    }


def _stated_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "require": rule.require.text,
        "when": None if rule.when is None else rule.when.text,
        "because": rule.because,
        "source": rule.source,
    }


def _numbers(share: Share) -> dict[str, Any]:
    low, high = share.interval
    value = share.value if share.of else None
    return {"count": share.count, "of": share.of, "share": value, "low": low, "high": high}
