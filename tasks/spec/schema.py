"""The keys of `study.yaml`: one table, by which the reader checks and editors complete."""

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

_LOG = Field(Flag(), "whether ratios matter rather than differences")
_WHEN = Field(_EXPRESSION, "the condition under which the parameter is there")
_FORMULA = Text("a formula over the parameters above, such as 0.1 * lr")


def _default(shape: Number | Scalar) -> Field:
    return Field(shape, "the value that somebody would choose without a search")


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
                    "two of three good values lie within this factor",
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
                    "two of three good values lie within this distance",
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
            "how much likelier each value is to be good",
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
                    Number("a number above 0", above=0), "the distance of neighbouring values"
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
                "step": Field(_POSITIVE, "the distance of neighbouring values"),
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
                "derived": Field(_FORMULA, "what it follows from", required=True),
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
            "the name under which the training reports it",
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
        "time": Field(Quantity(units.DURATION), "wall-clock time of the search"),
        "trials": Field(_POSITIVE, "number of trials, confirmations not counted"),
        "money": Field(Quantity(units.SPENDING), "money, in the currency of the prices"),
        "energy": Field(Quantity(units.KILOWATT_HOURS), "energy"),
    },
    at_least=1,
)
# The store keeps it in keys, where PostgreSQL has no room for longer ones and none for a NUL.
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
        "when": Field(_EXPRESSION, "the condition under which the rule is asked at all"),
        "because": Field(Text("the reason, in words"), "the reason, in the expert's words"),
        "source": Field(Text("where that is written"), "where that is written"),
        "confidence": Field(
            Number("a number from 0.5 to below 1", low=0.5, below=1),
            "how sure it has to be that the condition holds, where a prediction may be wrong",
        ),
        "audit": Field(
            Percentage(), "the share of the budget for trainings just outside of it: is it right?"
        ),
        "safety": Field(Flag(), "whether it must never be broken, not even by an audit"),
    },
)
_CONFIRM = Section(
    "a section such as {leaders: 2, seeds: 3}",
    {
        "leaders": Field(_COUNT, "at most how many leaders are trained again; 0: none"),
        "seeds": Field(_POSITIVE, "with how many fresh seeds each"),
        "share": Field(
            Number("a number from 0 to below 1", low=0, below=1),
            "the share of the budget that is kept for it",
        ),
    },
)
_RESOURCES = Section(
    "a section such as {workers: 2, threads: 1}",
    {
        "workers": Field(_POSITIVE, "trials at the same time"),
        "threads": Field(_POSITIVE, "processor threads of each trial"),
        "memory": Field(Quantity(units.MEMORY), "limit on the memory of a trial"),
        "watts_per_core": Field(
            Number("a number above 0", above=0), "power of a busy core, where it is estimated"
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
        "objective": Field(_OBJECTIVE, "what is searched for", required=True),
        "worth": Field(
            Quantity(units.WORTH),
            "what a gain is worth, such as 10 min per point",
            required=True,
        ),
        "prices": Field(_PRICES, "what resources cost"),
        "budget": Field(_BUDGET, "the most that may be spent"),
        "space": Field(
            Named(
                _PARAMETER,
                "a section with a parameter or more, such as lr: {float: [0.001, 0.1]}",
                "letters, digits and _, not beginning with a digit",
                _NAME,
                RESERVED,
            ),
            "the parameters and the values they may take",
            required=True,
        ),
        "rules": Field(
            ListOf(_RULE, "a list of rules"), "what a configuration or its model fulfils"
        ),
        "gates": Field(
            ListOf(Text("a condition such as latency_ms_p95 <= 20"), "a list of conditions"),
            "what a model fulfils before it is registered",
        ),
        "confirm": Field(_CONFIRM, "how leaders are checked once the search has stopped"),
        "resources": Field(_RESOURCES, "what a trial may use"),
        "sampler": Field(OneOf(SAMPLER_NAMES), "what proposes; tpe where nothing is said"),
        "seed": Field(
            Number("a whole number from 0 to 4294967295", whole=True, low=0, high=2**32 - 1),
            "seeds the proposals and the trainings",
        ),
    },
)


def schema() -> JSONSchema:
    """Return the JSON Schema of `study.yaml`, for editors.

    It knows keys, types and notations. What takes more than a look at one value (a lower bound
    above the upper one, an unknown name in a rule) only the reader finds.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Satisfice study",
        "description": "What is searched for, what it is worth, and what it may cost.",
        **STUDY.schema(),
    }


def mistakes(document: Any) -> list[Mistake]:
    """Say what the table has against a document; nothing exactly where the schema accepts it."""
    return list(STUDY.mistakes(document, ()))
