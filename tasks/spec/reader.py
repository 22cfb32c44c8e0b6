"""Reads a study folder into a `Study`, and refuses every mistake in it before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from satisfice.domain.economics.worth import Amount, Direction
from satisfice.domain.errors import UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.quality import Gate
from satisfice.domain.rules.rule import Rule, RuleBook, implied_by
from satisfice.domain.space.space import Parameter, Space
from satisfice.domain.study import Confirming, DataSource, Objective, Resources, Study
from satisfice.domain.suggestions import nearest
from satisfice.tasks.spec import amounts, consistency, schema, yaml_source
from satisfice.tasks.spec.amounts import Document
from satisfice.tasks.spec.consistency import PROBLEM, read_default, read_domain, read_prior
from satisfice.tasks.spec.shapes import Percentage

FILE = "study.yaml"


def read_study(folder: str | Path) -> Study:
    """Read a study.

    Args:
        folder: The study folder, or its `study.yaml`.

    Raises:
        UserError: The message names the file and line, what was found and what was expected.
    """
    file = _file(Path(folder))
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{file}:{line}: expected text in UTF-8") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    written = yaml_source.parse(str(file), text)
    written.refuse(schema.mistakes(written.data))
    written.refuse(consistency.between(written.data, file.parent))
    study = _build(written.data, file.parent, text)
    written.refuse(consistency.by_default(study, written.data))
    return study


def recorded_study(text: str, folder: str) -> Study:
    """Read the specification of a past search, whatever its folder contains now.

    Args:
        text: `study.yaml` as it was when the search began.
        folder: The study folder at that time.
    """
    written = yaml_source.parse(f"the record of {folder}/{FILE}", text)
    written.refuse(schema.mistakes(written.data))
    return _build(written.data, Path(folder), text)


def rule_lines(study: Study) -> dict[str, int]:
    """Return the line of the file in which each of its rules begins."""
    written = yaml_source.parse(FILE, study.text)
    stated = written.data.get("rules", [])
    return {rule["id"]: written.line(("rules", at)) for at, rule in enumerate(stated)}


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    if (path / FILE).is_file():
        return path / FILE
    lacks = f"there is no {FILE} in this folder" if path.is_dir() else "there is no such study"
    places = (path, path.parent, Path("studies"))
    folders = dict.fromkeys(
        str(one.parent) for at in places for one in sorted(at.glob(f"*/{FILE}"))
    )
    names = {Path(one).name: one for one in folders}
    near = nearest((path.parent if path.suffix else path).name, names)
    guess = "" if near is None else f"did you mean {names[near]!r}? "
    there = f"{guess}There are: {', '.join(list(folders)[:10])}"
    raise UserError(f"{path}: {lacks}", there if folders else f"a study is a folder with {FILE}")


def _build(data: Document, folder: Path, text: str) -> Study:
    found = amounts.read_amounts(data)
    prices = amounts.read_prices(found)
    objective = data["objective"]
    space = Space(tuple(_parameter(name, spec) for name, spec in data["space"].items()))
    rules = tuple(map(_rule, data.get("rules", [])))
    hard = (one for one in rules if not one.is_soft)
    return Study(
        name=data["study"],
        folder=str(folder.resolve()),
        problem=data.get("problem", PROBLEM),
        data=DataSource(data["data"]["source"], data["data"].get("expectations")),
        objective=Objective(objective["metric"], Direction(objective["direction"])),
        worth=amounts.read_worth(data, prices),
        prices=prices,
        budget=amounts.read_budget(data, found, prices),
        space=space,
        rules=RuleBook((*hard, *implied_by(space))),
        soft_rules=RuleBook(tuple(one for one in rules if one.is_soft)),
        gates=tuple(Gate(Expression(one)) for one in data.get("gates", [])),
        confirming=Confirming(
            **_stated(data.get("confirm", {}), leaders=int, seeds=int, share=float)
        ),
        resources=_resources(data.get("resources", {}), found.get(("resources", "memory"))),
        sampler=data.get("sampler", "tpe"),
        seed=int(data.get("seed", 0)),
        text=text,
    )


def _parameter(name: str, spec: Document) -> Parameter:
    domain = read_domain(spec)
    when = Expression(spec["when"]) if "when" in spec else None
    return Parameter(name, domain, when, read_default(spec, domain), read_prior(spec))


def _rule(spec: Document) -> Rule:
    require = Expression(spec["require"])
    when = Expression(spec["when"]) if "when" in spec else None
    stated = _stated(spec, confidence=float, audit=Percentage.read, safety=bool)
    because, source = spec.get("because", ""), spec.get("source", "")
    return Rule(spec["id"], require, because, source, when, **stated)


def _resources(spec: Document, memory: Amount | None) -> Resources:
    limit = None if memory is None else max(round(memory.quantity), 1)
    numbers = _stated(spec, workers=int, threads=int, watts_per_core=float)
    return Resources(memory_mb=limit, **numbers)


def _stated(spec: Document, **kinds: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the stated values; the domain has defaults for the others."""
    return {key: kind(spec[key]) for key, kind in kinds.items() if key in spec}
