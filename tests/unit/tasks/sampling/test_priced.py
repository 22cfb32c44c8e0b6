"""The sampler that weighs gain against cost: rules, determinism, failures, and what it is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from satisfice.domain.economics.cost import Cost
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.sampling import acquisition
from satisfice.domain.sampling.acquisition import Offers
from satisfice.domain.space.priors import Prior
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space
from satisfice.domain.trials.history import CurvePoint, Failure, Purpose, TrialRecord, TrialState
from satisfice.tasks.sampling.priced import Terms, _Past, leaders_of
from satisfice.tasks.sampling.proposer import Proposal, Proposer
from satisfice.tasks.sampling.samplers import PRICED, SAMPLERS
from satisfice.tasks.spec.schema import SAMPLER_NAMES
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.trial_records import (
    BEGUN,
    RESULT,
    for_optuna,
    write_begun,
    write_result,
)

SPACE = Space(
    (
        Parameter("width", Int(8, 128, log=True)),
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("optimizer", Choice(("sgd", "adamw"))),
        Parameter("momentum", Float(0.0, 0.99), when=Expression("optimizer == 'sgd'")),
    )
)
RULES = RuleBook(
    (Rule("small", Expression("width * lr <= 0.5")), Rule("even", Expression("width % 4 == 0")))
)
NO_RULES = RuleBook()
Outcome = Callable[[Params], TrialRecord]


def quality(params: Params) -> float:
    lr, width = float(params["lr"]), float(params["width"])  # type: ignore[arg-type]
    return -abs(math.log10(lr) + 2.5) - 0.2 * abs(math.log2(width) - 5.5)


def money(params: Params) -> float:
    return float(params["width"]) / 16  # type: ignore[arg-type]


def told(study: optuna.Study, proposal: Proposal, **changes: object) -> None:
    number = len(study.trials)
    known: dict[str, object] = {
        "state": TrialState.COMPLETE,
        "value": quality(proposal.params),
        "cost": Cost(1.0, 0.0, 0.0, money(proposal.params)),
        "seed": number,
        **changes,
    }
    record = TrialRecord(number, proposal.params, **known)  # type: ignore[arg-type]
    state, value, steps = for_optuna(record)
    begun = write_begun(record.params, number, record.purpose, proposal.verdict)
    study.add_trial(
        create_trial(
            state=state,
            value=value,
            params={one: record.params[one] for one in record.params},
            distributions=distributions(SPACE, record.params),
            intermediate_values=steps,
            user_attrs={BEGUN: begun, RESULT: write_result(record)},
        )
    )


def proposer(
    study: optuna.Study, rules: RuleBook, worth: float, direction: Direction = Direction.MAXIMIZE
) -> Proposer:
    terms = Terms(Worth(worth, Per.UNIT), direction)
    return Proposer(study, SPACE, rules, lambda _: {}, 7, terms=terms)


def new_study(direction: str = "maximize") -> optuna.Study:
    return optuna.create_study(direction=direction)


def test_every_proposal_obeys_the_rules_and_the_best_place_is_found() -> None:
    study = new_study()
    asking = proposer(study, RULES, worth=1e6)
    for _ in range(25):
        proposal = asking.propose()
        assert RULES.allow(proposal.params, {})
        assert not SPACE.outside(proposal.params)
        told(study, proposal)
    assert study.best_value > -0.35
    assert proposal.offer is not None
    assert proposal.offer.least == 3 + len(SPACE.axes)


def test_the_same_trials_and_seed_give_the_same_proposal() -> None:
    study = new_study()
    for _ in range(8):
        told(study, proposer(study, RULES, 100.0).propose())
    one, other = (proposer(study, RULES, 100.0).propose() for _ in range(2))
    assert one.params == other.params
    assert one.offer == other.offer


def test_what_experts_have_changed_carries_no_offer_of_something_else() -> None:
    prior = Prior(Expression("1e-3"), 1.001, log=True)
    others = [one for one in SPACE.parameters if one.name != "lr"]
    space = Space((replace(SPACE["lr"], prior=prior), *others))
    study = new_study()
    asking = replace(proposer(study, NO_RULES, 100.0), space=space)
    changed = 0
    for _ in range(10):
        proposal = asking.propose()
        told(study, proposal)
        if abs(float(proposal.params["lr"]) - 1e-3) < 2e-5:  # type: ignore[arg-type]
            changed += 1
            assert proposal.offer is None
    assert changed


@pytest.mark.parametrize(("again", "told_of"), [(-math.inf, True), (math.inf, False)])
def test_where_another_look_at_a_leader_is_the_better_buy_nothing_new_brings_a_gain(
    again: float, told_of: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = new_study()
    for _ in range(8):
        told(study, proposer(study, NO_RULES, 1e6).propose())
    weigh = acquisition.offers

    def weighed(*known: Any) -> Offers | None:
        found = weigh(*known)
        return found and replace(found, again=again)

    monkeypatch.setattr(acquisition, "offers", weighed)
    offer = proposer(study, NO_RULES, 1e6).propose().offer
    assert offer is not None
    assert offer.cost > 0
    assert (offer.gain > 0) == told_of


def test_where_a_gain_is_worth_little_cheap_configurations_are_tried() -> None:
    def spent(worth: float) -> float:
        study = new_study()
        asking = proposer(study, NO_RULES, worth)
        for _ in range(15):
            told(study, asking.propose())
        return sum(money(one.params) for one in study.trials[5:])

    assert spent(1.0) < 0.6 * spent(1e6)


def test_a_metric_that_is_minimised_goes_down() -> None:
    study = new_study("minimize")
    asking = proposer(study, NO_RULES, 1e6, Direction.MINIMIZE)
    for _ in range(25):
        proposal = asking.propose()
        told(study, proposal, value=-quality(proposal.params))
    assert study.best_value < 0.35


def test_where_trainings_fail_by_their_own_fault_fewer_are_proposed() -> None:
    study = new_study()
    asking = proposer(study, NO_RULES, 1e6)
    failed = []
    for _ in range(24):
        proposal = asking.propose()
        fails = float(proposal.params["lr"]) > 1e-2  # type: ignore[arg-type]
        failed.append(fails)
        changes = {"state": TrialState.FAILED, "value": None, "failure": Failure.NOT_A_NUMBER}
        told(study, proposal, **(changes if fails else {}))
    assert sum(failed[12:]) <= 4
    assert study.best_value > -0.5


def test_a_trial_without_a_value_or_a_cost_is_no_trouble() -> None:
    study = new_study()
    asking = proposer(study, NO_RULES, 1e6)
    for number in range(12):
        changes: dict[str, object] = {}
        if number % 3 == 1:
            changes = {"state": TrialState.FAILED, "value": None, "failure": Failure.LOST}
        if number % 3 == 2:
            changes = {"cost": Cost()}
        told(study, asking.propose(), **changes)
    study.add_trial(
        create_trial(state=optuna.trial.TrialState.RUNNING, params={}, distributions={})
    )
    assert asking.propose().offer is not None


def test_a_leader_that_was_lucky_falls_behind_when_it_is_trained_again() -> None:
    study = new_study()
    asking = proposer(study, NO_RULES, 1e6)
    for _ in range(12):
        told(study, asking.propose())
    best = study.best_trial
    proposal = asking.propose()
    lucky = Proposal(best.params | {"width": 8}, proposal.verdict, {}, 1, repaired=False)
    told(study, lucky, value=study.best_value + 0.3)
    terms = asking.terms
    assert terms is not None
    first = leaders_of(study, SPACE, terms)
    assert len(study.trials) - 1 in [one.number for one in first[:2]]
    for _ in range(4):
        told(study, lucky, value=-3.0, purpose=Purpose.CONFIRMATION)
    assert leaders_of(study, SPACE, terms)[0].number != len(study.trials) - 5


def test_a_trial_that_was_given_up_counts_by_where_it_would_have_ended() -> None:
    study = new_study()
    asking = proposer(study, NO_RULES, 100.0)

    def curve(end: float, until: int) -> tuple[CurvePoint, ...]:
        return tuple(CurvePoint(at, end * at / (at + 2), float(at)) for at in range(1, until + 1))

    for end, until in ((0.8, 10), (0.9, 10), (1.0, 10), (0.9, 2), (0.6, 2)):
        points = curve(end, until)
        state = TrialState.COMPLETE if until == 10 else TrialState.PRUNED
        known = {"state": state, "value": points[-1].value, "curve": points, "epochs": 10}
        told(study, asking.propose(), **known, cost=Cost(1.0, 0.0, 0.0, float(until)))
    terms = asking.terms
    assert terms is not None
    tried = _Past.of(study.trials, SPACE, terms).tried
    assert tried.levels[3] == pytest.approx(curve(0.9, 10)[-1].value, abs=0.05)
    assert curve(0.6, 2)[-1].value < tried.levels[4] < tried.levels[3]
    assert (tried.doubts > 0).tolist() == [False, False, False, True, True]
    assert tried.money.tolist() == [10.0] * 5


def test_a_training_that_its_deadline_ended_would_have_taken_longer() -> None:
    study = new_study()
    asking = proposer(study, NO_RULES, 100.0)
    points = (CurvePoint(1, 0.5, 1.0), CurvePoint(2, 0.6, 2.0))
    told(study, asking.propose(), curve=points, epochs=8)
    overran = {"state": TrialState.FAILED, "value": None, "failure": Failure.OVERRAN}
    told(study, asking.propose(), **overran)
    terms = asking.terms
    assert terms is not None
    tried = _Past.of(study.trials, SPACE, terms).tried
    paid = [money(one.params) for one in study.trials]
    assert tried.money == pytest.approx([4 * paid[0], 2 * paid[1]])


def test_a_study_may_ask_for_each_sampler_that_there_is() -> None:
    assert {*SAMPLER_NAMES} == {*SAMPLERS, PRICED}
