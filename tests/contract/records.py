"""What the contract tests of the store record."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import (
    Choice,
    Float,
    Int,
    Parameter,
    Space,
)
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.trials.history import (
    CurvePoint,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.tasks.storage.store import Search

CHOICES = ("sgd", "größte 🙂", True, False, 2.5, 7)
SPACE = Space(
    (
        Parameter("depth", Int(1, 2**53)),
        Parameter("odd", Int(1, 10, step=2)),
        Parameter("lr", Float(1e-6, 1.0, log=True)),
        Parameter("Länge", Float(-1.0, 1.0)),
        Parameter("kind", Choice(CHOICES)),
    )
)
PARAMS = {"depth": 2**53 - 1, "lr": 0.1, "kind": True}
ALLOWED = Verdict(
    {"fits": 0.5, "wide": math.inf},
    {"predicted.parameters": 1234.0, "predicted.memory_mb": 80.5},
    {"predicted.memory_mb": Forecast(80.5, 0.25, 6.0, 2)},
)


def study_named(name: str = "digits", direction: Direction = Direction.MAXIMIZE) -> Study:
    return Study(
        name=name,
        folder="/studies/digits",
        problem="problem.py",
        data=DataSource("made up"),
        objective=Objective("accuracy", direction),
        worth=Worth(1.0),
        prices=Prices(),
        budget=Budget(trials=10),
        space=SPACE,
        seed=2**70 + 1,
        text="study: digits  # é 🙂\n",
    )


def begin(search: Search, purpose: Purpose = Purpose.SEARCH, seed: int = 5) -> int:
    return search.begin_trial(PARAMS, SPACE, seed, purpose, ALLOWED)


def record(number: int, **changes: Any) -> TrialRecord:
    base = TrialRecord(
        number=number,
        params=PARAMS,
        state=TrialState.COMPLETE,
        value=0.75,
        curve=(CurvePoint(1, 0.5, 1.25), CurvePoint(2, 0.75, 2.5)),
        cost=Cost(2.5, 1e-5, 5e-6, 0.01, EnergyMode.MEASURED),
        seed=5,
        metrics={"loss": 0.25},
        measured={"memory_mb": 81.25},
        margins={"fast": 1.5},
        epochs=4,
    )
    return replace(base, **changes)


def told(search: Search, **changes: Any) -> TrialRecord:
    purpose = changes.get("purpose", Purpose.SEARCH)
    one = record(begin(search, purpose), **changes)
    search.tell(one)
    return one


def driver_url(store_url: str) -> str:
    return store_url.replace("postgresql://", "postgresql+psycopg://")
