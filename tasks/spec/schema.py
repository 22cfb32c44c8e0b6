"""The keys of `study.yaml`, in one table for the reader and for editors."""

from __future__ import annotations

from keyword import kwlist
from typing import Any

from satisfice.domain.economics import units
from satisfice.domain.economics.worth import Direction
from satisfice.domain.expressions.operations import FUNCTIONS
from satisfice.tasks.spec.mistakes import Mistake
from satisfice.tasks.spec.shapes import (
    Field,
    Flag,
    JSONSchema,
    ListOf,
    Named,
    Number,
    NumberOrFormula,
    OneOf,
    Percentage,
    Quantity,
    Scalar,
    Section,
    Text,
    Variants,
)

SAMPLER_NAMES = ("tpe", "priced", "random", "gp", "cma-es", "nsga-ii", "qmc", "brute-force")
RESERVED = ("predicted", "measured", "metrics", *FUNCTIONS, *kwlist)

_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_WHOLE = Number("a whole number", whole=True, low=-(2**53), high=2**53)
_POSITIVE = Number("a whole number from 1", whole=True, low=1, high=2**53)
_COUNT = Number("a whole number from 0", whole=True, low=0)
_EXPRESSION = Text("a condition such as channels % groups == 0")
_PYTHON_FILE = Text("the name of a Python file", r"\.py$")
_PRICE = Quantity(units.PRICE)

_LOG = Field(Flag(), "whether to search on a log scale")
_WHEN = Field(_EXPRESSION, "the condition under which the parameter is active")
_FORMULA = Text("a formula over the parameters above, such as 0.1 * lr")


def _default(shape: Number | Scalar) -> Field:
    return Field(shape, "the value to use without a search")


def _bounds(number: Number, what: str) -> Field:
    bound = NumberOrFormula(number, f"{number.expected}, or a formula such as 4 * channels")
    return Field(ListOf(bound, f"two {what}: [low, high]", 2, 2), "the two bounds", required=True)


def _values(what: str, at_least: int) -> Field:
    return Field(
        ListOf(Scalar(), what, at_least=at_least, unique=True),
        "the values to choose from",
        required=True,
    )


_AROUND = Field(
    NumberOrFormula(Number(), "a number, or a formula such as 1e-3 * batch / 32"),
    "the value that an expert would try first",
    required=True,
)
_NUMBER_PRIOR = Variants(
    "around with factor or within",
    {
        "factor": Section(
            "a section",
            {
                "around": _AROUND,
                "factor": Field(
                    Number("a number above 1", above=1),
                    "about two thirds of the good values are within this factor",
                    required=True,
                ),
            },
        ),
        "within": Section(
            "a section",
            {
                "around": _AROUND,
                "within": Field(
                    Number("a number above 0", above=0),
                    "about two thirds of the good values are within this distance",
                    required=True,
                ),
            },
        ),
    },
)
_CHOICE_PRIOR = Section(
    "a section such as {weights: [3, 1]}",
    {
        "weights": Field(
            ListOf(Number("a number from 0", low=0), "a weight for each value", at_least=1),
            "how likely each value is to be good, relative to the others",
            required=True,
        )
    },
)


def _prior(shape: Variants | Section) -> Field:
    return Field(shape, "where an expert expects good values")


_PARAMETER = Variants(
    "one of float: [low, high], int: [low, high], choice: [values], ordinal: [values], "
    "derived: a formula",
    {
        "float": Section(
            "a section",
            {
                "float": _bounds(Number(), "numbers"),
                "log": _LOG,
                "step": Field(
                    Number("a number above 0", above=0), "the distance between neighbouring values"
                ),
                "when": _WHEN,
                "default": _default(Number()),
                "prior": _prior(_NUMBER_PRIOR),
            },
        ),
        "int": Section(
            "a section",
            {
                "int": _bounds(_WHOLE, "whole numbers"),
                "log": _LOG,
                "step": Field(_POSITIVE, "the distance between neighbouring values"),
                "when": _WHEN,
                "default": _default(_WHOLE),
                "prior": _prior(_NUMBER_PRIOR),
            },
        ),
        "choice": Section(
            "a section",
            {
                "choice": _values("one or more values: [sgd, adamw]", 1),
                "when": _WHEN,
                "default": _default(Scalar()),
                "prior": _prior(_CHOICE_PRIOR),
            },
        ),
        "ordinal": Section(
            "a section",
            {
                "ordinal": _values("two or more values in their order: [16, 32, 64]", 2),
                "when": _WHEN,
                "default": _default(Scalar()),
                "prior": _prior(_CHOICE_PRIOR),
            },
        ),
        "derived": Section(
            "a section",
            {
                "derived": Field(_FORMULA, "the formula", required=True),
                "when": _WHEN,
            },
        ),
    },
)

_DATA = Section(
    "a section such as {source: my-data}",
    {
        "source": Field(Text("the name of the data"), "the name of the data", required=True),
        "expectations": Field(_PYTHON_FILE, "the file with the expectations"),
    },
)
_OBJECTIVE = Section(
    "a section such as {metric: accuracy, direction: maximize}",
    {
        "metric": Field(
            Text("the name of a metric (letters, digits and _)", _NAME),
            "the name under which train() reports it",
            required=True,
        ),
        "direction": Field(
            OneOf([one.value for one in Direction]), "maximize or minimize", required=True
        ),
    },
)
_PRICES = Section(
    "a section such as {hour: 0.60 EUR}",
    {
        "hour": Field(_PRICE, "the price of one worker for an hour"),
        "kwh": Field(_PRICE, "the price of a kilowatt hour"),
        "carbon": Field(Quantity(units.INTENSITY), "the emissions of a kilowatt hour"),
        "kgco2e": Field(_PRICE, "the price of a kilogram of emissions"),
    },
    at_least=1,
)
_BUDGET = Section(
    "a section such as {time: 4 min, trials: 200}",
    {
        "time": Field(Quantity(units.DURATION), "the wall-clock time of the search"),
        "trials": Field(_POSITIVE, "the number of trials without confirmations"),
        "money": Field(Quantity(units.SPENDING), "the money, in the currency of the prices"),
        "energy": Field(Quantity(units.KILOWATT_HOURS), "the energy"),
    },
    at_least=1,
)
# The store uses it in keys, which in PostgreSQL cannot be longer and cannot contain a NUL.
_RULE_NAME = r"^[^\s\x00-\x1f\x7f]{1,200}$"
_RULE = Section(
    "a section such as {id: even, require: channels % 2 == 0}",
    {
        "id": Field(
            Text("a name of at most 200 characters, without spaces", _RULE_NAME),
            "the rule's name in reports",
            required=True,
        ),
        "require": Field(_EXPRESSION, "the condition that must hold", required=True),
        "when": Field(_EXPRESSION, "the condition under which the rule applies"),
        "because": Field(Text("the reason, in words"), "the reason, in the expert's words"),
        "source": Field(Text("where that is written"), "where that is written"),
        "confidence": Field(
            Number("a number from 0.5 to below 1", low=0.5, below=1),
            "the probability with which the condition must hold if a prediction is uncertain",
        ),
        "audit": Field(
            Percentage(), "the share of the budget for trials that break it, to test the rule"
        ),
        "safety": Field(Flag(), "whether it must never be broken, not even by an audit"),
    },
)
_CONFIRM = Section(
    "a section such as {leaders: 2, seeds: 3}",
    {
        "leaders": Field(_COUNT, "the most leaders to train again; 0: none"),
        "seeds": Field(_POSITIVE, "the number of fresh seeds for each leader"),
        "share": Field(
            Number("a number from 0 to below 1", low=0, below=1),
            "the share of the budget reserved for it",
        ),
    },
)
_RESOURCES = Section(
    "a section such as {workers: 2, threads: 1}",
    {
        "workers": Field(_POSITIVE, "the number of trials at the same time"),
        "threads": Field(_POSITIVE, "the number of CPU threads of each trial"),
        "memory": Field(Quantity(units.MEMORY), "the memory limit of a trial"),
        "watts_per_core": Field(
            Number("a number above 0", above=0), "the power of a busy core, for estimates of energy"
        ),
    },
)

STUDY = Section(
    "a section with the keys of a study: study, data, objective, worth, space",
    {
        "study": Field(
            Text("a name of letters, digits, - and _", r"^[A-Za-z0-9][A-Za-z0-9_-]*$"),
            "the study's name",
            required=True,
        ),
        "problem": Field(_PYTHON_FILE, "the file with load() and train()"),
        "data": Field(_DATA, "where the data comes from", required=True),
        "objective": Field(_OBJECTIVE, "the metric to optimise", required=True),
        "worth": Field(
            Quantity(units.WORTH),
            "what a gain is worth, such as 10 min per point",
            required=True,
        ),
        "prices": Field(_PRICES, "the prices of resources"),
        "budget": Field(_BUDGET, "the limits of the search"),
        "space": Field(
            Named(
                _PARAMETER,
                "a section with a parameter or more, such as lr: {float: [0.001, 0.1]}",
                "letters, digits and _, not starting with a digit",
                _NAME,
                RESERVED,
            ),
            "the parameters and the values they may take",
            required=True,
        ),
        "rules": Field(
            ListOf(_RULE, "a list of rules"),
            "the conditions that a configuration or its model must meet",
        ),
        "gates": Field(
            ListOf(Text("a condition such as latency_ms_p95 <= 20"), "a list of conditions"),
            "the conditions that a model must meet to be registered",
        ),
        "confirm": Field(_CONFIRM, "how the leaders are confirmed after the search"),
        "resources": Field(_RESOURCES, "the resources of the trials"),
        "sampler": Field(OneOf(SAMPLER_NAMES), "the sampler; tpe by default"),
        "seed": Field(
            Number("a whole number from 0 to 4294967295", whole=True, low=0, high=2**32 - 1),
            "the seed of proposals and training",
        ),
    },
)


def schema() -> JSONSchema:
    """Return the JSON Schema of `study.yaml`, for editors.

    It covers keys, types and notations. Mistakes that involve several values (a lower bound above
    the upper one, an unknown name in a rule) are found only by the reader.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Satisfice study",
        "description": "What to search for, what it is worth, and what it may cost.",
        **STUDY.schema(),
    }


def mistakes(document: Any) -> list[Mistake]:
    """Return what is wrong with a document; it is empty exactly if the schema accepts it."""
    return list(STUDY.mistakes(document, ()))
