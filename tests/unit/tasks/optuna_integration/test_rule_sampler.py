"""Rules in plain Optuna code: whatever sampler is inside, no trial breaks one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GridSampler, TPESampler
from optuna.trial import TrialState

from satisfice import RuleAwareSampler, read_study
from satisfice.domain.errors import NoAllowedConfiguration, UserError
from satisfice.domain.expressions.syntax import ExpressionError
from satisfice.tasks.sampling.samplers import SAMPLERS

SPACE = {
    "channels": IntDistribution(8, 64, log=True),
    "groups": IntDistribution(1, 16),
    "optimizer": CategoricalDistribution(["sgd", "adamw"]),
    "momentum": FloatDistribution(0.0, 0.99, step=0.01),
}
RULES = ["channels % groups == 0", "groups > 1", "momentum <= 0.5 or channels <= 32"]
WHEN = {"momentum": "optimizer == 'sgd'"}


def objective(trial: optuna.Trial) -> float:
    channels = trial.suggest_int("channels", 8, 64, log=True)
    groups = trial.suggest_int("groups", 1, 16)
    momentum = 0.0
    if trial.suggest_categorical("optimizer", ["sgd", "adamw"]) == "sgd":
        momentum = trial.suggest_float("momentum", 0.0, 0.99, step=0.01)
    trial.suggest_float("another", 0.0, 1.0)  # the rules know nothing of it
    assert channels % groups == 0
    assert groups > 1
    assert momentum <= 0.5 or channels <= 32
    return abs(channels - 40) + groups + momentum


def study_with(sampler: BaseSampler, **kwargs: object) -> optuna.Study:
    return optuna.create_study(sampler=sampler, **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_no_trial_breaks_a_rule(name: str) -> None:
    if name == "brute-force":
        pytest.skip("its space has to be finite, and `another` is not: tested below")
    study = study_with(RuleAwareSampler(SAMPLERS[name](1, 2), SPACE, RULES, WHEN))
    study.optimize(objective, n_trials=12 if name == "gp" else 25)
    assert {one.state for one in study.trials} == {TrialState.COMPLETE}


def test_several_threads_and_a_database(tmp_path: Path) -> None:
    sampler = RuleAwareSampler(TPESampler(seed=1), SPACE, RULES, WHEN)
    study = study_with(sampler, storage=f"sqlite:///{tmp_path}/optuna.db")
    study.optimize(objective, n_trials=16, n_jobs=2)
    assert {one.state for one in study.trials} == {TrialState.COMPLETE}


def two(trial: optuna.Trial) -> float:
    return float(trial.suggest_int("a", 1, 4) + trial.suggest_int("b", 1, 4))


TWO = {"a": IntDistribution(1, 4), "b": IntDistribution(1, 4)}


@pytest.mark.parametrize(
    "inside",
    [
        lambda: GridSampler({"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]}, seed=1),
        lambda: optuna.samplers.BruteForceSampler(seed=1),
    ],
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_goes_through_a_list_goes_through_the_allowed_ones(
    inside: Callable[[], BaseSampler],
) -> None:
    study = study_with(RuleAwareSampler(inside(), TWO, ["a < b"]))
    study.optimize(two, n_trials=6)
    pairs = {(one.params["a"], one.params["b"]) for one in study.trials}
    assert pairs == {(a, b) for a in range(1, 5) for b in range(a + 1, 5)}


def test_a_grid_that_is_done_ends_the_study() -> None:
    grid = GridSampler({"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]}, seed=1)
    study = study_with(RuleAwareSampler(grid, TWO, ["a < b"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.optimize(two, n_trials=50)
    assert 6 <= len(study.trials) <= 7
    assert all(one.params["a"] < one.params["b"] for one in study.trials)


def test_a_forbidden_queued_configuration_is_refused() -> None:
    study = study_with(RuleAwareSampler(TPESampler(seed=1), TWO, ["a < b"]))
    study.enqueue_trial({"a": 3, "b": 2})
    with pytest.raises(UserError, match="breaks 'a < b'") as caught:
        study.optimize(two, n_trials=1)
    assert caught.value.hint == "the nearest allowed configuration is {'a': 2, 'b': 3}"
    assert [one.state for one in study.trials] == [TrialState.FAIL]


def test_what_a_queued_configuration_leaves_open_is_drawn() -> None:
    study = study_with(RuleAwareSampler(TPESampler(seed=1), TWO, ["a < b"]))
    for a in (1, 2, 3):
        study.enqueue_trial({"a": a})
    study.optimize(two, n_trials=3)
    assert [one.params["a"] for one in study.trials] == [1, 2, 3]
    assert all(one.params["a"] < one.params["b"] for one in study.trials)


def test_a_contradiction_leaves_no_open_trial() -> None:
    study = study_with(RuleAwareSampler(TPESampler(seed=1), TWO, ["a < b", "b < a"]))
    with pytest.raises(NoAllowedConfiguration, match="rule 'a < b' rejected"):
        study.optimize(two, n_trials=1)
    assert [one.state for one in study.trials] == [TrialState.FAIL]


def test_asking_for_something_else_than_was_judged() -> None:
    study = study_with(RuleAwareSampler(TPESampler(seed=1), TWO, ["a < b"]))
    trial = study.ask()
    with pytest.raises(UserError, match="suggests 'b'"):
        trial.suggest_int("b", 9, 12)


def test_rules_and_conditions_are_read_at_once() -> None:
    with pytest.raises(ExpressionError, match="unknown parameter 'bb'"):
        RuleAwareSampler(TPESampler(), TWO, ["a < bb"])
    with pytest.raises(ExpressionError, match="unknown parameter above 'b'"):
        RuleAwareSampler(TPESampler(), TWO, when={"a": "b > 1"})
    with pytest.raises(UserError, match="condition for 'c'"):
        RuleAwareSampler(TPESampler(), TWO, when={"c": "b > 1"})


def test_the_space_and_rules_of_a_study_file(root: Path) -> None:
    spec = read_study(root / "studies" / "digits")
    rules = [one for one in spec.rules.rules if not one.needs_prediction]
    study = study_with(RuleAwareSampler(TPESampler(seed=1), spec.space, rules))
    for _ in range(5):
        params = study.ask().relative_params
        assert spec.space.outside(params or {}) == ()


NARROW = {name: FloatDistribution(0.0, 1.0) for name in "xyz"}
SHELL = ["0.50 <= x * y + z < 0.501", "x < 0.1 or y > 0.9"]  # about 2 draws in 10,000


def narrow(seed: int | None) -> list[dict[str, float]]:
    sampler = RuleAwareSampler(optuna.samplers.RandomSampler(seed=1), NARROW, SHELL, seed=seed)
    study = study_with(sampler)
    study.optimize(
        lambda trial: sum(trial.suggest_float(name, 0.0, 1.0) for name in NARROW), n_trials=6
    )
    return [one.params for one in study.trials]


def test_what_is_drawn_beside_the_sampler_depends_on_the_seed_and_the_trial() -> None:
    once, again, other = narrow(3), narrow(3), narrow(4)
    assert once == again
    assert not {tuple(one.items()) for one in once} & {tuple(one.items()) for one in other}
    assert len({one["z"] for one in once}) == 6


def test_without_a_seed_every_study_is_another() -> None:
    assert narrow(None) != narrow(None)


def test_reseeding_draws_other_numbers() -> None:
    sampler = RuleAwareSampler(optuna.samplers.RandomSampler(seed=1), NARROW, SHELL, seed=3)
    sampler.reseed_rng()
    study = study_with(sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=1)
    assert study.trials[0].params["x"] != narrow(3)[0]["x"]


@pytest.mark.parametrize("sampler", [optuna.samplers.NSGAIIISampler, optuna.samplers.TPESampler])
def test_samplers_that_are_not_on_our_list_obey_as_well(
    sampler: Callable[..., BaseSampler],
) -> None:
    study = study_with(RuleAwareSampler(sampler(seed=1), SPACE, RULES, WHEN, seed=2))
    study.optimize(objective, n_trials=60)
    assert {one.state for one in study.trials} == {TrialState.COMPLETE}


def test_values_that_optuna_itself_fixes_are_held_against_the_rules() -> None:
    fixed = optuna.samplers.PartialFixedSampler({"groups": 7}, optuna.samplers.RandomSampler(1))
    study = study_with(RuleAwareSampler(fixed, SPACE, RULES, WHEN, seed=2))
    study.optimize(objective, n_trials=20)
    assert all(one.params["channels"] % one.params["groups"] == 0 for one in study.trials)
