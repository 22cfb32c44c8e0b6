"""The notation of a sweep: `lr=1e-4..1e-1:log:7`, `groups=1,2,4`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from satisfice.domain.errors import UserError
from satisfice.domain.expressions.types import Value
from satisfice.domain.space.space import Bounded, Choice, Derived, Float, Int, Ordinal, Space
from satisfice.domain.suggestions import did_you_mean

NOTATION = (
    "Write name=1,2,4 or name=low..high:5 or name=low..high:log:5, such as lr=1e-4..1e-1:log:7"
)
_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+)(?P<log>:log)?(?::(?P<count>\d{1,9}))?")
_MOST = 1000  # values of a range; more are a mistake
_DIGITS = 12  # so that 10 ** -3 is 0.001
_Numeric: TypeAlias = Float | Int | Bounded
_TRUTH: dict[str, Value] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Swept:
    """A parameter and its values in a sweep.

    Attributes:
        name: The parameter.
        text: The text as written.
        values: Its values, each once; empty if it is drawn from a range.
        between: That range.
    """

    name: str
    text: str
    values: tuple[Value, ...] = ()
    between: Float | Int | None = None

    def at(self, place: float) -> Value:
        """Return the value at a place from 0 to below 1, uniform on the scale."""
        if self.between is not None:
            return _drawn(self.between, place)
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


def read_swept(texts: Iterable[str], space: Space, drawn: bool) -> tuple[Swept, ...]:
    """Parse the parameters of a sweep.

    Args:
        texts: One for each parameter.
        space: The space of the study.
        drawn: Whether points are drawn at random: then a range needs no number of values.

    Raises:
        UserError: Names the text that cannot be parsed, what is wrong, and what to write.
    """
    swept: dict[str, Swept] = {}
    for text in texts:
        one = _read(text.strip(), space, drawn)
        if one.name in swept:
            raise UserError(
                f"{one.name} is given twice: {swept[one.name].text!r} and {one.text!r}",
                f"Give it once, with all of its values: {one.name}=...",
            )
        swept[one.name] = one
    if not swept:
        raise UserError("a sweep needs at least one parameter", NOTATION)
    return tuple(swept.values())


def _read(text: str, space: Space, drawn: bool) -> Swept:
    name, equals, over = (part.strip() for part in text.partition("="))
    if not (name and equals and over):
        raise UserError(f"{text!r} does not say what to sweep", NOTATION)
    if name not in space.names:
        hint = did_you_mean(name, space.names, f"The space has: {', '.join(space.names)}")
        raise UserError(f"{text!r}: the study has no parameter {name!r}", hint)
    domain = space[name].domain
    if isinstance(domain, Derived):
        raise UserError(
            f"{text!r}: {name} is derived, as {domain.formula.text}, and cannot be swept",
            f"Sweep the parameters it is derived from: {', '.join(domain.formula.names)}",
        )
    if isinstance(domain, Choice | Ordinal):
        values = [_find(text, name, domain, one.strip()) for one in over.split(",")]
        return Swept(name, text, _each_once(values))
    found = _RANGE.fullmatch(over)
    if found is not None:
        return _read_range(text, name, domain, found, drawn)
    numbers = [_read_number(text, name, domain, one.strip()) for one in over.split(",")]
    return Swept(name, text, _each_once(numbers))


def _read_range(text: str, name: str, domain: _Numeric, found: re.Match[str], drawn: bool) -> Swept:
    low, high = (_read_number(text, name, domain, found[end].strip()) for end in ("low", "high"))
    if not low < high:
        raise UserError(f"{text!r} ranges from {low} to {high}", "Write the lower end first")
    log = found["log"] is not None
    if log and not low > 0:
        raise UserError(f"{text!r} begins at {low}", "A logarithmic range must begin above 0")
    count = found["count"]
    if count is None:
        if not drawn:
            raise UserError(
                f"{text!r} does not say how many values it has",
                f"Write {text}:5 for five values, or draw points from the range with --random 20",
            )
        log = log or (domain.log and low > 0)
        return Swept(name, text, between=_part(domain, low, high, log))
    if not 2 <= int(count) <= _MOST:
        raise UserError(f"{text!r} asks for {count} values", f"A range has 2 to {_MOST} values")
    part, steps = _part(domain, low, high, log), int(count) - 1
    return Swept(name, text, _each_once(_at(part, step / steps) for step in range(steps + 1)))


def _part(domain: _Numeric, low: float, high: float, log: bool) -> Float | Int:
    step = None if isinstance(domain, Bounded) else domain.step
    if _is_whole(domain):
        return Int(int(low), int(high), log, int(step or 1))
    return Float(low, high, log, step)


def _at(domain: Float | Int, place: float) -> Value:
    value = domain.at(place)
    if isinstance(value, int):
        return value
    return min(max(float(f"{value:.{_DIGITS}g}"), domain.low), domain.high)


def _drawn(domain: Float | Int, place: float) -> Value:
    """Return the value whose interval contains a place; all intervals are equally wide."""
    if domain.step is None:
        return _at(domain, place)
    half = domain.step / 2
    wide = Float(domain.low - half, domain.high + half, domain.log and domain.low > half)
    return _at(domain, min(max(domain.place(max(wide.at(place), domain.low)), 0.0), 1.0))


def _each_once(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple({(type(one), one): one for one in values}.values())


def _find(text: str, name: str, domain: Choice | Ordinal, word: str) -> Value:
    found = [one for one in _named(domain) if _says(word, one)]
    if not found:
        hint = f"It is one of {', '.join(map(_told, _named(domain)))}"
        raise UserError(f"{text!r}: {word!r} is not a value of {name}", hint)
    # A literal word takes precedence over a number that it could also be.
    return next((one for one in found if one == word), found[0])


def _named(domain: Choice | Ordinal) -> tuple[Value, ...]:
    return domain.choices if isinstance(domain, Choice) else domain.values


def _told(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_number(text: str, name: str, domain: _Numeric, word: str) -> float:
    read: Callable[[str], float] = _whole if _is_whole(domain) else float
    try:
        value = read(word)
    except ValueError:
        kind = "whole number" if _is_whole(domain) else "number"
        raise UserError(f"{text!r}: {word!r} is not a {kind}", NOTATION) from None
    # Bounds that depend on other parameters are checked for each configuration.
    if not (math.isfinite(value) if isinstance(domain, Bounded) else value in domain):
        raise UserError(
            f"{text!r}: {word} is outside of {name}, which is {_in_words(domain)}",
            "Choose another value, or widen the space in study.yaml",
        )
    return value


def _is_whole(domain: _Numeric) -> bool:
    return domain.whole if isinstance(domain, Bounded) else isinstance(domain, Int)


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        number = float(word)  # 1e3 is a whole number too
        if not number.is_integer():
            raise ValueError(word) from None
        return int(number)


def _says(word: str, value: Value) -> bool:
    if isinstance(value, str):
        return word == value
    if isinstance(value, bool):
        return _TRUTH.get(word.lower()) is value
    try:
        return float(word) == value and math.isfinite(value)
    except ValueError:
        return False


def _in_words(domain: _Numeric) -> str:
    if isinstance(domain, Bounded):
        return f"between {domain.low.text} and {domain.high.text}"
    steps = f" in steps of {domain.step}" if domain.step not in (None, 1) else ""
    return f"between {domain.low} and {domain.high}{steps}"
