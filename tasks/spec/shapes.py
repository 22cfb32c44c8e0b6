"""The shapes of values in a file: one description both checks a value and gives its JSON Schema.

`schema()` is for editors, `mistakes(value, path)` for people. Both follow from the same attributes,
so that they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from satisfice.domain.economics.units import Measure, QuantityError
from satisfice.domain.suggestions import did_you_mean, nearest
from satisfice.tasks.spec.mistakes import Mistake, Path, Spot, dotted, shown, unexpected

JSONSchema: TypeAlias = dict[str, Any]

_PERCENT = r"^[0-9]{1,2}(\.[0-9]+)? ?%$"
_LARGEST = 1e300  # products of larger numbers would overflow


class Shape(Protocol):
    """A set of values that a place in a file may hold."""

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        ...

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        ...


@dataclass(frozen=True)
class Text:
    """Text that matches a regular expression, written so that ECMAScript reads it the same way."""

    expected: str
    pattern: str = r"\S"
    hint: str = ""

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        return {"type": "string", "pattern": self.pattern}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not isinstance(value, str) or not re.search(self.pattern, value):
            yield unexpected(value, path, self.expected, self.hint)


@dataclass(frozen=True)
class Quantity:
    """Text that states an amount."""

    measure: Measure

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        example = self.measure.example
        return {"type": "string", "pattern": self.measure.pattern, "examples": [example]}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not isinstance(value, str) and not _is_number(value):
            yield unexpected(value, path, self.measure.expected)
            return
        try:
            self.measure.read(str(value))
        except QuantityError as error:
            yield unexpected(value, path, self.measure.expected, error.hint)


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    words: Sequence[str]

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        return {"type": "string", "enum": list(self.words)}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if value not in self.words:
            yield unexpected(
                value, path, " or ".join(self.words), did_you_mean(str(value), self.words)
            )


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        return {"type": "boolean"}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not isinstance(value, bool):
            yield unexpected(value, path, "true or false")


@dataclass(frozen=True)
class Number:
    """A number, optionally whole or within limits."""

    expected: str = "a number"
    whole: bool = False
    low: float = -_LARGEST  # the smallest number allowed
    above: float | None = None  # a bound that is not allowed itself
    high: float = _LARGEST  # the largest number allowed
    below: float | None = None  # a bound that is not allowed itself

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        limits = {
            "minimum": self.low,
            "exclusiveMinimum": self.above,
            "maximum": self.high,
            "exclusiveMaximum": self.below,
        }
        stated = {key: limit for key, limit in limits.items() if limit is not None}
        return {"type": "integer" if self.whole else "number", **stated}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not self._allows(value):
            yield unexpected(value, path, self.expected)

    def _allows(self, value: Any) -> bool:
        return (
            _is_number(value)
            and self.low <= value <= self.high
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (not self.whole or value == int(value))
        )


@dataclass(frozen=True)
class NumberOrFormula:
    """A number, or text with a formula for one."""

    number: Number
    expected: str

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        return {"anyOf": [self.number.schema(), {"type": "string", "pattern": r"\S"}]}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if isinstance(value, str):
            yield from Text(self.expected).mistakes(value, path)
        else:
            yield from self.number.mistakes(value, path)


@dataclass(frozen=True)
class Percentage:
    """A share: a number such as 0.05, or text such as 5%."""

    expected: str = "a share such as 5%, or 0.05"

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        return {"anyOf": [self._number.schema(), {"type": "string", "pattern": _PERCENT}]}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if isinstance(value, str):
            yield from Text(self.expected, _PERCENT).mistakes(value, path)
        else:
            yield from self._number.mistakes(value, path)

    @staticmethod
    def read(value: float | str) -> float:
        """Return the share as a number."""
        return float(value.rstrip("% \n")) / 100 if isinstance(value, str) else float(value)

    @property
    def _number(self) -> Number:
        return Number(self.expected, low=0.0, high=1.0)


@dataclass(frozen=True)
class Scalar:
    """Text, a number or a truth value."""

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        limits = {"minimum": -_LARGEST, "maximum": _LARGEST}
        return {"type": ["string", "number", "boolean"], **limits}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        number = _is_number(value) and abs(value) <= _LARGEST
        if not isinstance(value, str | bool) and not number:
            hint = (
                "quote text that YAML would read as something else: 'null'" if value is None else ""
            )
            yield unexpected(value, path, "text, a number, true or false", hint)


@dataclass(frozen=True)
class ListOf:
    """A list of values of one shape."""

    item: Shape
    expected: str
    at_least: int = 0
    at_most: int | None = None
    unique: bool = False

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        described: JSONSchema = {"type": "array", "items": self.item.schema()}
        if self.at_least:
            described["minItems"] = self.at_least
        if self.at_most is not None:
            described["maxItems"] = self.at_most
        if self.unique:
            described["uniqueItems"] = True
        return described

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not isinstance(value, list):
            yield unexpected(value, path, self.expected)
            return
        count = len(value)
        if count < self.at_least or (self.at_most is not None and count > self.at_most):
            entries = "1 entry" if count == 1 else f"{count} entries"
            yield Mistake(path, f"{dotted(path)} has {entries}, expected {self.expected}")
            return
        seen: list[tuple[bool, Any]] = []
        for index, one in enumerate(value):
            yield from self.item.mistakes(one, (*path, index))
            key = (isinstance(one, bool), one)  # to Python, true equals 1
            if self.unique and key in seen:
                again = f"{dotted((*path, index))} is {shown(one)} again"
                yield Mistake((*path, index), f"{again}, expected each value once")
            seen.append(key)


@dataclass(frozen=True)
class Field:
    """A key of a section.

    Attributes:
        shape: What its value may look like.
        says: What it means.
        required: Whether it must be given.
    """

    shape: Shape
    says: str
    required: bool = False


@dataclass(frozen=True)
class Section:
    """A mapping with known keys."""

    expected: str
    fields: Mapping[str, Field]
    at_least: int = 0

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        described: JSONSchema = {
            "type": "object",
            "properties": {
                name: {"description": field.says, **field.shape.schema()}
                for name, field in self.fields.items()
            },
            "required": [name for name, field in self.fields.items() if field.required],
            "additionalProperties": False,
        }
        return described | ({"minProperties": self.at_least} if self.at_least else {})

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not isinstance(value, dict) or len(value) < self.at_least:
            yield unexpected(value, path, self.expected)
            return
        where = f" in {dotted(path)}" if path else ""
        guesses = {nearest(str(key), self.fields) for key in value if key not in self.fields}
        for key in value:
            if key not in self.fields:
                listing = f"The keys here are: {', '.join(self.fields)}"
                hint = did_you_mean(str(key), self.fields, listing)
                yield Mistake((*path, key), f"unknown key {shown(key)}{where}", hint, Spot.KEY)
        for name, field in self.fields.items():
            if name in value:
                yield from field.shape.mistakes(value[name], (*path, name))
            elif field.required and name not in guesses:  # else a misspelt key is the mistake
                missing = f"{name!r} is missing{where}, expected"
                yield Mistake(path, f"{missing} {field.says}", spot=Spot.SECTION)


@dataclass(frozen=True)
class Variants:
    """A section of one of several kinds, each with a key that only it has."""

    expected: str
    kinds: Mapping[str, Section]

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        return {"oneOf": [kind.schema() for kind in self.kinds.values()]}

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not isinstance(value, dict):
            yield unexpected(value, path, self.expected)
            return
        found = [kind for kind in self.kinds if kind in value]
        if len(found) == 1:
            yield from self.kinds[found[0]].mistakes(value, path)
            return
        has = " and ".join(found) or "no type"
        guesses = () if found else (did_you_mean(str(key), self.kinds) for key in value)
        hint = next(filter(None, guesses), "")
        yield Mistake(path, f"{dotted(path)} has {has}, expected {self.expected}", hint, Spot.KEY)


@dataclass(frozen=True)
class Named:
    """A mapping whose keys are names that the user chooses."""

    item: Shape
    expected: str
    name: str
    pattern: str
    reserved: Sequence[str]

    def schema(self) -> JSONSchema:
        """Return the JSON Schema of the values."""
        names = {"pattern": self.pattern, "not": {"enum": list(self.reserved)}}
        return {
            "type": "object",
            "minProperties": 1,
            "propertyNames": names,
            "additionalProperties": self.item.schema(),
        }

    def mistakes(self, value: Any, path: Path) -> Iterator[Mistake]:
        """Yield what is wrong with a value."""
        if not isinstance(value, dict) or not value:
            yield unexpected(value, path, self.expected)
            return
        for key, one in value.items():
            here = (*path, key)
            if not isinstance(key, str) or not re.search(self.pattern, key):
                found = f"{shown(key)} is not a valid name"
                yield Mistake(here, f"{found}, expected {self.name}", spot=Spot.KEY)
            elif key in self.reserved:
                found = f"{key!r} is reserved for the rule language"
                yield Mistake(here, f"{found}, expected another name", spot=Spot.KEY)
            yield from self.item.mistakes(one, here)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
