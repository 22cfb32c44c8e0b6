"""Mistakes in a file: where they are, what was found, and what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from satisfice.domain.expressions.syntax import ExpressionError

Path: TypeAlias = tuple[str | int, ...]


class Spot(Enum):
    """Which part of a place in a file to point at."""

    VALUE = "value"
    KEY = "key"
    SECTION = "section"  # something is missing, so nothing can be underlined


@dataclass(frozen=True)
class Mistake:
    """Something wrong at a place of a file.

    Attributes:
        path: The keys and indices that lead to the place.
        message: What was found and what was expected.
        hint: How to fix it; may be empty.
        spot: Which part of the place to point at.
        within: The error in the expression at that place, with its position.
    """

    path: Path
    message: str
    hint: str = ""
    spot: Spot = Spot.VALUE
    within: ExpressionError | None = None


def dotted(path: Path) -> str:
    """Return a path in the usual notation, `space.lr.float[0]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".") or "the file"


def unexpected(value: Any, path: Path, expected: str, hint: str = "") -> Mistake:
    """Return the mistake that a value is not what was expected."""
    return Mistake(path, f"{dotted(path)} is {shown(value)}, expected {expected}", hint)


def shown(value: Any) -> str:
    """Return a value as messages show it, shortened."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a section" if value else "an empty section"
    if isinstance(value, list):
        return "a list"
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
