"""Amounts in words: `10 min`, `half an hour`, `0.60 EUR`, `0.4 kg/kWh`, `10 min per point`.

Each kind of amount is a table of unit words. The table gives the pattern in the JSON Schema for
editors, parses the text, and proposes the nearest unit if the text cannot be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from satisfice.domain.economics.worth import Amount, Per
from satisfice.domain.errors import UserError
from satisfice.domain.suggestions import nearest

Units: TypeAlias = Mapping[str, tuple[float, str]]  # word -> factor, unit of the result


class QuantityError(UserError):
    """A text that is not an amount of the expected kind."""


def _spelled(factor: float, unit: str, *words: str) -> Units:
    return dict.fromkeys(words, (factor, unit))


TIME: Units = {
    **_spelled(1, "s", "s", "sec", "second", "seconds"),
    **_spelled(60, "s", "min", "mins", "minute", "minutes"),
    **_spelled(3600, "s", "h", "hour", "hours"),
    **_spelled(86_400, "s", "d", "day", "days"),
}
ENERGY: Units = {
    **_spelled(0.001, "kWh", "Wh"),
    **_spelled(1, "kWh", "kWh", "kwh"),
    **_spelled(1000, "kWh", "MWh"),
}
MONEY: Units = {
    **_spelled(1, "EUR", "€", "euro", "euros"),
    **_spelled(1, "USD", "$", "dollar", "dollars"),
    **_spelled(1, "GBP", "£", "pound", "pounds"),
}
SIZE: Units = {
    **_spelled(1, "MB", "MB"),
    **_spelled(1000, "MB", "GB"),
    **_spelled(1.048576, "MB", "MiB"),
    **_spelled(1073.741824, "MB", "GiB"),
}
CARBON: Units = {
    **_spelled(1, "kg/kWh", "kg/kWh"),
    **_spelled(0.001, "kg/kWh", "g/kWh"),
}
NUMBERS: Mapping[str, float] = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "twenty": 20, "thirty": 30,
    "half a": 0.5, "half an": 0.5, "a quarter of an": 0.25, "three quarters of an": 0.75,
    "one and a half": 1.5,
}  # fmt: skip
STEPS: Mapping[str, Per] = {
    "point": Per.POINT,
    "percentage point": Per.POINT,
    "unit": Per.UNIT,
    "halving": Per.HALVING,
    "halving of the error": Per.HALVING,
}

# Regular expressions that mean the same in Python and in ECMAScript, which JSON Schema uses.
_DIGITS = r"(?:[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"


def _any_of(words: Iterable[str]) -> str:
    return "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"


def _read_number(text: str) -> float:
    words = " ".join(text.split())
    return float(NUMBERS[words] if words in NUMBERS else words.replace("_", ""))


@dataclass(frozen=True)
class Measure:
    """A kind of amount.

    Attributes:
        name: What it is, for messages: `a duration`.
        example: How it is written.
        units: The unit words and what they stand for.
        currencies: Whether any three-letter currency code is a unit, too.
    """

    name: str
    example: str
    units: Units
    currencies: bool = False

    @property
    def expected(self) -> str:
        """What to write, in words."""
        return f"{self.name} such as {self.example}"

    @property
    def body(self) -> str:
        """The regular expression of an amount, without anchors and without named groups."""
        unit = _any_of(self.units)
        if self.currencies:  # `10 MIN` is not a sum of money
            taken = "|".join(sorted({word.upper() for word in ALL_UNITS if len(word) == 3}))
            unit = rf"(?:{unit}|(?!(?:{taken})\b)[A-Z][A-Z][A-Z])"
        number = rf"(?:{_DIGITS}\s*|{_any_of(NUMBERS)}\s+)"
        return rf"({number})({unit})"

    @property
    def pattern(self) -> str:
        """The regular expression of a whole text."""
        return rf"^\s*{self.body}\s*$"

    def read(self, text: str) -> Amount:
        """Read an amount.

        Raises:
            QuantityError: The text is not such an amount; says why and proposes the nearest unit.
        """
        match = re.search(self.pattern, text)
        if match is None:
            raise QuantityError(f"expected {self.expected}", self._guess(text))
        return self.amount(match[1], match[2])

    def amount(self, number: str, unit: str) -> Amount:
        """Return the amount of a number and a unit that the regular expression matched."""
        factor, name = self.units.get(unit, (1.0, unit))
        return Amount(_read_number(number) * factor, name)

    def _guess(self, text: str) -> str:
        match = re.search(rf"^\s*({_DIGITS}|{_any_of(NUMBERS)}\b)\s*(.*?)\s*$", text)
        if match is None:
            return ""
        number, unit = match[1], match[2]
        near = _near(unit, self.units) if unit else None
        guess = (
            f"did you mean '{number} {near}'? " if near else "" if unit else "A unit is missing. "
        )
        codes = ", or a currency such as EUR" if self.currencies else ""
        return f"{guess}The units are: {', '.join(self.units)}{codes}"


def _near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most similar to this one, ignoring case."""
    lower = {one.lower(): one for one in reversed(list(known))}
    begun = [one for one in lower if one.startswith(word.lower())]
    near = nearest(word.lower(), lower) or next(reversed(begun), None)
    return None if near is None else lower[near]


ALL_UNITS: Units = {**TIME, **ENERGY, **MONEY}
DURATION = Measure("a duration", "4 min", TIME)
KILOWATT_HOURS = Measure("an energy", "0.2 kWh", ENERGY)
PRICE = Measure("a price", "0.60 EUR", MONEY, currencies=True)
INTENSITY = Measure("a carbon intensity", "0.4 kg/kWh", CARBON)
MEMORY = Measure("a size", "2 GB", SIZE)
# A sum of money; a study without prices counts in hours or kWh, so these are allowed, too.
SPENDING = Measure("an amount", "3 EUR", ALL_UNITS, currencies=True)


@dataclass(frozen=True, slots=True)
class StatedWorth:
    """What a user says a gain of the metric is worth.

    Attributes:
        amount: What one step is worth.
        per: The step.
        target: The value beyond which gains are worth nothing; None: no target.
    """

    amount: Amount
    per: Per
    target: float | None


class WorthMeasure(Measure):
    """What a gain is worth: an amount per step of the metric, optionally up to a target."""

    @property
    def pattern(self) -> str:
        """The regular expression of a whole text."""
        target = rf"(?:\s*,?\s+up to\s+(-?{_DIGITS}))?"
        return rf"^\s*{self.body}\s+per\s+({_any_of(STEPS)}){target}\s*$"

    def read_worth(self, text: str) -> StatedWorth:
        """Read a worth.

        Raises:
            QuantityError: The text is not a worth; says why and proposes the nearest words.
        """
        match = re.search(self.pattern, text)
        if match is None:
            raise QuantityError(f"expected {self.expected}", self._guess(text))
        target = None if match[4] is None else float(match[4].replace("_", ""))
        return StatedWorth(self.amount(match[1], match[2]), STEPS[match[3]], target)

    def _guess(self, text: str) -> str:
        amount, per, rest = text.partition(" per ")
        if not per:
            return f"per what? one of: {', '.join(dict.fromkeys(Per))}"
        step = re.split(r",|\s+up to", rest)[0].strip()
        if step not in STEPS:
            near = _near(step, STEPS)
            guess = f"did you mean 'per {near}'? " if near else ""
            return f"{guess}a worth is stated per point, unit or halving"
        if not re.search(rf"^\s*{self.body}\s*$", amount):
            return super()._guess(amount)
        return "a target is written ', up to 0.99'"


WORTH = WorthMeasure("a worth", "10 min per point", ALL_UNITS, currencies=True)
