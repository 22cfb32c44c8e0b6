"""Contradictions in a `study.yaml` whose values are all well formed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from satisfice.domain.economics.text import percent
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.syntax import ExpressionError
from satisfice.domain.expressions.type_check import (
    check_condition,
    check_number,
    check_value,
    infer,
)
from satisfice.domain.expressions.types import NUMBER, Kind, Kinds, Value
from satisfice.domain.quality import GATED
from satisfice.domain.rules.measured import MEASURED, METRICS, is_measured
from satisfice.domain.rules.predicted import LEARNT, PREDICTED
from satisfice.domain.rules.rule import MOST_AUDITED
from satisfice.domain.space.domains import kind_of as kind_of_domain
from satisfice.domain.space.priors import Prior, Weights
from satisfice.domain.space.space import Bounded, Choice, Derived, Domain, Float, Int, Ordinal
from satisfice.domain.study import Study
from satisfice.domain.suggestions import did_you_mean
from satisfice.tasks.spec import amounts
from satisfice.tasks.spec.amounts import Document
from satisfice.tasks.spec.mistakes import Mistake, Spot, dotted
from satisfice.tasks.spec.mistakes import Path as Place
from satisfice.tasks.spec.shapes import Percentage

PROBLEM = "problem.py"
_ROUNDING = 1e-9

_Check: TypeAlias = Callable[[Expression, Kinds], None]


def between(data: Document, folder: Path) -> Iterator[Mistake]:
    """Yield the mistakes that involve several values."""
    yield from _files(data, folder)
    yield from amounts.mistakes(amounts.read_amounts(data))
    for name, spec in data["space"].items():
        yield from _misfits(name, spec)
    yield from _conditions(data["space"])
    yield from _rules(data)
    known = dict.fromkeys((*GATED, data["objective"]["metric"]), NUMBER)
    listing = f"A gate may use: {', '.join(known)}"
    for at, gate in enumerate(data.get("gates", [])):
        yield from _misread(gate, ("gates", at), "this gate", known, "quality attribute", listing)


def _files(data: Document, folder: Path) -> Iterator[Mistake]:
    stated = (
        (("problem",), data.get("problem", PROBLEM), "load() and train()"),
        (("data", "expectations"), data["data"].get("expectations"), "the expectations"),
    )
    for path, name, what in stated:
        if name is None or (folder / name).is_file():
            continue
        near = did_you_mean(name, sorted(one.name for one in folder.glob("*.py")))
        told = f"there is no file {name!r} in the study folder, expected one with {what}"
        spot = Spot.VALUE if path[0] in data else Spot.SECTION
        yield Mistake(path, told, near, spot)


def _misfits(name: str, spec: Document) -> Iterator[Mistake]:
    kind = kind_of(spec)
    if kind in ("float", "int"):
        wrong = list(_wrong_bounds(name, kind, spec))
        yield from wrong
        if wrong or _depend(spec[kind]):
            return
    if kind == "derived":
        return
    domain = read_domain(spec)
    default = read_default(spec, domain)
    assert isinstance(domain, Float | Int | Choice | Ordinal)  # noqa: S101 - nothing else is left
    if default is not None and default not in domain:
        told = f"the default of {name} is {spec['default']!r}, expected {_in_words(domain)}"
        yield Mistake(("space", name, "default"), told)
    yield from _wrong_weights(name, spec.get("prior", {}), spec[kind])


def _wrong_bounds(name: str, kind: str, spec: Document) -> Iterator[Mistake]:
    low, high = spec[kind]
    at: Place = ("space", name, kind)
    if _depend(spec[kind]):
        if "step" in spec:
            told = f"{name} has both a step and bounds that depend on others"
            yield Mistake(("space", name, "step"), f"{told}, expected only one of them")
    elif not low < high:
        told = f"{name} has the bounds {low} and {high}, expected the lower one first"
        yield Mistake(at, told, "a parameter needs more than one value" if low == high else "")
        return
    if spec.get("log") and not isinstance(low, str) and not low > 0:
        told = f"{name} starts at {low}, expected a lower bound above 0 on a log scale"
        yield Mistake((*at, 0), told)
    elif spec.get("log") and "step" in spec:
        told = f"{name} has both a step and a log scale, expected only one of them"
        yield Mistake(("space", name, "step"), told)


def _wrong_weights(name: str, prior: Document, values: Sequence[object]) -> Iterator[Mistake]:
    weights = prior.get("weights")
    if weights is None:
        return
    at: Place = ("space", name, "prior", "weights")
    if len(weights) != len(values):
        told = f"{name} has {len(values)} values and {len(weights)} weights"
        yield Mistake(at, f"{told}, expected one for each")
    elif not sum(weights) > 0:
        yield Mistake(at, f"all weights of {name} are 0, expected one above 0")


def _depend(bounds: Sequence[object]) -> bool:
    return any(isinstance(one, str) for one in bounds)


def _in_words(domain: Float | Int | Choice | Ordinal) -> str:
    if isinstance(domain, Choice | Ordinal):
        values = domain.choices if isinstance(domain, Choice) else domain.values
        return "one of " + ", ".join(map(repr, values))
    steps = f" in steps of {domain.step}" if domain.step not in (None, 1) else ""
    return f"a value from {domain.low} to {domain.high}{steps}"


def _conditions(space: Document) -> Iterator[Mistake]:
    listing = f"The space has: {', '.join(space)}"
    kinds = _kinds(space)
    for at, (name, spec) in enumerate(space.items()):
        for path, where, text, check in _formulas(name, spec):
            wrong = list(_misread(text, path, where, kinds, "parameter", listing, check))
            yield from wrong or _uses_later_parameter(text, path, where, list(space)[:at])


def _kinds(space: Document) -> Kinds:
    kinds: dict[str, Kind] = {}
    for name, spec in space.items():
        try:
            domain = read_domain(spec)
            if isinstance(domain, Derived):
                kinds[name] = infer(domain.formula, kinds)
            else:
                kinds[name] = kind_of_domain(domain)
        except (ExpressionError, KeyError):  # reported with the formula
            kinds[name] = NUMBER
    return kinds


def _formulas(name: str, spec: Document) -> Iterator[tuple[Place, str, str, _Check]]:
    """Yield the formulas of a parameter, each with its place, its name and the check for it."""
    kind, at = kind_of(spec), ("space", name)
    if "when" in spec:
        yield (*at, "when"), f"the condition of {name!r}", spec["when"], check_condition
    if kind == "derived":
        yield (*at, kind), f"the formula of {name!r}", spec[kind], check_value
    bounds = spec[kind] if kind in ("float", "int") else ()
    for side, bound in enumerate(bounds):
        if isinstance(bound, str):
            yield (*at, kind, side), f"the bounds of {name!r}", bound, check_number
    around = spec.get("prior", {}).get("around")
    if isinstance(around, str):
        yield (*at, "prior", "around"), f"the prior of {name!r}", around, check_number


def _uses_later_parameter(
    text: str, path: Place, where: str, above: Collection[str]
) -> Iterator[Mistake]:
    try:
        Expression(text).check_names(above)
    except ExpressionError as error:
        name = error.text[error.column :][: error.width]
        told = f"{where} uses {name!r}, expected a parameter above it"
        below = name != path[1]
        hint = f"move {path[1]!r} below {name!r}" if below else "it cannot depend on itself"
        yield Mistake(path, told, hint, within=error)


def _rules(data: Document) -> Iterator[Mistake]:
    kinds = _kinds(data["space"])
    reported = METRICS + data["objective"]["metric"]
    known = {**kinds, **dict.fromkeys((*PREDICTED, *MEASURED, reported), NUMBER)}
    parameters = f"The space has: {', '.join(data['space'])}"
    listing = (
        f"{parameters}; predicted: {', '.join(PREDICTED)}; "
        f"measured after training: {', '.join(MEASURED)}; reported by train(): {METRICS}NAME"
    )
    seen: dict[str, int] = {}
    for at, rule in enumerate(data.get("rules", [])):
        name = rule["id"]
        if name in seen:
            told = f"rule {name!r} is given twice, expected a different id for each rule"
            yield Mistake(("rules", at, "id"), told)
        seen[name] = at
        where = f"rule {name!r}"
        path: Place = ("rules", at, "require")
        metrics = (one for one in _names(rule["require"]) if one.startswith(METRICS))
        named = {**known, **{one: NUMBER for one in metrics if one.count(".") == 1}}
        wrong = list(_misread(rule["require"], path, where, named, "parameter", listing))
        wrong = wrong or list(_before_and_after(rule["require"], path, where))
        yield from wrong or _overconfident(rule, ("rules", at, "confidence"), where)
        if "when" in rule:
            path, where = ("rules", at, "when"), f"the condition of rule {name!r}"
            yield from _misread(rule["when"], path, where, kinds, "parameter", parameters)
    yield from _misaudited(data.get("rules", []))


def _names(text: str) -> tuple[str, ...]:
    """Return the names in a rule; empty if it cannot be read, which is reported elsewhere."""
    try:
        return Expression(text).names
    except ExpressionError:
        return ()


def _before_and_after(text: str, path: Place, where: str) -> Iterator[Mistake]:
    """Yield a mistake if a rule would have to be checked both before and after training."""
    names = _names(text)
    before = next((one for one in names if one in PREDICTED), None)
    after = next((one for one in names if is_measured(one)), None)
    if before and after:
        told = f"{where} uses {before!r} and {after!r}, expected either predictions"
        hint = "compare measurements with parameters or with other measurements"
        yield Mistake(path, f"{told} or measurements", hint)


def _misaudited(rules: Sequence[Document]) -> Iterator[Mistake]:
    """Yield audits of rules that must never be broken, and audits that take too much in all."""
    together = 0.0
    for at, rule in enumerate(rules):
        path: Place = ("rules", at, "audit")
        share = Percentage.read(rule.get("audit", 0.0))
        together += share
        if share and rule.get("safety"):
            safety = dotted(("rules", at, "safety"))
            told = f"{dotted(path)} is {rule['audit']}, but {safety} is true"
            hint = "a safety rule cannot be audited: remove one of the two"
            yield Mistake(path, told, hint)
        elif share and any(map(is_measured, _names(rule["require"]))):
            told = f"{dotted(path)} is {rule['audit']}, but rule {rule['id']!r} excludes nothing"
            hint = "it is checked after training, so there is nothing to audit: remove the audit"
            yield Mistake(path, told, hint)
        elif share and together > MOST_AUDITED + _ROUNDING:
            told = f"with rule {rule['id']!r} the audits take {percent(together)} of the budget"
            yield Mistake(path, f"{told}, expected at most {percent(MOST_AUDITED)} for all of them")
            return


def _overconfident(rule: Document, path: Place, where: str) -> Iterator[Mistake]:
    """Yield a confidence for a rule that is never uncertain."""
    if "confidence" in rule and not set(Expression(rule["require"]).names) & set(LEARNT):
        told = f"{where} has a confidence, but uses no learnt prediction"
        yield Mistake(path, told, f"remove it; the learnt predictions are: {', '.join(LEARNT)}")


def _misread(
    text: str,
    path: Place,
    where: str,
    known: Kinds,
    kind: str,
    listing: str,
    check: _Check = check_condition,
) -> Iterator[Mistake]:
    try:
        expression = Expression(text)
        expression.check_names(known, kind, listing)
        check(expression, known)
    except ExpressionError as error:
        yield Mistake(path, f"{error.message} in {where}", error.hint, within=error)


def by_default(study: Study, data: Document) -> Iterator[Mistake]:
    """Yield what the default configuration breaks, without rules on predictions."""
    default = study.space.defaults()
    if default is None:
        return
    for name in study.space.outside(default):
        domain = study.space[name].domain
        if isinstance(domain, Derived):
            told = f"the formula of {name} has no result for the defaults of the others"
            yield Mistake(("space", name, "derived"), told)
        else:
            told = f"the default of {name} is {default[name]!r}, which is not between its bounds"
            hint = "its bounds follow from the defaults of the others"
            yield Mistake(("space", name, "default"), told, hint)
    places = {rule["id"]: at for at, rule in enumerate(data.get("rules", []))}
    for rule in study.rules.rules:
        if rule.id not in places or rule.needs_prediction:
            continue
        if not rule.applies_to(default) or rule.holds(default):
            continue
        values = ", ".join(f"{name} = {default[name]!r}" for name in rule.require.names)
        told = f"the default configuration breaks rule {rule.id!r}: {values}"
        hint = "change a default in the space, or the rule"
        yield Mistake(("rules", places[rule.id], "require"), told, hint)


def kind_of(spec: Document) -> str:
    """Return the type of parameter that a section describes."""
    return next(one for one in ("float", "int", "choice", "ordinal", "derived") if one in spec)


def read_domain(spec: Document) -> Domain:
    """Return the values that a parameter may take."""
    kind, log = kind_of(spec), spec.get("log", False)
    stated = spec[kind]
    if kind == "derived":
        return Derived(Expression(stated))
    if kind == "choice":
        return Choice(tuple(stated))
    if kind == "ordinal":
        return Ordinal(tuple(stated))
    if _depend(stated):
        low, high = (Expression(str(bound)) for bound in stated)
        return Bounded(low, high, log, whole=kind == "int")
    low, high = stated
    if kind == "int":
        return Int(int(low), int(high), log, int(spec.get("step", 1)))
    step = spec.get("step")
    return Float(float(low), float(high), log, None if step is None else float(step))


def read_default(spec: Document, domain: Domain) -> Value | None:
    """Return a parameter's default in the type of its domain, if one is stated."""
    stated: Value | None = spec.get("default")
    if stated is None or isinstance(domain, Choice | Ordinal | Derived):
        return stated
    return int(stated) if "int" in spec else float(stated)


def read_prior(spec: Document) -> Prior | Weights | None:
    """Return the prior of a parameter, if one is stated."""
    prior = spec.get("prior")
    if prior is None:
        return None
    if "weights" in prior:
        weights = map(float, prior["weights"])
        return Weights(tuple(zip(spec[kind_of(spec)], weights, strict=True)))
    around = Expression(str(prior["around"]))
    log = "factor" in prior
    return Prior(around, float(prior["factor" if log else "within"]), log)
