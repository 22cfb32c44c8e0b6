"""Reference sections generated from the code, so that they cannot go stale.

A page contains `<!-- generated: NAME -->` on a line of its own; it is replaced by the Markdown that
the function of that name in `GENERATORS` returns. `<!-- generated: study_key KEY -->` stands for
one key of `study.yaml`; a page with such marks has to have one for each key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from inspect import cleandoc
from textwrap import dedent
from typing import Any, TypeAlias

import click
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.ext.autodoc.mock import mock

Schema: TypeAlias = Mapping[str, Any]

_MARK = re.compile(r"^<!-- generated: (\w+)(?: (\w+))? -->$", re.MULTILINE)
_UNBOUNDED = 2**53  # limits from here on guard against overflow; nobody needs to read them
_MOCKED = ["optuna", "pandas", "psutil", "torch"]


def study_keys() -> str:
    """Return the table of all keys of `study.yaml`, from its JSON Schema."""
    described, required = _study()
    return _table(
        ("key", "meaning", ""),
        (
            (f"[`{name}`](#{name})", one["description"], "required" if name in required else "")
            for name, one in described.items()
        ),
    )


def study_key(name: str) -> str:
    """Return what the JSON Schema says of one key."""
    described = _study()[0][name]
    item = described.get("items", described.get("additionalProperties"))
    if "properties" in described:
        return _fields(described, name)
    if isinstance(item, dict) and "oneOf" in item:
        kinds = ((next(iter(kind["properties"])), kind) for kind in item["oneOf"])
        return "\n\n".join(f"### {first}\n\n{_fields(kind, name)}" for first, kind in kinds)
    if isinstance(item, dict) and "properties" in item:
        return f"A list. Each entry has these keys:\n\n{_fields(item, name)}"
    return f"Value: {_kind(described)}."


def _study() -> tuple[dict[str, Any], set[str]]:
    from satisfice.tasks.spec.schema import schema

    described = schema()
    return described["properties"], set(described["required"])


def _fields(section: Schema, owner: str) -> str:
    required = set(section.get("required", ()))
    defaults = _defaults().get(owner, {})
    rows = [
        (
            f"`{name}`",
            _kind(one),
            one["description"],
            "required" if name in required else defaults.get(name, ""),
        )
        for name, one in section["properties"].items()
    ]
    return _table(("key", "value", "meaning", "default"), rows)


def _defaults() -> dict[str, dict[str, str]]:
    from satisfice.domain.study import Confirming, Resources

    stated = {"confirm": Confirming(), "resources": Resources()}
    return {
        owner: {
            field.name: f"`{getattr(one, field.name)}`"
            for field in fields(one)
            if getattr(one, field.name) is not None
        }
        for owner, one in stated.items()
    }


def _kind(described: Schema) -> str:
    """Say in words what a JSON Schema allows."""
    choices = described.get("anyOf", described.get("oneOf"))
    if choices is not None:
        return " or ".join(dict.fromkeys(map(_kind, choices)))
    if "enum" in described:
        return ", ".join(f"`{word}`" for word in described["enum"])
    if "examples" in described:
        return f"text such as `{described['examples'][0]}`"
    if "properties" in described:
        return f"section with {', '.join(f'`{name}`' for name in described['properties'])}"
    return _plain(described)


def _plain(described: Schema) -> str:
    kind = described["type"]
    if isinstance(kind, list):
        return "word, number or boolean"
    if kind == "array":
        return f"list: {_kind(described['items'])}"
    noun = {"integer": "whole number", "boolean": "`true` or `false`", "string": "text"}
    return _number(described, noun.get(kind, kind))


def _number(described: Schema, noun: str) -> str:
    bounds = (
        ("from", "minimum"),
        ("above", "exclusiveMinimum"),
        ("to", "maximum"),
        ("below", "exclusiveMaximum"),
    )
    stated = [
        f" {word} {described[key]}"
        for word, key in bounds
        if key in described and abs(described[key]) < _UNBOUNDED
    ]
    return noun + "".join(stated)


def units() -> str:
    """Return the units of each kind of quantity, with what they stand for."""
    from satisfice.domain.economics import units as tables

    kinds = {
        "time": tables.TIME,
        "energy": tables.ENERGY,
        "money": tables.MONEY,
        "memory": tables.SIZE,
        "carbon intensity": tables.CARBON,
    }
    return _table(
        ("quantity", "units"),
        ((kind, ", ".join(f"`{word}`" for word in words)) for kind, words in kinds.items()),
    )


def steps() -> str:
    """Return the words that a worth may be stated per."""
    from satisfice.domain.economics.units import STEPS

    return ", ".join(f"`per {word}`" for word in STEPS) + "."


def functions() -> str:
    """Return the functions of the rule language."""
    from satisfice.domain.expressions.expression import FUNCTIONS

    return ", ".join(f"`{name}`" for name in sorted(FUNCTIONS)) + "."


def names() -> str:
    """Return the names that rules and gates may use, by when they are known."""
    from satisfice.domain.quality import GATED
    from satisfice.domain.rules.measured import MEASURED
    from satisfice.domain.rules.predicted import COUNTED, LEARNT

    rows = (
        ("rules, exact before training", COUNTED),
        ("rules, forecast before training", LEARNT),
        ("soft rules, measured in a trial", MEASURED),
        ("gates, measured on the winner", GATED),
    )
    return _table(
        ("where, and when it is known", "names"),
        ((what, ", ".join(f"`{name}`" for name in of)) for what, of in rows),
    )


def manifest_columns() -> str:
    """Return what the manifest's own documentation says of its columns."""
    from satisfice.tasks.validation import manifest

    told = (manifest.__doc__ or "").split("\n\n")
    stated = "\n\n".join(part for part in told[1:] if not part.startswith("The file is"))
    for name in (*manifest.COMMON, *manifest.ARRAY, *manifest.DERIVED):
        if f"`{name}`" not in stated:
            raise ValueError(f"the documentation of the manifest does not tell of {name!r}")
    return stated


def study_functions() -> str:
    """Return the functions of `problem.py`, with their arguments."""
    from satisfice.tasks.problem.contract import _CONTRACT

    return _table(
        ("function", ""),
        (
            (f"`{name}({', '.join(arguments)})`", "required" if required else "optional")
            for name, (arguments, required) in _CONTRACT.items()
        ),
    )


def commands() -> str:
    """Return a section for each command, from the command line's own help."""
    from satisfice.flows.cli.main import cli

    context = click.Context(cli, info_name="satisfice")
    return "\n\n".join(
        part for name, command in cli.commands.items() for part in _command(name, command, context)
    )


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"## {name}"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {usage}\n```"
    yield _help(command.help or "")
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    rows = []
    for option in options:
        record = option.get_help_record(context)
        if record is not None:
            rows.append((f"`{record[0]}`", _options(record[1])))
    if rows:
        yield _table(("option", "meaning"), rows)


def _help(text: str) -> str:
    """Turn click's notation into Markdown: a paragraph after a backspace keeps its lines."""
    return "\n\n".join(
        f"```text\n{dedent(part.lstrip()[1:]).strip()}\n```" if "\b" in part else _options(part)
        for part in cleandoc(text).split("\n\n")
    )


def exit_codes() -> str:
    """Return the table of exit codes, from the help of `satisfice`."""
    from satisfice.flows.cli.main import cli

    found = re.findall(r"^\s+(\d+)\s+(.+)$", cli.epilog or "", re.MULTILINE)
    if not found:
        raise ValueError("the help of `satisfice` lists no exit codes")
    return _table(("code", "meaning"), ((code, _options(text)) for code, text in found))


def _options(text: str) -> str:
    """Set options in code, where the text does not do so already."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"--[a-z][a-z-]*", r"`\g<0>`", part)
        for part in parts
    )


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    cells = (" | ".join(str(cell).replace("|", r"\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |" for line in cells)


GENERATORS: dict[str, Callable[[], str]] = {
    one.__name__: one
    for one in (
        study_keys,
        units,
        steps,
        functions,
        names,
        manifest_columns,
        study_functions,
        commands,
        exit_codes,
    )
}


def _replace(_app: Sphinx, page: str, source: list[str]) -> None:
    def generated(match: re.Match[str]) -> str:
        return study_key(match[2]) if match[1] == "study_key" else GENERATORS[match[1]]()

    told = {match[2] for match in _MARK.finditer(source[0]) if match[1] == "study_key"}
    with mock(_MOCKED):
        if told and told != set(_study()[0]):
            raise ExtensionError(
                f"{page}: a mark is missing or has no key: {told ^ set(_study()[0])}"
            )
        source[0] = _MARK.sub(generated, source[0])


def _outdated(app: Sphinx, *_: Any) -> list[str]:
    """Read pages with generated parts on each build: nothing says when the code has changed."""
    texts = ((page, app.env.doc2path(page)) for page in app.env.found_docs)
    return [page for page, path in texts if _MARK.search(path.read_text("utf-8"))]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("source-read", _replace)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True}
