"""The notation of a sweep: `lr=1e-4..1e-1:log:7`, `groups=1,2,4`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from domain.errors import UserMistake
from domain.space import Choice, Domain, Float, Int, Parameter, Space, Value

NOTATION = (
    "Write name=1,2,4 or name=low..high:5 or name=low..high:log:5, such as lr=1e-4..1e-1:log:7"
)
_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+)(?P<log>:log)?(?::(?P<count>\d{1,9}))?")
_MOST = 1000  # values of a range; more are asked for by mistake
_DIGITS = 12  # 10 ** -3 is 0.001, however it was reached
_TRUTH: dict[str, Value] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Swept:
    """A parameter and what it is swept over.

    Attributes:
        name: The parameter.
        text: As it was asked for.
        values: Its values, each once; empty where it is drawn from a whole range.
        between: That range.
    """

    name: str
    text: str
    values: tuple[Value, ...] = ()
    between: Float | Int | None = None

    def at(self, place: float) -> Value:
        """Return the value at a place from 0 to below 1; all are equally likely on their scale."""
        if isinstance(self.between, Int):
            return _drawn(self.between, place)
        if self.between is not None:
            return _at(self.between, place)
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


def read_swept(texts: Iterable[str], space: Space, drawn: bool) -> tuple[Swept, ...]:
    """Read what is to be swept.

    Args:
        texts: One for each parameter.
        space: The space of the study.
        drawn: Whether points are drawn: then a range may leave out how many values it has.

    Raises:
        UserMistake: Names the text that cannot be read, what is wrong with it, and the way out.
    """
    swept: dict[str, Swept] = {}
    for text in texts:
        one = _read(text.strip(), space, drawn)
        if one.name in swept:
            raise UserMistake(
                f"{one.name} is there twice: {swept[one.name].text!r} and {one.text!r}",
                f"Name it once, with all of its values: {one.name}=...",
            )
        swept[one.name] = one
    if not swept:
        raise UserMistake("a sweep needs at least one parameter", NOTATION)
    return tuple(swept.values())


def _read(text: str, space: Space, drawn: bool) -> Swept:
    name, equals, over = (part.strip() for part in text.partition("="))
    if not (name and equals and over):
        raise UserMistake(f"{text!r} does not say what to sweep", NOTATION)
    if name not in space.names:
        near = get_close_matches(name, space.names, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        hint = f"{guess}The space has: {', '.join(space.names)}"
        raise UserMistake(f"{text!r}: the study has no parameter {name!r}", hint)
    parameter = space[name]
    found = _RANGE.fullmatch(over)
    if found is not None and not isinstance(parameter.domain, Choice):
        return _read_range(text, parameter, found, drawn)
    values = [_read_value(text, parameter, one.strip()) for one in over.split(",")]
    return Swept(name, text, _each_once(values))


def _read_range(text: str, parameter: Parameter, found: re.Match[str], drawn: bool) -> Swept:
    low, high = (_read_value(text, parameter, found[end].strip()) for end in ("low", "high"))
    domain = parameter.domain
    assert not isinstance(domain, Choice)  # noqa: S101 - for the type checker
    if not float(low) < float(high):
        raise UserMistake(f"{text!r} ranges from {low} to {high}", "Write the lower end first")
    log = found["log"] is not None
    if log and not float(low) > 0:
        raise UserMistake(f"{text!r} begins at {low}", "A range of logarithms begins above 0")
    count = found["count"]
    if count is None:
        if not drawn:
            raise UserMistake(
                f"{text!r} does not say how many values it has",
                f"Write {text}:5 for five of them, or draw points from the range with --random 20",
            )
        return Swept(parameter.name, text, between=_part(domain, low, high, log or domain.log))
    if not 2 <= int(count) <= _MOST:
        raise UserMistake(
            f"{text!r} asks for {count} values", f"A range has from 2 to {_MOST} of them"
        )
    part = _part(domain, low, high, log)
    steps = int(count) - 1
    return Swept(
        parameter.name, text, _each_once([_at(part, step / steps) for step in range(steps + 1)])
    )


def _part(domain: Float | Int, low: Value, high: Value, log: bool) -> Float | Int:
    if isinstance(domain, Int):
        return Int(int(low), int(high), log, domain.step)
    return Float(float(low), float(high), log)


def _at(domain: Float | Int, place: float) -> Value:
    low, high = float(domain.low), float(domain.high)
    value = low * (high / low) ** place if domain.log else low + (high - low) * place
    if isinstance(domain, Int):
        return domain.low + round((value - domain.low) / domain.step) * domain.step
    return min(max(float(f"{value:.{_DIGITS}g}"), domain.low), domain.high)


def _drawn(domain: Int, place: float) -> int:
    """Return the whole number whose share of the range a place lies in."""
    low, high = domain.low - domain.step / 2, domain.high + domain.step / 2
    value = low * (high / low) ** place if domain.log else low + (high - low) * place
    steps = round((value - domain.low) / domain.step)
    return min(domain.low + max(steps, 0) * domain.step, domain.high)


def _each_once(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple({(type(one), one): one for one in values}.values())


def _read_value(text: str, parameter: Parameter, word: str) -> Value:
    domain = parameter.domain
    if isinstance(domain, Choice):
        found = [one for one in domain.choices if _says(word, one)]
        if found:  # a word that stands there as it is comes before a number that it might be
            return next((one for one in found if one == word), found[0])
        raise UserMistake(
            f"{text!r}: {word!r} is no value of {parameter.name}", f"It is {_in_words(domain)}"
        )
    read: Callable[[str], Value] = _whole if isinstance(domain, Int) else float
    try:
        value = read(word)
    except ValueError:
        kind = "whole number" if isinstance(domain, Int) else "number"
        raise UserMistake(f"{text!r}: {word!r} is no {kind}", NOTATION) from None
    if value not in domain:
        raise UserMistake(
            f"{text!r}: {word} lies outside of {parameter.name}, which is {_in_words(domain)}",
            "Choose another value, or widen the space in study.yaml",
        )
    return value


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


def _in_words(domain: Domain) -> str:
    if isinstance(domain, Choice):
        named = (str(one).lower() if isinstance(one, bool) else str(one) for one in domain.choices)
        return f"one of {', '.join(named)}"
    steps = f" in steps of {domain.step}" if isinstance(domain, Int) and domain.step > 1 else ""
    return f"between {domain.low} and {domain.high}{steps}"
