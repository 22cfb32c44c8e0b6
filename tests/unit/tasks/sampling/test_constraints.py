"""Soft rules as samplers see them: constraints of order 1, whatever became of a trial."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from satisfice.domain.rules.rule import RuleBook
from satisfice.domain.space.space import Float, Parameter, Params, Space
from satisfice.tasks.sampling.constraints import constrained
from satisfice.tasks.sampling.proposer import Proposer
from satisfice.tasks.sampling.samplers import SAMPLERS
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.trial_records import constraints

SPACE = Space((Parameter("x", Float(0.0, 1.0)), Parameter("y", Float(0.0, 1.0))))
LIMIT = 0.15


def trial(
    params: Params,
    margins: Mapping[str, float],
    value: float = 0.5,
    state: TrialState = TrialState.COMPLETE,
) -> FrozenTrial:
    return create_trial(
        state=state,
        params=dict(params),
        distributions=distributions(SPACE, params),
        value=None if state is TrialState.FAIL else value,
        system_attrs={"sampler": "note", **constraints(margins)},
    )


def some(**margins: float) -> FrozenTrial:
    return trial({"x": 0.5, "y": 0.5}, margins)


def test_all_trials_are_on_the_scale_of_the_typical_violation() -> None:
    seen = constrained([some(fast=-2.0, fair=0.01), some(fast=-6.0, fair=-0.001), some(fast=8.0)])
    assert [one.constraints for one in seen] == [
        {"fast": pytest.approx(1.0), "fair": pytest.approx(-10.0)},
        {"fast": pytest.approx(3.0), "fair": pytest.approx(1.0)},
        {"fast": pytest.approx(-4.0), "fair": -1.0},  # a rule that is silent about it
    ]


def test_constraints_stand_in_one_order_whatever_was_silent_or_read_first() -> None:
    trials = [some(a=-1.0, b=1.0, c=1.0), some(c=-1.0, a=2.0), some(b=1.0), some(c=1.0, b=-1.0)]
    assert [list(one.constraints) for one in constrained(trials)] == [["a", "b", "c"]] * 4


def test_what_the_store_holds_is_left_as_it_was() -> None:
    trials = [some(fast=-4.0), some(fast=-8.0)]
    constrained(trials)
    assert [one.constraints["fast"] for one in trials] == [4.0, 8.0]
    assert constrained(trials)[0].system_attrs["sampler"] == "note"


def test_without_soft_rules_nothing_is_copied() -> None:
    trials = [some(), some()]
    assert all(one is other for one, other in zip(constrained(trials), trials, strict=True))


def test_a_pruned_or_failed_trial_has_no_constraint_that_was_not_known() -> None:
    params = {"x": 0.5, "y": 0.5}
    pruned = trial(params, {"fair": -0.5}, 0.1, TrialState.PRUNED)
    failed = trial(params, {}, state=TrialState.FAIL)
    seen = constrained([some(fast=1.0, fair=1.0), pruned, failed])
    assert seen[0].constraints.keys() == {"fast", "fair"}
    assert seen[1].constraints == {"fair": 1.0}
    assert seen[2].constraints == {}


def searched(sampler: str, seed: int, trials: int, *, told: bool) -> list[float]:
    """Search for the largest x + y where x * y may be 0.15 at most; return how far each breaks it.

    Every fifth trial is pruned before its margin is known, and every eleventh fails.
    """
    study = optuna.create_study(direction="maximize")
    broken = []
    proposer = Proposer(study, SPACE, RuleBook(), lambda _: {}, seed, SAMPLERS[sampler])
    for number in range(trials):
        proposal = proposer.propose()
        x, y = (float(proposal.params[name]) for name in "xy")
        state, margins = TrialState.COMPLETE, {"small": LIMIT - x * y, "always": 2.0 - x}
        if number % 11 == 7:
            state, margins = TrialState.FAIL, {}
        elif number % 5 == 4:
            state, margins = TrialState.PRUNED, {"always": 2.0 - x}
        else:
            broken.append(max(-margins["small"], 0.0))
        done = trial(proposal.params, margins if told else {}, x + y, state)
        done.system_attrs = done.system_attrs | dict(proposal.notes)
        study.add_trial(done)
    return broken


@pytest.mark.parametrize("sampler", [one for one in SAMPLERS if one != "brute-force"])
def test_no_sampler_is_put_off_by_what_is_not_known(sampler: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # NSGA-II looks at constraints once it has a population; a draw of GP takes long.
        assert searched(sampler, 0, 60 if sampler == "nsga-ii" else 14, told=True)


def test_tpe_finds_what_is_feasible_more_often_where_it_is_told() -> None:
    seeds = range(6)
    told, untold = (
        [sum(one == 0 for one in searched("tpe", seed, 60, told=know)[20:]) for seed in seeds]
        for know in (True, False)
    )
    assert sum(told) > 2 * sum(untold)
    assert all(one > other for one, other in zip(told, untold, strict=True))
