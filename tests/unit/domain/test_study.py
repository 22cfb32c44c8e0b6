"""Overrides: values of one run in place of those of its study."""

from __future__ import annotations

from dataclasses import replace

from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.space.space import Int, Parameter, Space
from satisfice.domain.study import DataSource, Objective, Overrides, Resources, Study

STUDY = Study(
    "s", "/s", "problem.py", DataSource("d"), Objective("score", Direction.MAXIMIZE), Worth(1.0),
    Prices(), Budget(trials=9, seconds=60.0, money=5.0), Space((Parameter("n", Int(1, 9)),)),
    resources=Resources(workers=2, threads=3), seed=4,
)  # fmt: skip


def test_without_overrides_the_study_stays_as_it_is() -> None:
    assert Overrides().applied_to(STUDY) == STUDY


def test_each_override_replaces_its_own_value_alone() -> None:
    changed = Overrides(minutes=2.5, trials=7, workers=8, seed=0).applied_to(STUDY)
    assert changed == replace(
        STUDY,
        budget=Budget(trials=7, seconds=150.0, money=5.0),
        resources=Resources(workers=8, threads=3),
        seed=0,
    )
    assert Overrides(seed=0).applied_to(STUDY) == replace(STUDY, seed=0)
