"""A private name of Optuna that is gone is reported with what to install."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import optuna
import pytest
from optuna.samplers._tpe import sampler as tpe
from optuna.storages._rdb import models

from satisfice.domain.errors import ExternalSystemError
from satisfice.tasks.storage import optuna_private
from satisfice.tasks.storage.optuna_private import (
    StudySnapshot,
    generator_of,
    grid_size,
    renumber,
    split_trials,
    step_columns,
    storage_of,
    study_id,
    table,
    trial_id,
    value_columns,
)


@pytest.fixture(autouse=True)
def _first_use() -> Iterator[None]:
    optuna_private._member.cache_clear()
    yield
    optuna_private._member.cache_clear()


def study() -> optuna.Study:
    made = optuna.create_study()
    made.add_trial(optuna.create_trial(value=1.0))
    return made


def snapshot() -> StudySnapshot:
    return StudySnapshot(study(), None, [])


def sampler() -> optuna.samplers.TPESampler:
    return optuna.samplers.TPESampler(seed=0)


def grid() -> optuna.samplers.GridSampler:
    return optuna.samplers.GridSampler({"x": [1, 2, 3]})


USES: list[tuple[Any, str, Callable[[], Any], str]] = [
    (models, "TrialModel", lambda: table("TrialModel"), "models.TrialModel.__table__"),
    (models, "TrialValueModel", lambda: value_columns(1.0), "TrialValueModel.TrialValueType"),
    (models, "TrialIntermediateValueModel", lambda: step_columns(1, 0.5), "intermediate_value"),
    (tpe, "_split_trials", lambda: split_trials(study(), [], 0), "sampler._split_trials"),
    (tpe, "default_gamma", lambda: split_trials(study(), [], 0), "sampler.default_gamma"),
    (optuna.Study, "_get_trials", snapshot, "Study._get_trials"),
]


@pytest.mark.parametrize(("owner", "name", "use", "told"), USES, ids=[one[1] for one in USES])
def test_what_is_gone_is_named(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, use: Callable[[], Any], told: str
) -> None:
    use()
    optuna_private._member.cache_clear()
    monkeypatch.delattr(owner, name)
    with pytest.raises(ExternalSystemError, match=told) as caught:
        use()
    assert optuna.__version__ in caught.value.message
    assert "pip install 'optuna==5.0.*'" in caught.value.hint


@pytest.mark.parametrize(
    ("owner", "name", "use"),
    [
        (study(), "_storage", storage_of),
        (study(), "_study_id", study_id),
        (study().trials[0], "_trial_id", trial_id),
        (study().trials[0], "_trial_id", lambda trial: renumber(trial, 3, 4)),
        (sampler(), "_rng", generator_of),
        (grid(), "_all_grids", grid_size),
    ],
)
def test_an_attribute_that_is_gone_is_named(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, use: Callable[[Any], Any]
) -> None:
    use(owner)
    monkeypatch.delattr(owner, name)
    with pytest.raises(ExternalSystemError, match=name):
        use(owner)


def test_a_module_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna_private, "_MODELS", "optuna.storages._no_such_module")
    with pytest.raises(ExternalSystemError, match="_no_such_module"):
        table("TrialModel")


def test_the_tested_version_is_the_one_that_the_constraints_pin(root: Any) -> None:
    pinned = (root / "constraints.txt").read_text()
    assert f"\noptuna=={optuna_private.TESTED}." in pinned
