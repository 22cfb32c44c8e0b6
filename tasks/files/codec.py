"""The one codec of what is stored or sent: dataclasses as strict JSON, and back.

JSON has no numbers that are not finite: they become words that `float()` reads, `nan` and `inf`.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def to_json(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON.

    Args:
        value: A dataclass of numbers, texts, enums, tuples, mappings and further dataclasses.
        indent: Spaces to indent by, for files that people read; None for a single line.
    """
    separators = (",", ":") if indent is None else None
    return json.dumps(encode(value), separators=separators, indent=indent, allow_nan=False)


def from_json(kind: type[_T], text: str | bytes) -> _T:
    """Read a value of this type from the JSON that `to_json` wrote."""
    return cast(_T, decode(kind, json.loads(text)))


def encode(value: Any) -> Any:
    """Return a value as numbers, texts, lists and dictionaries that JSON can hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(float(value))
    if value is None or type(value) in (str, int, bool):  # most of the others
        return value
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if is_dataclass(value):
        return {one.name: encode(getattr(value, one.name)) for one in fields(value) if one.init}
    return value.value if isinstance(value, Enum) else value


def decode(kind: Any, value: Any) -> Any:
    """Return the value of this type that `encode` turned into `value`.

    A field that was not written has its default, and one that the type does not have is ignored.
    """
    return _decoder(kind)(value)


def decode_fields(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of a dataclass that are among some encoded values."""
    decoders = _field_decoders(kind)
    return {name: decoders[name](one) for name, one in values.items() if name in decoders}


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return lambda value: kind(**decode_fields(kind, value))
    if kind is float or (isinstance(kind, type) and issubclass(kind, Enum)):
        return cast("Callable[[Any], Any]", kind)
    if origin in (Union, types.UnionType):
        inner = [one for one in arguments if one is not type(None)]
        # JSON itself tells the types of a union such as bool | int | float | str apart.
        one = _decoder(inner[0]) if len(inner) == 1 else _unchanged
        return lambda value: None if value is None else one(value)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda value: tuple(map(item, value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item = _decoder(arguments[1])
        return lambda value: {key: item(one) for key, one in value.items()}
    return _unchanged


@cache
def _field_decoders(kind: Any) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    return {one.name: _decoder(hints[one.name]) for one in fields(kind) if one.init}


def _unchanged(value: Any) -> Any:
    return value
