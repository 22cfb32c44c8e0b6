"""Worth and prices as they are stated in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.economics.worth import Per, Worth
from satisfice.domain.errors import UserError
from satisfice.tasks.spec.terms import read_terms

DEAR = Worth(1e-9, Per.UNIT)  # nothing is worth anything: the stop comes at the minimum


def test_terms_in_words_and_as_objects() -> None:
    worth, prices = read_terms("10 min per point", {"hour": "0.60 EUR"})
    assert worth.money == pytest.approx(0.10)
    assert prices == Prices("EUR", hour=0.60)
    assert read_terms("10 min per point", None)[1] == Prices()
    assert read_terms("2 EUR per unit", replace(prices, hour=1.0))[0].money == 2.0
    assert read_terms(DEAR, None) == (DEAR, Prices())
    assert read_terms(DEAR, {"kwh": "0.28 EUR"}) == (DEAR, Prices("EUR", hour=0.0, kwh=0.28))


@pytest.mark.parametrize(
    ("worth", "prices", "said"),
    [
        ("much per point", None, "a worth such as 10 min per point"),
        ("1 EUR per point", None, "no prices are stated"),
        ("1 USD per point", {"hour": "0.60 EUR"}, "the prices are in EUR"),
        ("1 USD per point", Prices("EUR"), "the prices are in EUR"),
        (DEAR, {"hours": "0.60 EUR"}, "unknown price 'hours'"),
        (DEAR, {"hour": 0.6}, "expected text with a unit"),
    ],
)
def test_terms_that_do_not_meet_are_refused(
    worth: Worth | str, prices: Prices | Mapping[str, str] | None, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        read_terms(worth, prices)
