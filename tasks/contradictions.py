"""What contradicts itself in a `study.yaml` whose values are all well formed one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

from domain.expressions import Expression, ExpressionError
from domain.kinds import check_condition
from domain.quality import GATED
from domain.rules import PREDICTED
from domain.sorts import NUMBER, Kinds, kind_of
from domain.space import Choice, Domain, Float, Int, Value
from domain.study import Study
from tasks import amounts
from tasks.amounts import Document
from tasks.shapes import Mistake, Spot
from tasks.shapes import Path as Place

PROBLEM = "problem.py"


def between(data: Document, folder: Path) -> Iterator[Mistake]:
    """Find what takes more than a look at one value."""
    yield from _files(data, folder)
    yield from amounts.mistakes(amounts.read_amounts(data))
    for name, spec in data["space"].items():
        yield from _misfits(name, spec)
    yield from _conditions(data["space"])
    yield from _rules(data)
    known = dict.fromkeys((*GATED, data["objective"]["metric"]), NUMBER)
    listing = f"A gate may name: {', '.join(known)}"
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
        near = get_close_matches(name, sorted(one.name for one in folder.glob("*.py")), n=1)
        told = f"there is no file {name!r} in the study folder, expected one with {what}"
        spot = Spot.VALUE if path[0] in data else Spot.SECTION
        yield Mistake(path, told, f"did you mean {near[0]!r}?" if near else "", spot)


def _misfits(name: str, spec: Document) -> Iterator[Mistake]:
    kind = next(one for one in ("float", "int", "choice") if one in spec)
    at: Place = ("space", name, kind)
    if kind != "choice":
        low, high = spec[kind]
        if not low < high:
            told = f"{name} has the bounds {low} and {high}, expected the lower one first"
            yield Mistake(
                at, told, "a parameter with one value is no parameter" if low == high else ""
            )
            return
        if spec.get("log") and not low > 0:
            told = f"{name} begins at {low}, expected a lower bound above 0 on a log scale"
            yield Mistake((*at, 0), told)
            return
        if spec.get("log") and "step" in spec:
            told = f"{name} has a step on a log scale, expected one of them"
            yield Mistake(("space", name, "step"), told)
            return
    domain = read_domain(spec)
    default = read_default(spec, domain)
    if default is not None and default not in domain:
        told = f"the default of {name} is {spec['default']!r}, expected {_in_words(domain)}"
        yield Mistake(("space", name, "default"), told)


def _in_words(domain: Domain) -> str:
    if isinstance(domain, Choice):
        return "one of " + ", ".join(map(repr, domain.choices))
    steps = f" in steps of {domain.step}" if isinstance(domain, Int) and domain.step > 1 else ""
    return f"a value from {domain.low} to {domain.high}{steps}"


def _conditions(space: Document) -> Iterator[Mistake]:
    listing = f"The space has: {', '.join(space)}"
    kinds = _kinds(space)
    for at, (name, spec) in enumerate(space.items()):
        if "when" not in spec:
            continue
        path, where = ("space", name, "when"), f"the condition of {name!r}"
        wrong = list(_misread(spec["when"], path, where, kinds, "parameter", listing))
        yield from wrong or _looking_down(spec["when"], path, where, list(space)[:at])


def _kinds(space: Document) -> Kinds:
    return {name: kind_of(read_domain(spec)) for name, spec in space.items()}


def _looking_down(text: str, path: Place, where: str, above: Collection[str]) -> Iterator[Mistake]:
    try:
        Expression(text).check_names(above)
    except ExpressionError as error:
        name = error.text[error.column :][: error.width]
        told = f"{where} names {name!r}, expected a parameter that stands above it"
        below = name != path[1]
        hint = f"move {path[1]!r} down, below {name!r}" if below else "it cannot depend on itself"
        yield Mistake(path, told, hint, within=error)


def _rules(data: Document) -> Iterator[Mistake]:
    known = {**_kinds(data["space"]), **dict.fromkeys(PREDICTED, NUMBER)}
    listing = f"The space has: {', '.join(data['space'])}; predicted are: {', '.join(PREDICTED)}"
    seen: dict[str, int] = {}
    for at, rule in enumerate(data.get("rules", [])):
        name = rule["id"]
        if name in seen:
            told = f"rule {name!r} is there twice, expected an id of its own for each rule"
            yield Mistake(("rules", at, "id"), told)
        seen[name] = at
        where = f"rule {name!r}"
        path = ("rules", at, "require")
        yield from _misread(rule["require"], path, where, known, "parameter", listing)


def _misread(
    text: str, path: Place, where: str, known: Kinds, kind: str, listing: str
) -> Iterator[Mistake]:
    try:
        condition = Expression(text)
        condition.check_names(known, kind, listing)
        check_condition(condition, known)
    except ExpressionError as error:
        yield Mistake(path, f"{error.message} in {where}", error.hint, within=error)


def by_default(study: Study) -> Iterator[Mistake]:
    """Find rules that the default configuration breaks, as far as that needs no prediction."""
    default = study.space.defaults()
    if default is None:
        return
    for at, rule in enumerate(study.rules.rules):
        if rule.needs_prediction or not rule.applies_to(default) or rule.holds(default):
            continue
        values = ", ".join(f"{name} = {default[name]!r}" for name in rule.require.names)
        told = f"the default configuration breaks rule {rule.id!r}: {values}"
        hint = "change a default in the space, or the rule"
        yield Mistake(("rules", at, "require"), told, hint)


def read_domain(spec: Document) -> Domain:
    """Return the values that a parameter may take."""
    log = spec.get("log", False)
    if "float" in spec:
        low, high = map(float, spec["float"])
        return Float(low, high, log)
    if "int" in spec:
        low, high = map(int, spec["int"])
        return Int(low, high, log, int(spec.get("step", 1)))
    return Choice(tuple(spec["choice"]))


def read_default(spec: Document, domain: Domain) -> Value | None:
    """Return a parameter's default as its domain counts, if one is stated."""
    stated = spec.get("default")
    if stated is None or isinstance(domain, Choice):
        return stated
    return float(stated) if isinstance(domain, Float) else int(stated)
