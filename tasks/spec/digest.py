"""The digest of a study, which tells whether stored searches are of the same study.

Digests are stored, so the names in them are constants and do not follow the names of classes and
fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.space.domains import Bounded, Choice, Derived, Domain, Float, Int, Ordinal
from satisfice.domain.space.priors import Prior, Weights
from satisfice.domain.study import Study


def study_digest(study: Study) -> str:
    """Return 16 hexadecimal digits that change if a search of the study would be a different one.

    Texts (reasons, sources, comments), the folder, the budget and the resources are left out: they
    determine how far and how fast a search goes, not what it searches.
    """
    data, objective, prices, confirm = study.data, study.objective, study.prices, study.confirming
    spec = {
        "study": study.name,
        "problem": study.problem,
        "data": {"source": data.source, "expectations": data.expectations},
        "objective": {"metric": objective.metric, "direction": objective.direction},
        "worth": [study.worth.money, study.worth.per, study.worth.target],
        "prices": {
            "currency": prices.currency,
            "hour": prices.hour,
            "kwh": prices.kwh,
            "kgco2e_per_kwh": prices.kgco2e_per_kwh,
            "kgco2e": prices.kgco2e,
        },
        "space": [
            [one.name, _facts(one.domain), _text(one.when), one.default, _facts(one.prior)]
            for one in study.space.parameters
        ],
        "sampler": study.sampler,
        "rules": [
            [rule.id, _text(rule.require), _text(rule.when), rule.confidence, rule.audit]
            for rule in (*study.rules.rules, *study.soft_rules.rules)
        ],
        "gates": [_text(gate.require) for gate in study.gates],
        "confirm": {"leaders": confirm.leaders, "seeds": confirm.seeds, "share": confirm.share},
        "seed": study.seed,
    }
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


_FACTS: dict[type[Any], Callable[[Any], list[Any]]] = {
    Float: lambda one: ["Float", one.low, one.high, one.log, one.step],
    Int: lambda one: ["Int", one.low, one.high, one.log, one.step],
    Choice: lambda one: ["Choice", one.choices],
    Ordinal: lambda one: ["Ordinal", one.values],
    Bounded: lambda one: ["Bounded", _text(one.low), _text(one.high), one.log, one.whole],
    Derived: lambda one: ["Derived", _text(one.formula)],
    Prior: lambda one: ["Prior", _text(one.around), one.spread, one.log],
    Weights: lambda one: ["Weights", one.weights],
}


def _facts(one: Domain | Prior | Weights | None) -> list[Any] | None:
    return None if one is None else _FACTS[type(one)](one)


def _text(expression: Expression | None) -> str | None:
    return None if expression is None else " ".join(expression.text.split())
