"""Properties of amounts, and of study documents: the reader and the JSON Schema always agree."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satisfice.domain.economics.units import (
    DURATION,
    INTENSITY,
    KILOWATT_HOURS,
    MEMORY,
    PRICE,
    SPENDING,
    WORTH,
    Measure,
    QuantityError,
)
from satisfice.tasks.spec.schema import mistakes, schema

MEASURES = (DURATION, KILOWATT_HOURS, PRICE, INTENSITY, MEMORY, SPENDING, WORTH)


@given(st.sampled_from(MEASURES), st.data())
def test_the_pattern_matches_exactly_the_amounts(measure: Measure, data: st.DataObject) -> None:
    fits = st.from_regex(measure.pattern)
    text = data.draw(fits | st.text(max_size=20))
    if re.search(measure.pattern, text):
        assert measure.read(text).quantity >= 0
    else:
        with pytest.raises(QuantityError):
            measure.read(text)


@given(st.floats(1e-3, 1e6), st.sampled_from(["min", "hours", "kWh", "EUR", "CHF", "£"]))
def test_amounts_are_proportional_to_their_number(number: float, unit: str) -> None:
    one, many = SPENDING.read(f"1 {unit}"), SPENDING.read(f"{number!r} {unit}")
    assert many.unit == one.unit
    assert many.quantity == pytest.approx(number * one.quantity)


GOOD: dict[str, Any] = {
    "study": "digits",
    "problem": "problem.py",
    "data": {"source": "digits", "expectations": "expectations.py"},
    "objective": {"metric": "accuracy", "direction": "maximize"},
    "worth": "10 min per point, up to 0.99",
    "prices": {"hour": "0.60 EUR", "kwh": "0.28 EUR", "carbon": "400 g/kWh", "kgco2e": "0 EUR"},
    "budget": {"time": "4 min", "trials": 200, "money": "3 EUR", "energy": "0.2 kWh"},
    "space": {
        "channels": {"int": [8, 128], "log": True, "default": 16},
        "groups": {"int": [1, 16], "step": 1, "when": "channels > 2"},
        "lr": {"float": [1e-4, 0.1], "log": True, "default": 0.01},
        "optimizer": {"choice": ["sgd", 1, True, 0.5], "default": "sgd"},
    },
    "rules": [
        {"id": "even", "require": "channels % 2 == 0", "because": "x", "audit": "5%"},
        {"id": "odd", "require": "channels % 2 == 1", "source": "y", "audit": 0.1, "safety": False},
    ],
    "gates": ["latency_ms_p95 <= 20"],
    "confirm": {"leaders": 2, "seeds": 3, "share": 0.25},
    "resources": {"workers": 1, "threads": 1, "memory": "2 GB", "watts_per_core": 10.0},
    "seed": 0,
}
VALIDATOR = jsonschema.Draft202012Validator(schema())

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 300) | st.sampled_from([2**32, 10**400]),
    st.floats(allow_nan=False),
    st.sampled_from(["", "sgd", "4 min", "3 EUR", "2 GB", "0.2 kWh", "2 kWh per unit", "maximize"]),
    st.text(max_size=4),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["int", "float", "id", "time", "x", "max", "2x"]), inner)
    ),
    max_leaves=4,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    pairs = enumerate(node) if isinstance(node, list) else getattr(node, "items", tuple)()
    for key, value in pairs:
        found += places(value, (*path, key))
    return found


PLACES = places(GOOD)


def changed(node: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    copy = pickle.loads(pickle.dumps(node))
    at = copy
    for key in path[:-1]:
        at = at[key]
    change(at, path[-1])
    return copy


@given(
    st.sampled_from(PLACES[1:]), st.sampled_from(["drop", "replace", "rename", "add"]), st.data()
)
def test_the_table_and_the_schema_accept_the_same_documents(
    path: tuple[Any, ...], how: str, data: st.DataObject
) -> None:
    def change(owner: Any, key: Any) -> None:
        if how == "drop":
            del owner[key]
        elif how == "replace" or isinstance(owner, list):
            owner[key] = data.draw(anything)
        elif how == "rename":
            owner[data.draw(st.sampled_from(["x", "int", "float", "2x", "max"]))] = owner.pop(key)
        else:
            owner[data.draw(st.sampled_from(["x", "step", "choice", "2x"]))] = data.draw(anything)

    document = changed(GOOD, path, change)
    assert (not mistakes(document)) == VALIDATOR.is_valid(document)


@given(anything)
def test_the_table_and_the_schema_agree_on_any_document(document: Any) -> None:
    assert (not mistakes(document)) == VALIDATOR.is_valid(document)


def test_the_good_document_is_good() -> None:
    assert mistakes(GOOD) == []
    assert VALIDATOR.is_valid(GOOD)
