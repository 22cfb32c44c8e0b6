"""Proposals: drawn jointly, held against the rules, repaired, and never written down."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook, Verdict
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space
from satisfice.domain.trials.history import Purpose
from satisfice.tasks.sampling.draws import random_configurations
from satisfice.tasks.sampling.proposer import Predict, Proposal, Proposer
from satisfice.tasks.sampling.samplers import SAMPLERS, SamplerFactory, tpe
from satisfice.tasks.storage.distributions import distribution, distributions
from satisfice.tasks.storage.trial_records import BEGUN

SPACE = Space(
    (
        Parameter("channels", Int(8, 128, log=True)),
        Parameter("groups", Int(1, 16)),
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("optimizer", Choice(("sgd", "adamw"))),
        Parameter("momentum", Float(0.0, 0.99), when=Expression("optimizer == 'sgd'")),
    )
)
RULES = RuleBook(
    (
        Rule("even", Expression("channels % groups == 0")),
        Rule("small", Expression("channels * groups <= 100")),
    )
)
NO_RULES = RuleBook()


def propose(
    study: optuna.Study,
    space: Space,
    rules: RuleBook,
    predict: Predict,
    seed: int,
    sampler: SamplerFactory = tpe,
) -> Proposal:
    return Proposer(study, space, rules, predict, seed, sampler).propose()


def blas_threads() -> set[int]:
    pools = threadpool_info()
    return {one["num_threads"] for one in pools if one["user_api"] == "blas"}


def unpredicted(params: Params) -> Mapping[str, float]:
    raise AssertionError(f"no rule needs a prediction, but one was asked for: {params}")


def new_study(direction: str = "minimize", **kwargs: Any) -> optuna.Study:
    return optuna.create_study(direction=direction, **kwargs)


def add(
    study: optuna.Study,
    params: Params,
    value: float | None = None,
    *,
    state: TrialState = TrialState.COMPLETE,
    space: Space = SPACE,
    purpose: Purpose | None = None,
) -> None:
    kinds = distributions(space, params)
    begun = {} if purpose is None else {BEGUN: {"params": params, "purpose": purpose.value}}
    study.add_trial(
        create_trial(
            state=state,
            params=dict(params),
            distributions={name: kinds[name] for name in params},
            value=value,
            user_attrs=begun,
        )
    )


def loss(params: Params) -> float:
    lr = params["lr"]
    assert isinstance(lr, float)
    return abs(lr - 3e-3) + (0.01 if params["optimizer"] == "adamw" else 0.0)


def configurations(count: int, seed: int = 0) -> Iterator[Params]:
    """Random configurations that obey RULES, drawn without any of the code under test."""
    random_ = random.Random(seed)
    for _ in range(count):
        params: dict[str, Any] = {
            "channels": 8 * random_.randint(1, 4),
            "groups": random_.choice((1, 2)),
            "lr": 10 ** random_.uniform(-4, -1),
            "optimizer": random_.choice(("sgd", "adamw")),
        }
        if params["optimizer"] == "sgd":
            params["momentum"] = random_.uniform(0, 0.99)
        yield params


def searched(trials: int = 20, direction: str = "minimize", **kwargs: Any) -> optuna.Study:
    study = new_study(direction, **kwargs)
    for params in configurations(trials):
        add(study, params, loss(params))
    return study


def ask(study: optuna.Study, seed: int = 7, rules: RuleBook = RULES, **kwargs: Any) -> Proposal:
    return propose(study, SPACE, rules, unpredicted, seed, **kwargs)


def facts(study: optuna.Study) -> list[Any]:
    return [(one.number, one.state, one.params, one.system_attrs) for one in study.get_trials()]


class Listening(TPESampler):
    """TPE that keeps the trials which it is shown."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.shown: list[FrozenTrial] = []

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        self.shown = study.get_trials(deepcopy=False)
        return super().sample_relative(study, trial, search_space)


def shown_to_sampler(study: optuna.Study) -> set[int]:
    listener = Listening(1)
    ask(study, sampler=lambda _seed, _own: listener)
    return {one.number for one in listener.shown}


def test_distributions_speak_of_the_same_values() -> None:
    space = Space(
        (
            Parameter("a", Float(1e-3, 1.0, log=True)),
            Parameter("b", Int(0, 10, step=4)),
            Parameter("c", Int(1, 9, log=True)),
            Parameter("d", Choice(("x", "y"))),
        )
    )
    assert {name: distribution(axis) for name, axis in space.axes.items()} == {
        "a": optuna.distributions.FloatDistribution(1e-3, 1.0, log=True),
        "b": optuna.distributions.IntDistribution(0, 8, step=4),
        "c": optuna.distributions.IntDistribution(1, 9, log=True),
        "d": optuna.distributions.CategoricalDistribution(("x", "y")),
    }


def test_random_configurations_fill_the_space() -> None:
    drawn = list(random_configurations(SPACE, 300, 3))
    assert all(SPACE.outside(one) == () for one in drawn)
    assert drawn == list(random_configurations(SPACE, 300, 3))
    assert drawn != list(random_configurations(SPACE, 300, 4))
    assert {one["groups"] for one in drawn} == set(range(1, 17))
    assert 100 < sum("momentum" in one for one in drawn) < 200
    assert 100 < sum(one["lr"] < 10**-2.5 for one in drawn) < 200


@pytest.mark.parametrize("trials", [0, 5, 20])
def test_a_proposal_is_in_the_space_and_allowed(trials: int) -> None:
    study = searched(trials)
    for seed in range(10):
        proposal = ask(study, seed)
        assert SPACE.outside(proposal.params) == ()
        channels, groups = proposal.params["channels"], proposal.params["groups"]
        assert channels % groups == 0
        assert channels * groups <= 100
        assert proposal.verdict == RULES.judge(proposal.params, {})


@pytest.mark.parametrize("storage", ["memory", "sqlite"])
def test_nothing_is_written(storage: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/optuna.db" if storage == "sqlite" else None
    study = searched(15, storage=url)
    before = facts(study)
    for seed in range(5):
        ask(study, seed)
    assert facts(study) == before


def test_the_same_history_and_seed_give_the_same_proposal() -> None:
    first = searched(15)
    ask(first, seed=99)  # an earlier call leaves no trace
    assert ask(first) == ask(searched(15))
    assert ask(first) != ask(first, seed=8)
    assert ask(first).params != ask(searched(16)).params


def test_storages_do_not_change_a_proposal(tmp_path: Path) -> None:
    in_file = searched(15, storage=f"sqlite:///{tmp_path}/optuna.db")
    assert ask(in_file) == ask(searched(15))


def test_another_process_proposes_the_same(tmp_path: Path, root: Path) -> None:
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = searched(15, storage=url, study_name="shared")
    code = f"""
import optuna, pickle
from satisfice.tasks.sampling.proposer import Proposer
space, rules = pickle.loads({pickle.dumps((SPACE, RULES))!r})
study = optuna.load_study(study_name="shared", storage={url!r})
print(dict(Proposer(study, space, rules, None, 7).propose().params))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(dict(ask(study).params))


def test_search_goes_where_values_are_good() -> None:
    study = searched(40)
    near = sum(3e-4 < ask(study, seed).params["lr"] < 3e-2 for seed in range(20))
    away = new_study("maximize")
    for params in configurations(40):
        add(away, params, loss(params))
    far = sum(3e-4 < ask(away, seed).params["lr"] < 3e-2 for seed in range(20))
    assert near > far + 5


def test_running_trials_push_proposals_apart() -> None:
    study = searched(30)
    alone = ask(study).params
    for _ in range(12):
        add(study, alone, state=TrialState.RUNNING)
    assert shown_to_sampler(study) >= set(range(30, 42))


@pytest.mark.parametrize("purpose", [Purpose.CONFIRMATION, Purpose.AUDIT])
def test_what_does_not_compete_is_not_learned_from(purpose: Purpose) -> None:
    study = searched(12)
    add(study, next(configurations(1)), 0.0, purpose=purpose)
    add(study, next(configurations(1)), 0.0, purpose=Purpose.SEARCH)
    add(study, next(configurations(1)), 0.0, purpose=Purpose.DEFAULT)
    assert shown_to_sampler(study) == set(range(12)) | {13, 14}


def test_pruned_trials_never_fill_the_good_group() -> None:
    study = new_study()
    for number, params in enumerate(configurations(40)):
        if number in (3, 17):
            add(study, params, loss(params))
        else:
            add(study, params, state=TrialState.PRUNED)
    shown = shown_to_sampler(study)
    pruned = sorted(shown - {3, 17})
    assert shown >= {3, 17}
    assert pruned == list(range(22, 40))  # the newest nine for each complete one


def test_few_pruned_trials_are_all_learned_from() -> None:
    study = searched(10)
    for params in configurations(10, seed=1):
        add(study, params, state=TrialState.PRUNED)
    assert shown_to_sampler(study) == set(range(20))


def test_a_forbidden_draw_is_repaired() -> None:
    narrow = RuleBook(
        (
            Rule("at-most", Expression("lr * channels <= 0.0009")),
            Rule("even", Expression("channels % groups == 0")),
            Rule("many", Expression("groups >= 7")),
        )
    )
    repaired = []

    def plain(_seed: int, own: int) -> TPESampler:  # the one of a search needs no repair
        return TPESampler(seed=own, multivariate=True)

    for seed in range(10):
        proposal = ask(searched(15), seed, narrow, sampler=plain)
        params = proposal.params
        assert params["lr"] * params["channels"] <= 0.0009
        assert params["channels"] % params["groups"] == 0
        assert params["groups"] >= 7
        if proposal.repaired:
            repaired.append(proposal)
            assert proposal.draws > 1
            assert sum(one.count for one in proposal.excluded.values()) >= proposal.draws
    assert repaired


def test_each_rule_counts_the_draws_that_it_turned_away() -> None:
    rules = RuleBook(
        (Rule("never-silent", Expression("lr > 1")), Rule("always", Expression("lr < 1")))
    )
    with pytest.raises(NoAllowedConfiguration) as caught:
        ask(new_study(), rules=rules)
    assert "rule 'never-silent' rejected 8 of 8" in caught.value.message
    assert "always" not in caught.value.message
    assert caught.value.hint


def test_contradictory_rules_leave_the_store_as_it_was(tmp_path: Path) -> None:
    study = searched(12, storage=f"sqlite:///{tmp_path}/optuna.db")
    rules = RuleBook(
        (Rule("up", Expression("channels > 64")), Rule("down", Expression("channels < 32")))
    )
    before = facts(study)
    with pytest.raises(NoAllowedConfiguration, match=r"rule '(up|down)' rejected"):
        ask(study, rules=rules)
    assert facts(study) == before


def test_predictions_are_asked_only_where_nothing_else_is_broken() -> None:
    asked: list[Params] = []

    def predict(params: Params) -> Mapping[str, float]:
        asked.append(dict(params))
        return {"predicted.parameters": 1000.0 * params["channels"]}

    rules = RuleBook((*RULES.rules, Rule("fits", Expression("predicted.parameters <= 20_000"))))
    proposal = propose(searched(5), SPACE, rules, predict, 3)
    assert proposal.params["channels"] <= 20
    assert proposal.verdict.predicted == {
        "predicted.parameters": 1000.0 * proposal.params["channels"]
    }
    assert asked
    assert all(RULES.allow(params, {}) for params in asked)
    assert len({str(params) for params in asked}) == len(asked)  # no configuration twice


def test_predictions_are_limited_in_number() -> None:
    asked: list[Params] = []

    def predict(params: Params) -> Mapping[str, float]:
        asked.append(params)
        return {"predicted.macs": 2.0}

    rules = RuleBook((Rule("fits", Expression("predicted.macs <= 1")),))
    with pytest.raises(NoAllowedConfiguration, match="rule 'fits' rejected 8 of 8"):
        propose(new_study(), SPACE, rules, predict, 3)
    assert 8 <= len(asked) <= 1000


SMALL = Space(
    (
        Parameter("a", Int(0, 3)),
        Parameter("b", Choice(("u", "v"))),
        Parameter("c", Int(0, 1), when=Expression("b == 'v'")),
    )
)
SMALL_RULES = RuleBook((Rule("odd-is-u", Expression("a % 2 == 0 or b == 'u'")),))
SMALL_ALLOWED = {
    tuple(SMALL.configuration({"a": a, "b": b, "c": c}).items())
    for a, b, c in product(range(4), "uv", range(2))
    if a % 2 == 0 or b == "u"
}


@pytest.mark.parametrize("running", [False, True])
def test_a_small_space_is_searched_whole_before_anything_comes_twice(running: bool) -> None:
    study = new_study()
    seen = []
    state = TrialState.RUNNING if running else TrialState.COMPLETE
    for _ in SMALL_ALLOWED:
        params = propose(study, SMALL, SMALL_RULES, unpredicted, 1).params
        seen.append(tuple(params.items()))
        add(study, params, None if running else 1.0, state=state, space=SMALL)
    assert len(seen) == len(SMALL_ALLOWED)
    assert set(seen) == SMALL_ALLOWED


def test_an_exhausted_space_comes_again_and_stays_allowed() -> None:
    study = new_study()
    for items in sorted(SMALL_ALLOWED):
        add(study, dict(items), 1.0, space=SMALL)
    again = propose(study, SMALL, SMALL_RULES, unpredicted, 1)
    assert tuple(again.params.items()) in SMALL_ALLOWED


def test_a_real_number_with_a_step_is_not_tried_twice() -> None:
    space = Space((Parameter("x", Float(0.0, 1.0, step=0.25)),))
    study = new_study()
    for _ in range(5):
        add(study, propose(study, space, RuleBook(()), unpredicted, 1).params, 1.0, space=space)
    assert {one.params["x"] for one in study.trials} == {0.0, 0.25, 0.5, 0.75, 1.0}


@pytest.mark.parametrize("domain", [Int(0, 99), Float(0.0, 99.0)])
def test_the_default_leads_into_a_region_that_draws_never_hit(domain: Int | Float) -> None:
    names = [f"p{at}" for at in range(6)]
    space = Space(tuple(Parameter(name, domain, default=50) for name in names))
    rules = RuleBook(
        tuple(Rule(f"near-{name}", Expression(f"49 <= {name} <= 51")) for name in names)
    )
    study = new_study()
    seen = set()
    for _ in range(5):
        proposal = propose(study, space, rules, unpredicted, 5)
        assert all(49 <= proposal.params[name] <= 51 for name in names)
        assert proposal.repaired
        seen.add(tuple(proposal.params.values()))
        add(study, proposal.params, 1.0, space=space)
    assert len(seen) == 5


def test_trials_of_a_wider_space_do_not_bring_their_bounds_along() -> None:
    wide = Space((Parameter("x", Float(0.0, 100.0)), Parameter("y", Float(0.0, 1.0))))
    now = Space((Parameter("x", Float(0.0, 1.0)), Parameter("y", Float(0.0, 1.0))))
    study = new_study()
    for number in range(15):
        add(study, {"x": 5.0 + number, "y": 0.5}, float(number), space=wide)
    for seed in range(10):
        assert now.outside(propose(study, now, NO_RULES, unpredicted, seed).params) == ()


def test_parameters_of_one_value_need_no_sampler() -> None:
    space = Space((Parameter("x", Float(0.5, 0.5)), Parameter("n", Int(3, 4, step=2))))
    proposal = propose(new_study(), space, NO_RULES, unpredicted, 0)
    assert proposal == Proposal({"x": 0.5, "n": 3}, Verdict({}, {}), {}, 1, repaired=False)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_obeys_and_remembers(name: str) -> None:
    space = Space(
        (
            Parameter("a", Int(1, 12)),
            Parameter("b", Int(1, 12)),
            Parameter("c", Choice(("u", "v"))),
            Parameter("d", Int(0, 3), when=Expression("c == 'u'")),
        )
    )
    rules = RuleBook((Rule("small", Expression("a * b <= 12")), Rule("odd", Expression("a % 2"))))
    study = new_study()
    for _ in range(12 if name == "gp" else 30):  # a proposal of GP takes a second
        proposal = propose(study, space, rules, unpredicted, 3, SAMPLERS[name])
        params = proposal.params
        assert space.outside(params) == ()
        assert params["a"] * params["b"] <= 12  # type: ignore[operator]
        assert params["a"] % 2 == 1  # type: ignore[operator]
        study.add_trial(
            create_trial(
                params=dict(params),
                distributions=distributions(space, params),
                value=float(params["a"]) + float(params["b"]),
                system_attrs=dict(proposal.notes),
            )
        )
    if name == "cma-es":  # its state is in the trials, or it would begin anew each time
        assert any(key.startswith("cma:") for one in study.trials for key in one.system_attrs)
    if name == "nsga-ii":
        assert all("NSGAIISampler:generation" in one.system_attrs for one in study.trials)


def test_brute_force_tries_all_that_is_allowed_once() -> None:
    study = new_study()
    found = []
    for _ in range(len(SMALL_ALLOWED)):
        proposal = propose(study, SMALL, SMALL_RULES, unpredicted, 1, SAMPLERS["brute-force"])
        found.append(tuple(proposal.params.items()))
        add(study, proposal.params, 1.0, space=SMALL)
    assert set(found) == SMALL_ALLOWED


def test_models_take_no_core_from_what_trains() -> None:
    """Threads of BLAS that wait for each other on busy cores take ten times as long."""
    during: list[set[int]] = []

    def watched(seed: int, own: int) -> optuna.samplers.BaseSampler:
        class Watched(optuna.samplers.RandomSampler):
            def sample_independent(self, *args: Any, **kwargs: Any) -> Any:
                during.append(blas_threads())
                return super().sample_independent(*args, **kwargs)

        return Watched(own)

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        propose(new_study(), SPACE, NO_RULES, unpredicted, 0, watched)
        assert during
        assert all(one == {1} for one in during)
        assert blas_threads() == before
