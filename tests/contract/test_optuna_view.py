"""What plain Optuna finds in a store, on every backend."""

from __future__ import annotations

import math
import sys

import optuna
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.space.space import (
    Bounded,
    Derived,
    Float,
    Ordinal,
    Parameter,
    Space,
)
from satisfice.domain.trials.history import (
    CurvePoint,
    Failure,
    Purpose,
    TrialState,
)
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.store import Search
from satisfice.tasks.storage.trial_records import BEGUN, write_begun
from tests.contract.processes import Process
from tests.contract.records import ALLOWED, PARAMS, SPACE, begin, driver_url, told


def test_plain_optuna_reads_the_trials(store_url: str, search: Search) -> None:
    told(search)
    told(search, state=TrialState.PRUNED, value=0.5, curve=(CurvePoint(3, 0.5, 1.0),))
    told(search, state=TrialState.PRUNED, value=0.25, curve=())
    told(search, state=TrialState.FAILED, value=None, failure=Failure.CRASHED)
    told(search, value=math.nan, curve=(CurvePoint(1, math.inf, 1.0), CurvePoint(2, math.nan, 2.0)))
    told(search, value=math.inf)
    begin(search)
    study = optuna.load_study(study_name="digits-1", storage=driver_url(store_url))
    trials = study.get_trials()
    assert [one.state.name for one in trials] == [
        "COMPLETE", "PRUNED", "PRUNED", "FAIL", "FAIL", "FAIL", "RUNNING",
    ]  # fmt: skip
    assert [one.value for one in trials] == [0.75, 0.5, 0.25, None, None, None, None]
    assert trials[0].intermediate_values == {1: 0.5, 2: 0.75}
    assert [one.last_step for one in trials[1:3]] == [3, 0]
    assert math.isnan(trials[4].intermediate_values[2])
    assert study.best_trial.number == 0
    assert study.best_params == {"depth": 2**53 - 1, "lr": 0.1, "kind": True}
    frame = study.trials_dataframe()
    assert list(frame["params_lr"]) == [0.1] * 7
    assert (frame["duration"].iloc[:6].dt.total_seconds() >= 0).all()
    assert (frame["datetime_start"].diff().iloc[1:].dt.total_seconds() >= 0).all()
    assert frame["duration"].iloc[:6].max().total_seconds() < 3600  # no mixture of time zones


def test_plain_optuna_reads_soft_rules_as_constraints(store_url: str, search: Search) -> None:
    told(search, value=0.9, margins={"fast enough": -2.5, "fair": 0.125})
    told(search, value=0.8, margins={"fast enough": 0.0, "fair": 3.0})
    told(search, state=TrialState.PRUNED, margins={"fair": -math.inf})
    told(search, state=TrialState.FAILED, value=None, failure=Failure.KILLED, margins={})
    study = optuna.load_study(study_name="digits-1", storage=driver_url(store_url))
    huge = sys.float_info.max
    assert [one.constraints for one in study.get_trials()] == [
        {"fast enough": 2.5, "fair": -0.125},
        {"fast enough": 0.0, "fair": -3.0},
        {"fair": huge},
        {},
    ]
    assert study.best_trial.number == 1


def test_a_begun_trial_stands_in_the_tables_as_if_optuna_had_created_it(
    store_url: str, search: Search
) -> None:
    begin(search)
    study = optuna.load_study(study_name="digits-1", storage=driver_url(store_url))
    (ours,) = study.get_trials()
    theirs = FrozenTrial(
        number=-1,
        trial_id=-1,
        state=optuna.trial.TrialState.RUNNING,
        value=None,
        datetime_start=ours.datetime_start,
        datetime_complete=None,
        params=dict(PARAMS),
        distributions=distributions(SPACE, PARAMS),
        user_attrs={BEGUN: write_begun(PARAMS, 5, Purpose.SEARCH, ALLOWED)},
        system_attrs={},
        intermediate_values={},
    )
    study._storage.create_new_trial(study._study_id, theirs)
    theirs.number = ours.number
    theirs._trial_id = ours._trial_id
    assert ours == theirs
    ids = {"trial_id", "number", "param_id", "trial_user_attribute_id"}
    for model in (models.TrialModel, models.TrialParamModel, models.TrialUserAttributeModel):
        table = model.__table__
        with search.database.engine.connect() as connection:
            rows = connection.execute(table.select()).mappings().all()
        half = len(rows) // 2
        kept = [{name: one[name] for name in one if name not in ids} for one in rows]
        assert kept[:half] == kept[half:]


def test_parameters_of_every_kind_come_back_as_they_were(store_url: str, search: Search) -> None:
    space = Space(
        (
            Parameter("batch", Ordinal((16, 32, 128))),
            Parameter("lr", Float(0.0, 1.0, step=0.1)),
            Parameter("decay", Derived(Expression("lr / 2"))),
            Parameter("warm", Bounded(Expression("1"), Expression("batch"), whole=True)),
        )
    )
    params = {"batch": 32, "lr": 0.3, "decay": 0.15, "warm": 17}
    notes = {"sampler:generation": 3, "sampler:state": "ab" * 3000}
    search.begin_trial(params, space, 5, Purpose.SEARCH, ALLOWED, notes)
    (running,) = search.running()
    assert running.params == params
    assert [type(one) for one in running.params.values()] == [int, float, float, int]
    study = optuna.load_study(study_name="digits-1", storage=driver_url(store_url))
    (trial,) = study.get_trials()
    assert trial.params == {"batch": 32, "lr": 0.3, "warm": 17}  # Optuna has no derived ones
    assert trial.distributions["warm"] == optuna.distributions.IntDistribution(1, 32)
    assert trial.system_attrs == notes


ASK_FOR_TRIALS = """
study = optuna.load_study(study_name="digits-1", storage=driver_url(url))
say("ready")
for _ in range(20):
    study.ask()
"""


def test_a_number_is_given_once_also_beside_plain_optuna(store_url: str, search: Search) -> None:
    with Process(ASK_FOR_TRIALS, store_url) as other:
        assert other.hear() == "ready"
        ours = [begin(search) for _ in range(20)]
        other.popen.wait(60)
    trials = search.optuna_study.get_trials()
    assert [one.number for one in trials] == list(range(40))
    assert [one.number for one in trials if BEGUN in one.user_attrs] == ours
    ids = [one._trial_id for one in trials]
    assert ids == sorted(ids)


def test_a_plain_sampler_goes_on_from_the_trials(store_url: str, search: Search) -> None:
    for index in range(12):
        told(search, state=[TrialState.COMPLETE, TrialState.PRUNED][index % 2])
    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.load_study(study_name="digits-1", storage=driver_url(store_url), sampler=sampler)
    trial = study.ask()
    lr = trial.suggest_float("lr", 1e-6, 1.0, log=True)
    study.tell(trial, lr)
    assert study.trials[-1].params == {"lr": lr}
    assert len(search.history().trials) == 12  # a trial that is not ours is not in our history
    assert search.next_number() == 13
