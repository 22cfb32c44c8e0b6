"""The amounts in `study.yaml` (prices, worth and budget) in one unit of money.

The unit is the currency of the prices. A study without prices counts in hours of its machine (an
hour costs 1 h), so that `worth: 10 min per point` needs no price. If the worth is stated in energy,
the study counts in kWh (a kWh costs 1 kWh, and time is free).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, TypeAlias

from satisfice.domain.economics import units
from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Amount, Worth
from satisfice.tasks.spec.mistakes import Mistake, Path, dotted

Document: TypeAlias = dict[str, Any]
Amounts: TypeAlias = Mapping[Path, Amount]

_PRICES = {key: ("prices", key) for key in ("hour", "kwh", "kgco2e")}
_MEASURES: dict[Path, units.Measure] = {
    **dict.fromkeys(_PRICES.values(), units.PRICE),
    ("prices", "carbon"): units.INTENSITY,
    ("worth",): units.WORTH,
    ("budget", "time"): units.DURATION,
    ("budget", "money"): units.SPENDING,
    ("budget", "energy"): units.KILOWATT_HOURS,
    ("resources", "memory"): units.MEMORY,
}
# By the unit of an amount that is not money: the quantity, the price that converts it to money, and
# the unit of money of a study that counts in it.
_NOT_MONEY = {"s": ("time", "hour", "h"), "kWh": ("energy", "kwh", "kWh")}


def read_amounts(data: Document) -> Amounts:
    """Return every amount in the study, by its place."""
    found = {}
    for path, measure in _MEASURES.items():
        stated: Any = data
        for key in path:
            stated = stated.get(key, {})
        if stated:
            found[path] = measure.read(stated)
    return found


def read_prices(amounts: Amounts) -> Prices:
    """Return the prices of a study; the module explains studies without any."""
    carbon = amounts.get(("prices", "carbon"))
    emissions = Prices().kgco2e_per_kwh if carbon is None else carbon.quantity
    stated = {key: amounts[path] for key, path in _PRICES.items() if path in amounts}
    if stated:
        hour, kwh, kgco2e = (stated[key].quantity if key in stated else 0.0 for key in _PRICES)
        return Prices(next(iter(stated.values())).unit, hour, kwh, emissions, kgco2e)
    if amounts[("worth",)].unit == "kWh":
        return Prices("kWh", hour=0.0, kwh=1.0, kgco2e_per_kwh=emissions)
    return Prices(kgco2e_per_kwh=emissions)


def read_worth(data: Document, prices: Prices) -> Worth:
    """Return what a gain is worth, in the study's unit of money."""
    offer = units.WORTH.read_worth(data["worth"])
    return Worth(offer.amount.money(prices), offer.per, offer.target, data["worth"])


def read_budget(data: Document, amounts: Amounts, prices: Prices) -> Budget:
    """Return the budget; what is not stated is not limited."""
    time, energy, money = (amounts.get(("budget", key)) for key in ("time", "energy", "money"))
    trials = data.get("budget", {}).get("trials")
    return Budget(
        trials=None if trials is None else int(trials),
        seconds=None if time is None else time.quantity,
        kwh=None if energy is None else energy.quantity,
        money=None if money is None else money.money(prices),
    )


def mistakes(amounts: Amounts) -> Iterator[Mistake]:
    """Yield the amounts that are out of range or not in one unit of money."""
    for find in (_out_of_range, _two_currencies, _without_price):
        found = list(find(amounts))
        if found:  # later mistakes would only follow from these
            yield from found
            return


def _out_of_range(amounts: Amounts) -> Iterator[Mistake]:
    for path, amount in amounts.items():
        free = path[0] == "prices"
        if not isfinite(amount.quantity) or not (free or amount.quantity > 0):
            least = "a finite amount of 0 or more" if free else "a finite amount above 0"
            found = f"{dotted(path)} is {amount.quantity:g} {amount.unit}"
            yield Mistake(path, f"{found}, expected {least}")


def _two_currencies(amounts: Amounts) -> Iterator[Mistake]:
    stated = {path: amounts[path].unit for path in _PRICES.values() if path in amounts}
    for path, unit in stated.items():
        first, currency = next(iter(stated.items()))
        if unit != currency:
            found = f"{dotted(path)} is in {unit}, but {dotted(first)} is in {currency}"
            yield Mistake(path, f"{found}; expected one currency")


def _without_price(amounts: Amounts) -> Iterator[Mistake]:
    prices = read_prices(amounts)
    priced = any(path in amounts for path in _PRICES.values())
    for path in (("worth",), ("budget", "money")):
        if path not in amounts:
            continue
        amount = amounts[path]
        what, price, unit = _NOT_MONEY.get(amount.unit, (amount.unit, "", amount.unit))
        found = f"{dotted(path)} is stated in {what}"
        if path == ("worth",) and price:
            if not amount.money(prices) > 0:
                hint = f"add prices.{price}, or state the worth in {prices.currency}"
                told = f"{found}, which has no price here; expected a price above 0"
                yield Mistake(path, told, hint)
        elif unit != prices.currency and priced:
            yield Mistake(path, f"{found}, but the prices are in {prices.currency}", _ONE)
        elif unit != prices.currency:
            hint = f"add prices: {{hour: 0.60 {unit}}}" if not price else _ONE
            counts = f"so this study counts in {prices.currency}"
            yield Mistake(path, f"{found}, but no prices are stated, {counts}", hint)


_ONE = "worth, prices and budget.money must use one currency"
