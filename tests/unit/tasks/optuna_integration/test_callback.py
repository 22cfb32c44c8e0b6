"""The decisions in plain Optuna code: real studies, in memory and in SQLite."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.cost import Cost, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.errors import UserError
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Purpose, TrialRecord, TrialState
from satisfice.tasks.optuna_integration.callback import DECISION, MarginalGainCallback, PricedPruner
from satisfice.tasks.optuna_integration.plain_study import PlainStudy, situation_of
from satisfice.tasks.spec.terms import read_terms
from satisfice.tasks.storage.trial_records import BEGUN, RESULT, write_begun, write_result

DEAR = Worth(1e-9, Per.UNIT)  # nothing is worth anything: the stop comes at the minimum
CHEAP = Worth(1e9, Per.UNIT)
EPOCHS = 10

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return None if request.param == "memory" else f"sqlite:///{tmp_path / 'study.db'}"


def new_study(storage: str | None = None, **facts: object) -> optuna.Study:
    sampler = optuna.samplers.RandomSampler(seed=1)
    facts = {"direction": "maximize", "sampler": sampler, **facts}
    return optuna.create_study(storage=storage, **facts)


def objective(trial: optuna.Trial) -> float:
    return -((trial.suggest_float("x", -1, 1) - 0.3) ** 2)


def test_a_study_stops_when_nothing_pays(storage: str | None) -> None:
    study = new_study(storage)
    callback = MarginalGainCallback(DEAR)
    study.optimize(objective, n_trials=30, callbacks=[callback])
    assert len(study.trials) == 5
    assert [one.stop for one in callback.decisions] == [False] * 4 + [True]
    kept = json.loads(study.user_attrs[DECISION])
    assert kept["stop"] is True
    assert kept["after"] == 5
    assert kept["reason"] == callback.decisions[-1].reason
    assert kept["evidence"]["expected_gain"] <= kept["evidence"]["expected_cost"]


def test_a_study_that_pays_runs_to_its_end(storage: str | None) -> None:
    study = new_study(storage)
    study.optimize(objective, n_trials=12, callbacks=[MarginalGainCallback(CHEAP)])
    assert len(study.trials) == 12


def test_one_implementation(storage: str | None) -> None:
    """The callback says what the domain says of the situation that anybody can build."""
    study = new_study(storage)
    callback = MarginalGainCallback("10 min per point", {"hour": "0.60 EUR"})
    study.optimize(objective, n_trials=8, callbacks=[callback])
    situation = situation_of(study, callback.worth, callback.prices)
    assert callback.decisions[-1] == decide(situation, StoppingPolicy(5))
    assert situation.prices.currency == "EUR"


def test_failed_and_pruned_trials_are_in_the_history(storage: str | None) -> None:
    def fragile(trial: optuna.Trial) -> float:
        if trial.number == 1:
            raise ZeroDivisionError
        if trial.number == 2:
            raise optuna.TrialPruned
        return math.nan if trial.number == 3 else objective(trial)

    study = new_study(storage)
    study.optimize(
        fragile, n_trials=5, callbacks=[MarginalGainCallback(CHEAP)], catch=(ZeroDivisionError,)
    )
    history = situation_of(study, CHEAP, Prices()).history
    assert [one.state.value for one in history.trials] == [
        "complete",
        "failed",
        "pruned",
        "failed",
        "complete",
    ]
    assert all(one.cost.seconds > 0 for one in history.trials)
    assert len(history.complete) == 2


def test_running_trials_are_pending(storage: str | None) -> None:
    study = new_study(storage)
    study.optimize(objective, n_trials=3)
    running = study.ask()
    running.suggest_float("x", -1, 1)
    time.sleep(0.02)
    situation = situation_of(study, CHEAP, Prices(), workers=2)
    assert [one.number for one in situation.pending] == [3]
    assert 0.02 <= situation.pending[0].elapsed < 60
    assert len(situation.history.trials) == 3
    assert situation.workers == 2


def test_a_reader_converts_each_trial_once_and_in_the_order_of_their_ends() -> None:
    study = new_study()
    reader = PlainStudy(Prices())
    late, early = study.ask(), study.ask()
    study.tell(early, 1.0)
    first = reader.situation(study, CHEAP).history.trials
    study.tell(late, 2.0)
    second = reader.situation(study, CHEAP).history.trials
    assert [one.number for one in second] == [1, 0]
    assert second[0] is first[0]


def test_what_breaks_a_constraint_is_never_the_incumbent() -> None:
    study = new_study()
    for value, broken in ((0.9, 0.5), (0.4, -0.25), (0.6, 0.0)):
        constraints = {"fast": broken}
        study.add_trial(optuna.trial.create_trial(value=value, constraints=constraints))
    history = situation_of(study, CHEAP, Prices()).history
    assert [one.margins["fast"] for one in history.trials] == [-0.5, 0.25, 0.0]
    assert history.best is not None
    assert history.best.value == study.best_value == 0.6


def test_a_trial_of_our_own_store_keeps_its_cost() -> None:
    record = TrialRecord(
        0, {"x": 1}, TrialState.COMPLETE, 0.5, cost=Cost(7.0, 0.1, 0.2, 0.3), seed=9
    )
    begun = write_begun(record.params, record.seed, Purpose.SEARCH, Verdict({}, {}))
    study = new_study()
    study.add_trial(
        optuna.trial.create_trial(
            value=0.5, user_attrs={BEGUN: begun, RESULT: write_result(record)}
        )
    )
    assert situation_of(study, CHEAP, Prices()).history.trials == (record,)


def test_whoever_asks_and_tells_decides_without_optimize() -> None:
    study, callback = new_study(), MarginalGainCallback(DEAR, min_trials=3)
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, objective(trial))
    assert callback.decide(study).stop


def test_threads_share_one_callback() -> None:
    study, callback = new_study(), MarginalGainCallback(CHEAP)
    study.optimize(objective, n_trials=20, n_jobs=4, callbacks=[callback])
    assert len(callback.decisions) == 20
    assert callback.decide(study).evidence["trials"] == 20


def test_several_objectives_are_refused() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    with pytest.raises(UserError, match="has 2 objectives"):
        situation_of(study, CHEAP, Prices())


def learning(end: Callable[[optuna.Trial], float]) -> Callable[[optuna.Trial], float]:
    def train(trial: optuna.Trial) -> float:
        value = 0.0
        for epoch in range(EPOCHS):
            value = end(trial) * (1 - math.exp(-(epoch + 1) / 3))
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    return train


def poor_from_six(trial: optuna.Trial) -> float:
    return 0.9 + 0.01 * trial.number if trial.number < 6 else 0.3


def test_the_pruner_gives_up_what_cannot_pay(storage: str | None) -> None:
    pruner = PricedPruner(Worth(1e-6, Per.UNIT), max_epochs=EPOCHS)
    study = new_study(storage, pruner=pruner)
    study.optimize(learning(poor_from_six), n_trials=8)
    assert [one.state.name for one in study.trials] == ["COMPLETE"] * 4 + [
        study.trials[4].state.name,
        study.trials[5].state.name,
        "PRUNED",
        "PRUNED",
    ]
    assert "would bring only" in pruner.decisions[7].reason


def test_the_pruner_keeps_what_may_pay(storage: str | None) -> None:
    study = new_study(storage, pruner=PricedPruner(CHEAP, max_epochs=EPOCHS))
    study.optimize(learning(lambda trial: 0.9 + 0.001 * trial.number), n_trials=8)
    assert {one.state.name for one in study.trials} == {"COMPLETE"}


def test_the_pruner_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="max_epochs must be at least 1, got 0"):
        PricedPruner(CHEAP, max_epochs=0)


def test_terms_in_words_and_as_objects() -> None:
    worth, prices = read_terms("10 min per point", {"hour": "0.60 EUR"})
    assert worth.money == pytest.approx(0.10)
    assert prices == Prices("EUR", hour=0.60)
    assert read_terms("10 min per point", None)[1] == Prices()
    assert read_terms("2 EUR per unit", replace(prices, hour=1.0))[0].money == 2.0
    assert read_terms(DEAR, None) == (DEAR, Prices())
    assert read_terms(DEAR, {"kwh": "0.28 EUR"}) == (DEAR, Prices("EUR", hour=0.0, kwh=0.28))


@pytest.mark.parametrize(
    ("worth", "prices", "said"),
    [
        ("much per point", None, "a worth such as 10 min per point"),
        ("1 EUR per point", None, "no prices are stated"),
        ("1 USD per point", {"hour": "0.60 EUR"}, "the prices are in EUR"),
        ("1 USD per point", Prices("EUR"), "the prices are in EUR"),
        (DEAR, {"hours": "0.60 EUR"}, "unknown price 'hours'"),
        (DEAR, {"hour": 0.6}, "expected text with a unit"),
    ],
)
def test_terms_that_do_not_meet_are_refused(
    worth: Worth | str, prices: Prices | Mapping[str, str] | None, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        read_terms(worth, prices)


def test_a_minimised_study_is_read_as_one() -> None:
    study = new_study(direction="minimize")
    study.optimize(lambda trial: -objective(trial), n_trials=6)
    history = situation_of(study, CHEAP, Prices()).history
    assert history.direction is Direction.MINIMIZE
    assert history.best is not None
    assert history.best.value == study.best_value
