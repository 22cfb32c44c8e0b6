"""The stopping decision as a callback of real Optuna studies, in memory and in SQLite."""

from __future__ import annotations

import json

from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.worth import Per, Worth
from satisfice.tasks.optuna_integration.callback import DECISION, MarginalGainCallback
from satisfice.tasks.optuna_integration.plain_study import PlainStudy
from tests.unit.tasks.optuna_integration.studies import new_study, objective

DEAR = Worth(1e-9, Per.UNIT)  # nothing is worth anything: the stop comes at the minimum
CHEAP = Worth(1e9, Per.UNIT)


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
    situation = PlainStudy(callback.prices).situation(study, callback.worth)
    assert callback.decisions[-1] == decide(situation, StoppingPolicy(5))
    assert situation.prices.currency == "EUR"


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
