"""Random spaces with random rules: all kinds of parameters, and what the rule language can say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from benchmarks.rules.drawing import draw
from benchmarks.rules.evaluator import Entry, Spec

_WORDS = ("sgd", "adamw", "lion", "cosine", "none")
_MOST_ENTRIES, _MOST_RULES = 8, 4
_CONDITIONAL, _CONTRADICTORY = 0.3, 0.02
_LOOKS = 60  # values of an expression that its limit is chosen from


def random_spec(random: Random) -> tuple[Spec, bool]:
    """Return a space with rules, and whether two of them contradict each other by construction."""
    entries: list[Entry] = []
    for at in range(random.randint(1, _MOST_ENTRIES)):
        when = ""
        if entries and random.random() < _CONDITIONAL:
            when = _Writer(Spec(tuple(entries)), random).comparison()
        entries.append(_entry(f"p{at}", when, random))
    writer = _Writer(Spec(tuple(entries)), random)
    rules = [writer.rule() for _ in range(random.randint(1, _MOST_RULES))]
    contradictory = random.random() < _CONTRADICTORY
    if contradictory:
        rule = _Writer(Spec(tuple(entries[:1])), random).comparison()  # the first is always there
        rules += [rule, f"not ({rule})"]
    random.shuffle(rules)
    return Spec(tuple(entries), tuple(rules)), contradictory


def _entry(name: str, when: str, random: Random) -> Entry:
    return replace(random.choice(_KINDS)(random), name=name, when=when)


def _float(random: Random) -> Entry:
    low = random.choice((-5.0, -1.0, 0.0, 0.5))
    return Entry("", "float", low, low + random.choice((1.0, 3.0, 10.0)))


def _float_log(random: Random) -> Entry:
    high = 10.0 ** random.randint(-1, 2)
    return Entry("", "float", high / 10 ** random.randint(1, 5), high, log=True)


def _int(random: Random) -> Entry:
    low = random.randint(-3, 4)
    return Entry("", "int", low, low + random.randint(1, 30))


def _int_log(random: Random) -> Entry:
    low = random.randint(1, 16)
    return Entry("", "int", low, low * random.randint(2, 64), log=True)


def _int_step(random: Random) -> Entry:
    low, step = random.randint(0, 8), random.randint(2, 8)
    return Entry("", "int", low, low + step * random.randint(1, 12), step=step)


def _choice(random: Random) -> Entry:
    words = tuple(random.sample(_WORDS, 3))
    return Entry("", "choice", choices=random.choice((words, words, (True, False), (1, 2, 4, 8))))


_KINDS = (_float, _float_log, _int, _int_log, _int_step, _choice, _choice)


class _Writer:
    """Writes conditions over a space, with limits that neither all nor none of it keeps to."""

    def __init__(self, spec: Spec, random: Random) -> None:
        self._spec, self._random = spec, random
        self._words = [one for one in spec.entries if one.kind == "choice" and _is_word(one)]
        self._numbers = [one for one in spec.entries if one not in self._words]
        self._whole = [one for one in self._numbers if one.kind == "int"]
        self._seen = [draw(spec, random) for _ in range(_LOOKS)]

    def rule(self) -> str:
        """Return a condition of any sort."""
        one, other = self.comparison, self.comparison
        forms: tuple[Callable[[], str], ...] = (
            one,
            one,
            lambda: f"({one()}) or ({other()})",
            lambda: f"({one()}) and ({other()})",
            lambda: f"not ({one()})",
            lambda: f"({one()}) if ({other()}) else ({self.comparison()})",
        )
        return self._random.choice(forms)()

    def comparison(self) -> str:
        """Return a comparison of some sort."""
        if self._words and (not self._numbers or self._random.random() < 0.25):
            return self._of_words(self._random.choice(self._words))
        if self._whole and self._random.random() < 0.25:
            return self._of_whole(self._random.choice(self._whole).name)
        text = self._number(2)
        low, high = sorted((self._limit(text), self._limit(text)))
        forms = (
            f"{text} <= {high!r}",
            f"{low!r} < {text}",
            f"{low!r} <= {text} <= {high!r}",
            f"not {text} > {high!r}",
        )
        return self._random.choice(forms)

    def _of_words(self, entry: Entry) -> str:
        some = list(self._random.sample(entry.choices, 2))
        forms = (
            f"{entry.name} == {some[0]!r}",
            f"{entry.name} != {some[0]!r}",
            f"{entry.name} in {some!r}",
            f"{entry.name} not in {some!r}",
        )
        return self._random.choice(forms)

    def _of_whole(self, name: str) -> str:
        divisor = self._random.choice(self._whole).name
        if divisor == name or self._random.random() < 0.5:
            divisor = str(self._random.randint(2, 4))
        some = sorted({self._random.randint(0, 20) for _ in range(6)})
        return self._random.choice((f"{name} % {divisor} == 0", f"{name} in {some!r}"))

    def _number(self, depth: int) -> str:
        """Return an expression whose value is a number."""
        if depth == 0 or self._random.random() < 0.3:
            return self._random.choice(self._numbers).name
        left, right = self._number(depth - 1), self._number(depth - 1)
        forms = (
            f"{left} * {right}",
            f"{left} * {right}",
            f"({left} + {right})",
            f"({left} - {right})",
            f"({left}) / ({right})",
            f"({left}) // 3",
            f"({left}) % 7",
            f"({left}) ** 2",
            f"max({left}, {right})",
            f"min({left}, {right}, 10)",
            f"abs({left} - {right})",
            f"sqrt(abs({left}))",
            f"log2({left})",
            f"floor({left})",
            f"ceil({left})",
            f"({left} if {right} > 1 else -({left}))",
        )
        return self._random.choice(forms)

    def _limit(self, text: str) -> float | int:
        """Return a value that the expression takes somewhere, to few digits."""
        values: list[Any] = []
        for params in self._seen:
            try:
                values.append(self._spec.value(text, params))
            except (ArithmeticError, NameError, TypeError, ValueError):
                continue
        finite = sorted(
            one for one in values if isinstance(one, int | float) and math.isfinite(one)
        )
        if not finite:
            return 1
        chosen = finite[int(len(finite) * self._random.random() ** 2)]
        return chosen if isinstance(chosen, int) else float(f"{chosen:.4g}")


def _is_word(entry: Entry) -> bool:
    return isinstance(entry.choices[0], str)
