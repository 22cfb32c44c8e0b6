"""Numbers for sentences: few digits, a unit, no exponents."""

from __future__ import annotations

import math

from satisfice.domain.economics.worth import Per

HOURS = "h"  # the currency of a study that states no prices

STEPS = {Per.POINT: "points", Per.UNIT: "units", Per.HALVING: "halvings of the error"}


_FURTHER = 4  # additional digits at most, to tell two sums apart


def number(value: float, further: int = 0) -> str:
    """Return a number with two or three significant digits: `0.00035`, `0.2`, `27`, `1,340`.

    Args:
        value: The number.
        further: How many more digits.
    """
    if not math.isfinite(value) or (value != 0 and not 1e-9 <= abs(value) < 1e15):
        return f"{value:.2g}"
    size = math.floor(math.log10(abs(value))) if value else 0
    digits = max(1 - size, 0) + further
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """Return a share, with more digits near 0 and 100 %: `0.035 %`, `21 %`, `99.96 %`."""
    rest = 100 * min(share, 1 - share)
    exact = rest > 5 or rest < 1e-9
    digits = 0 if exact else (share < 0.5) - math.floor(math.log10(rest))
    text = f"{100 * share:.{max(digits, 0)}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def duration(seconds: float, further: int = 0) -> str:
    """Return a duration in a suitable unit: `2.1 s`, `11 min`, `3.5 h`."""
    if abs(seconds) < 100:
        return f"{number(seconds, further)} s"
    if abs(seconds) < 6000:
        return f"{number(seconds / 60, further)} min"
    return f"{number(seconds / 3600, further)} h"


def money(amount: float, currency: str, further: int = 0) -> str:
    """Return a sum of money, or a duration if money is counted in hours of the machine."""
    if currency == HOURS:
        return duration(amount * 3600, further)
    return f"{number(amount, further)} {currency}"


def sums(one: float, other: float, currency: str) -> tuple[str, str]:
    """Return two sums of money with enough digits to see which one is larger."""
    for further in range(_FURTHER + 1):
        told = money(one, currency, further), money(other, currency, further)
        if told[0] != told[1]:
            break
    return told


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 trial`, `27 trials`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def short(value: object) -> str:
    """Return a parameter's value as people write it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
