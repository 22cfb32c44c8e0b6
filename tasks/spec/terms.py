"""Worth and prices in Python: as text in the notation of `study.yaml`, or as objects."""

from __future__ import annotations

from collections.abc import Mapping

from satisfice.domain.economics import units
from satisfice.domain.economics.cost import Prices
from satisfice.domain.economics.worth import Worth
from satisfice.domain.errors import UserError
from satisfice.tasks.spec import amounts

_PRICES = ("hour", "kwh", "kgco2e", "carbon")


def read_terms(
    worth: Worth | str, prices: Prices | Mapping[str, str] | None
) -> tuple[Worth, Prices]:
    """Return worth and prices in one unit of money.

    Args:
        worth: What a gain is worth: `"10 min per point"`, `"2 EUR per halving, up to 0.99"`.
        prices: The prices of resources: `{"hour": "0.60 EUR", "kwh": "0.28 EUR"}`. None: an hour of
            the machine costs 1 h, as in a study without prices.

    Raises:
        UserError: Something cannot be read, or the two are in different currencies.
    """
    words = dict(prices) if isinstance(prices, Mapping) else {}
    _refuse_unknown(words)
    document: amounts.Document = {"prices": words}
    if isinstance(worth, str):
        document["worth"] = worth
    found = _read_amounts(document)
    agreed = _prices(prices, found, isinstance(worth, str))
    if isinstance(worth, str):
        if isinstance(prices, Prices):
            _refuse_other_money(worth, prices)
        worth = amounts.read_worth(document, agreed)
    return worth, agreed


def _prices(
    prices: Prices | Mapping[str, str] | None, found: amounts.Amounts, in_words: bool
) -> Prices:
    if isinstance(prices, Prices):
        return prices
    if not prices and not in_words:
        return Prices()
    for mistake in amounts.mistakes(found):
        raise UserError(mistake.message, mistake.hint)
    return amounts.read_prices(found)


def _refuse_unknown(words: Mapping[str, str]) -> None:
    for key, text in words.items():
        if key not in _PRICES:
            raise UserError(f"unknown price {key!r}", f"Prices are: {', '.join(_PRICES)}")
        if not isinstance(text, str):
            raise UserError(
                f"the price of {key} is {text!r}, expected text with a unit",
                'Such as prices={"hour": "0.60 EUR"}',
            )


def _read_amounts(document: amounts.Document) -> amounts.Amounts:
    try:
        return amounts.read_amounts(document)
    except units.QuantityError as error:
        given = ", ".join(map(repr, (document.get("worth"), *document["prices"].values())))
        raise UserError(f"{error.message}, got {given}", error.hint) from None


def _refuse_other_money(worth: str, prices: Prices) -> None:
    unit = units.WORTH.read_worth(worth).amount.unit
    if unit not in {"s", "kWh", prices.currency}:
        raise UserError(
            f"the worth is stated in {unit}, but the prices are in {prices.currency}",
            "Worth and prices must use one currency",
        )
