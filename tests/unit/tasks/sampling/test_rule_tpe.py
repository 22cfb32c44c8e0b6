"""TPE that chooses among the allowed."""

from __future__ import annotations

from itertools import islice

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space
from satisfice.tasks.sampling.draws import random_configurations
from satisfice.tasks.sampling.rule_tpe import RuleTPE
from satisfice.tasks.storage.distributions import distributions

SPACE = Space(
    (
        Parameter("width", Int(8, 1024, log=True)),
        Parameter("groups", Int(1, 16)),
        Parameter("rate", Float(1e-5, 1.0, log=True)),
        Parameter("optimizer", Choice(("sgd", "adamw"))),
        Parameter("momentum", Float(0.0, 0.99), when=Expression("optimizer == 'sgd'")),
    )
)
NARROW = RuleBook(
    (
        Rule("even", Expression("width % groups == 0 and groups > 2")),
        Rule("slow", Expression("1e-2 <= rate * width <= 1e-1")),
        Rule("light", Expression("momentum <= 0.2")),
    )
)
STAND_IN = create_trial(state=TrialState.RUNNING)


def told(count: int, rules: RuleBook) -> optuna.Study:
    study = optuna.create_study()
    some = (one for one in random_configurations(SPACE, 100_000, 5) if rules.allow(one, {}))
    for params in islice(some, count):
        rate = params["rate"]
        assert isinstance(rate, float)
        kinds = distributions(SPACE, params)
        study.add_trial(create_trial(params=dict(params), distributions=kinds, value=rate))
    return study


def sift(study: optuna.Study, seed: int, rules: RuleBook) -> Params:
    def wanted(params: Params) -> bool:
        return rules.allow(params, {})

    sampler = RuleTPE(seed, SPACE, rules, wanted)
    trial: FrozenTrial = STAND_IN
    trial.number = len(study.trials)
    return sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))


@pytest.mark.parametrize("trials", [0, 15])
def test_what_is_drawn_is_allowed(trials: int) -> None:
    study = told(trials, NARROW)
    for seed in range(10):
        found = SPACE.configuration(sift(study, seed, NARROW))
        assert SPACE.outside(found) == ()
        assert NARROW.allow(found, {})


def test_nothing_is_drawn_where_nothing_is_allowed() -> None:
    nothing = RuleBook((Rule("no", Expression("width < 0")),))
    assert sift(told(12, NARROW), 0, nothing) == {}


def test_it_learns() -> None:
    study = told(40, NARROW)
    first = sorted(one.params["rate"] for one in study.trials)[10]
    drawn = [sift(study, seed, NARROW)["rate"] for seed in range(20)]
    assert sum(float(one) < first for one in drawn) > 12  # a quarter of what is there


def test_the_same_seed_gives_the_same() -> None:
    study = told(15, NARROW)
    assert sift(study, 3, NARROW) == sift(study, 3, NARROW)


def test_a_pruned_trial_teaches_and_never_passes_for_good() -> None:
    """Where hardly anything is feasible, Optuna's split would fill up with pruned trials."""
    study = optuna.create_study()
    for at in range(40):
        rate = 10 ** (-5 + at / 8)
        params: Params = {"width": 64, "groups": 4, "rate": rate, "optimizer": "adamw"}
        pruned = rate < 1e-3
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
                params=dict(params),
                distributions=distributions(SPACE, params),
                value=rate,
                constraints={} if pruned else {"fast": 1.0 - rate},
            )
        )
    drawn = [float(sift(study, seed, RuleBook())["rate"]) for seed in range(20)]
    assert sum(one > 1e-2 for one in drawn) > 15  # towards what breaks the rule by the least
