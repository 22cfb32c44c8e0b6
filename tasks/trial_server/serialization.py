"""Frozen dataclasses as JSON and back, so that orders can be sent between processes."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def to_json(value: Any) -> str:
    """Write a dataclass as JSON.

    Args:
        value: A dataclass of numbers, strings, enums, tuples, mappings and dataclasses.
    """
    return json.dumps(plain(value), separators=(",", ":"))


def from_json(kind: type[_T], text: str | bytes) -> _T:
    """Read a dataclass of this kind that `to_json` wrote."""
    result: _T = rebuild(kind, json.loads(text))
    return result


def plain(value: Any) -> Any:
    """Convert a value to types that JSON has."""
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value) if one.init}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def rebuild(kind: Any, value: Any) -> Any:
    """Rebuild a value of this type from what `plain` returned."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: rebuild(hints[name], item) for name, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = [one for one in arguments if one is not type(None)]
        # JSON itself distinguishes the members of a union of plain values (bool | int | str).
        return value if value is None or len(inner) > 1 else rebuild(inner[0], value)
    if origin is tuple:
        return tuple(rebuild(arguments[0], item) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: rebuild(arguments[1], item) for key, item in value.items()}
    return float(value) if kind is float else value
