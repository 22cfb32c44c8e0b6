"""What every backend of the store keeps, also when its writer is killed."""

from __future__ import annotations

import math
import os
import pwd
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Budget, Cost, EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import ExternalSystemError, StudyBusy, UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.predicted import Forecast
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import (
    Bounded,
    Choice,
    Derived,
    Float,
    Int,
    Ordinal,
    Parameter,
    Space,
)
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.summary import DecisionRecord, Ending
from satisfice.domain.sweep.plan import Known, Sweep, SweepRequest
from satisfice.domain.trials.history import (
    Audit,
    CurvePoint,
    Failure,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.tasks.files.home import store_url as default_store_url
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.store import Search, SearchInfo, Store, open_store
from satisfice.tasks.storage.sweep_records import read_sweep, write_sweep
from satisfice.tasks.storage.trial_records import BEGUN, write_begun

ROOT = Path(__file__).resolve().parents[2]
CHOICES = ("sgd", "größte 🙂", True, False, 2.5, 7)
SPACE = Space(
    (
        Parameter("depth", Int(1, 2**53)),
        Parameter("odd", Int(1, 10, step=2)),
        Parameter("lr", Float(1e-6, 1.0, log=True)),
        Parameter("Länge", Float(-1.0, 1.0)),
        Parameter("kind", Choice(CHOICES)),
    )
)
PARAMS = {"depth": 2**53 - 1, "lr": 0.1, "kind": True}
ALLOWED = Verdict(
    {"fits": 0.5, "wide": math.inf},
    {"predicted.parameters": 1234.0, "predicted.memory_mb": 80.5},
    {"predicted.memory_mb": Forecast(80.5, 0.25, 6.0, 2)},
)


def study_named(name: str = "digits", direction: Direction = Direction.MAXIMIZE) -> Study:
    return Study(
        name=name,
        folder="/studies/digits",
        problem="problem.py",
        data=DataSource("made up"),
        objective=Objective("accuracy", direction),
        worth=Worth(1.0),
        prices=Prices(),
        budget=Budget(trials=10),
        space=SPACE,
        seed=2**70 + 1,
        text="study: digits  # é 🙂\n",
    )


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def search(store: Store) -> Search:
    return store.begin(study_named())


def begin(search: Search, purpose: Purpose = Purpose.SEARCH, seed: int = 5) -> int:
    return search.begin_trial(PARAMS, SPACE, seed, purpose, ALLOWED)


def record(number: int, **changes: Any) -> TrialRecord:
    base = TrialRecord(
        number=number,
        params=PARAMS,
        state=TrialState.COMPLETE,
        value=0.75,
        curve=(CurvePoint(1, 0.5, 1.25), CurvePoint(2, 0.75, 2.5)),
        cost=Cost(2.5, 1e-5, 5e-6, 0.01, EnergyMode.MEASURED),
        seed=5,
        metrics={"loss": 0.25},
        measured={"memory_mb": 81.25},
        margins={"fast": 1.5},
        epochs=4,
    )
    return replace(base, **changes)


def told(search: Search, **changes: Any) -> TrialRecord:
    purpose = changes.get("purpose", Purpose.SEARCH)
    one = record(begin(search, purpose), **changes)
    search.tell(one)
    return one


# -- searches ---------------------------------------------------------------------------------


def test_searches_are_counted_for_each_study_and_the_newest_is_the_last(store: Store) -> None:
    names = [store.begin(study_named(name)).info.search for name in ("a", "b", "a", "a-1")]
    assert names == ["a-1", "b-1", "a-2", "a-1-1"]
    assert [info.search for info in store.searches()] == names
    assert [info.search for info in store.searches("a")] == ["a-1", "a-2"]


def test_a_search_is_found_again_as_it_was_begun(store_url: str) -> None:
    study = study_named()
    with open_store(store_url) as store:
        info = store.begin(study).info
    assert info == SearchInfo(
        "digits-1", "digits", study.folder, study.text, study.seed, info.started, 0.0, ""
    )
    with open_store(store_url) as store:
        assert store.open("digits-1").info == info
        assert store.searches() == (info,)


def test_a_sweep_is_found_again_with_its_plan_and_its_ground(store_url: str) -> None:
    points = ({"depth": 2**53 - 1, "kind": True}, {"depth": 1, "lr": 0.1, "kind": "größte 🙂"})
    known = (Known("digits-1, trial 7", {"depth": 7, "kind": 2.5}, 0.75),)
    sweep = Sweep(SweepRequest(("depth=1..9:3", "kind=true"), 5, confirm=True), points, known)
    with open_store(store_url) as store:
        search = store.begin(study_named(), "d1g35t", "c0de")
        swept = store.begin(study_named(), "d1g35t", "c0de", write_sweep(sweep))
    with open_store(store_url) as store:
        assert store.searches() == (search.info, swept.info)
        assert (swept.info.data, swept.info.code) == ("d1g35t", "c0de")
        assert repr(read_sweep(store.open("digits-2").info.sweep)) == repr(sweep)
        assert read_sweep(store.open("digits-1").info.sweep) is None


def test_a_store_from_before_there_were_sweeps_opens_as_it_is(store_url: str) -> None:
    with open_store(store_url) as store:
        before = store.begin(study_named(), "d1g35t", "c0de").info
        with store.database.engine.begin() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE satisfice_grounds"))
    with open_store(store_url) as store:
        assert store.searches() == (replace(before, data="", code=""),)
        assert store.begin(study_named(), "d1g35t").info.data == "d1g35t"


def test_the_end_of_a_search_is_kept(store_url: str) -> None:
    with open_store(store_url) as store:
        first, second = (store.begin(study_named()) for _ in range(2))
        first.advance(1.5)
        second.end(Ending.NOT_WORTH_CONTINUING, 62.5)
        assert (second.info.ending, second.info.elapsed) == ("Not worth continuing", 62.5)
    with open_store(store_url) as store:
        assert store.searches() == (first.info, second.info)
        assert store.latest("digits") == second.info
        assert store.latest("digits", unfinished=True) == first.info
        assert store.latest("letters") is None
        assert first.info.elapsed == 1.5


def test_an_unknown_search_is_told_with_those_that_there_are(store: Store) -> None:
    with pytest.raises(UserError, match="satisfice run"):
        store.open("digits-1")
    store.begin(study_named())
    with pytest.raises(UserError, match="no search 'digit-1'") as caught:
        store.open("digit-1")
    assert "did you mean 'digits-1'" in caught.value.hint


def test_a_study_that_was_deleted_behind_our_back_is_told(store_url: str, search: Search) -> None:
    optuna.delete_study(study_name="digits-1", storage=driver_url(store_url))
    with open_store(store_url) as store:
        with pytest.raises(UserError, match="deleted"):
            store.open("digits-1")
        assert store.begin(study_named()).info.search == "digits-2"


def test_a_number_that_somebody_took_in_optuna_is_skipped(store_url: str, store: Store) -> None:
    optuna.create_study(study_name="digits-1", storage=driver_url(store_url), direction="minimize")
    search = store.begin(study_named())
    assert search.info.search == "digits-2"
    assert search.history().direction is Direction.MAXIMIZE


# -- trials -----------------------------------------------------------------------------------

numbers = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
params = st.fixed_dictionaries(
    {},
    optional={
        "depth": st.integers(1, 2**53),
        "odd": st.sampled_from([1, 3, 5, 7, 9]),
        "lr": st.floats(1e-6, 1.0),
        "Länge": st.floats(-1.0, 1.0),
        "kind": st.sampled_from(CHOICES),
    },
)
curves = st.lists(st.tuples(numbers, finite), max_size=5).map(
    lambda points: tuple(CurvePoint(i + 1, *point) for i, point in enumerate(points))
)
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=200)
records = st.builds(
    TrialRecord,
    number=st.just(0),
    params=params,
    state=st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED]),
    value=st.none() | numbers,
    curve=curves,
    cost=st.builds(Cost, numbers, numbers, numbers, numbers, st.sampled_from(EnergyMode)),
    seed=st.integers(0, 2**80),
    purpose=st.sampled_from(Purpose),
    failure=st.none() | st.sampled_from(Failure),
    reason=st.text(),
    metrics=st.dictionaries(st.text(), numbers, max_size=4),
    audit=st.none() | st.builds(Audit, names, st.integers(0, 2**31)),
)


@given(some=st.lists(records, max_size=4), order=st.randoms(use_true_random=False))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_told_is_read_back_in_the_order_of_finishing(
    store: Store, some: list[TrialRecord], order: random.Random
) -> None:
    search = store.begin(study_named())
    begun = [
        replace(
            one,
            number=search.begin_trial(
                one.params, SPACE, one.seed, one.purpose, ALLOWED, audit=one.audit
            ),
        )
        for one in some
    ]
    assert [one.number for one in begun] == list(range(len(some)))
    order.shuffle(begun)
    for one in begun:
        search.tell(one)
    again = store.open(search.info.search)
    # `repr` tells types and signs of zero apart, and a NaN equals itself
    assert repr(again.history().trials) == repr(tuple(one for one in begun if one.purpose.competes))
    assert repr(again.confirmations()) == repr(
        tuple(one for one in begun if one.purpose is Purpose.CONFIRMATION)
    )
    assert repr(again.audits()) == repr(tuple(one for one in begun if one.purpose is Purpose.AUDIT))
    assert again.running() == ()


def test_an_audit_stays_apart_from_what_may_become_best(store: Store, search: Search) -> None:
    best = told(search)
    about = Audit("fits", best.number)
    verdict = replace(ALLOWED, margins={"fits": -0.5, "wide": math.inf})
    number = search.begin_trial(PARAMS, SPACE, 5, Purpose.AUDIT, verdict, audit=about)
    (running,) = search.running()
    assert (running.purpose, running.audit) == (Purpose.AUDIT, about)
    outside = record(number, purpose=Purpose.AUDIT, audit=about, value=0.99)
    search.tell(outside)

    again = store.open("digits-1")
    assert again.audits() == (outside,)
    assert again.history().trials == (best,)
    assert again.confirmations() == ()
    assert again.verdict(number).broken == ("fits",)
    ledger = again.ledger(Budget())
    assert (ledger.trials, ledger.spent) == (2, best.cost + outside.cost)
    assert again.optuna_study.best_trial.number == best.number  # Optuna's own tools agree


def test_records_are_equal_to_those_told(store: Store, search: Search) -> None:
    one = told(search)
    two = told(search, purpose=Purpose.DEFAULT)
    again = store.open(search.info.search)
    assert again.history() == search.history()
    assert again.history().trials == (one, two)


def test_the_history_knows_the_direction(store: Store) -> None:
    search = store.begin(study_named(direction=Direction.MINIMIZE))
    assert store.open(search.info.search).history().direction is Direction.MINIMIZE


def test_a_begun_trial_runs_until_it_is_told(store: Store, search: Search) -> None:
    numbers = [search.next_number()]
    numbers.append(begin(search))
    numbers.append(search.next_number())
    assert numbers == [0, 0, 1]
    running = TrialRecord(0, PARAMS, TrialState.RUNNING, seed=5)
    again = store.open(search.info.search)
    assert again.running() == (running,)
    assert again.verdict(0) == ALLOWED
    assert again.verdicts() == {0: ALLOWED}
    assert again.history().trials == ()
    search.tell(record(0))
    assert again.running() == ()


def test_attempts_count_on_in_every_process(store: Store, search: Search) -> None:
    begin(search)
    assert search.next_attempt(0) == 2
    assert store.open(search.info.search).next_attempt(0) == 3


def test_the_first_of_two_tellings_stands(store: Store, search: Search) -> None:
    number = begin(search)
    search.tell(record(number))
    search.tell(record(number))
    store.open(search.info.search).tell(record(number, state=TrialState.FAILED, value=None))
    assert search.history().trials == (record(number),)


def test_a_failure_keeps_what_the_trial_was_begun_with(search: Search) -> None:
    number = begin(search, seed=11)
    cost = Cost(3.0)
    search.tell(
        TrialRecord(
            number,
            {},
            TrialState.FAILED,
            cost=cost,
            failure=Failure.LOST,
            reason="the worker vanished",
        )
    )
    (one,) = search.history().trials
    assert one == TrialRecord(
        number,
        PARAMS,
        TrialState.FAILED,
        cost=cost,
        seed=11,
        failure=Failure.LOST,
        reason="the worker vanished",
    )


def test_what_makes_no_sense_is_refused(search: Search) -> None:
    with pytest.raises(ValueError, match="no trial 3"):
        search.tell(record(3))
    begin(search)
    with pytest.raises(ValueError, match="still runs"):
        search.tell(record(0, state=TrialState.RUNNING))


def test_the_ledger_counts_confirmations_as_cost_and_not_as_trials(search: Search) -> None:
    costs = [told(search).cost, told(search, purpose=Purpose.CONFIRMATION).cost]
    begin(search)
    search.advance(9.0)
    ledger = search.ledger(Budget(trials=3, seconds=10.0))
    assert ledger.spent == costs[0] + costs[1]
    assert ledger.left() == Budget(trials=2, seconds=1.0)


def test_a_trial_takes_as_many_statements_at_the_end_of_a_search_as_at_its_beginning(
    search: Search,
) -> None:
    counts = []
    for _ in range(40):
        statements: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_: Any, to: Any = statements) -> None:
            to.append(statement)

        sqlalchemy.event.listen(search.database.engine, "before_cursor_execute", note)
        told(search)
        sqlalchemy.event.remove(search.database.engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts[0] > 0
    assert counts[-1] <= counts[0]


# -- what plain Optuna sees -------------------------------------------------------------------


def driver_url(store_url: str) -> str:
    return store_url.replace("postgresql://", "postgresql+psycopg://")


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


# -- decisions --------------------------------------------------------------------------------


def test_decisions_are_kept_in_the_order_in_which_they_were_made(
    store: Store, search: Search
) -> None:
    made = [
        DecisionRecord(
            "search", 5, Decision.to_continue("gain 2.1 > cost 0.3 💶", gain=2.1), 100.5
        ),
        DecisionRecord("trial", 5, Decision.to_stop("nothing to gain", gain=math.inf), 99.0),
        DecisionRecord("search", 6, Decision.to_stop("gain 0.1 < cost 0.3", next_cost=0.3), 98.0),
    ]
    other = store.begin(study_named())
    for one in made:
        search.decide(one)
        other.decide(made[0])
    again = store.open(search.info.search)
    assert again.decisions() == (made[0], made[2])
    assert again.decisions("trial") == (made[1],)
    assert len(other.decisions()) == 3


def test_a_trial_is_told_with_the_decision_that_follows(search: Search) -> None:
    number = begin(search)
    decided = DecisionRecord("search", 1, Decision.to_continue("worth it"), 1.0)
    search.tell(record(number), decided)
    search.tell(record(number), replace(decided, at=2.0))  # the first telling stands, whole
    assert search.decisions() == (decided,)


# -- processes: the lock, races and kills -----------------------------------------------------

PRELUDE = """
import os, sys
sys.path.insert(0, {root!r})
from tests.contract.test_store import *
def say(text): print(text, flush=True)
def heard(): return sys.stdin.readline()
url = {url!r}
"""


class Process:
    """A Python of its own that runs `code`; `url`, `say(text)` and `heard()` are at hand."""

    def __init__(self, code: str, url: str, **options: Any) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PRELUDE.format(root=str(ROOT), url=url) + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.stdin, self.stdout = self.popen.stdin, self.popen.stdout

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.stdin.close()
        self.stdout.close()

    def hear(self) -> str:
        return self.stdout.readline().strip()

    def say(self) -> None:
        print(file=self.stdin, flush=True)

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()


BEGIN_FIVE = """
say("ready")
heard()
with open_store(url) as store:
    for _ in range(5):
        say(store.begin(study_named()).info.search)
"""


def test_processes_that_begin_searches_at_once_get_different_ids(store_url: str) -> None:
    with Process(BEGIN_FIVE, store_url) as one, Process(BEGIN_FIVE, store_url) as two:
        for process in (one, two):
            assert process.hear() == "ready"
        for process in (one, two):
            process.say()
        ids = [process.hear() for process in (one, two) for _ in range(5)]
    assert sorted(ids) == sorted(f"digits-{n}" for n in range(1, 11))
    with open_store(store_url) as store:
        assert sorted(info.search for info in store.searches()) == sorted(ids)


HOLD = """
with open_store(url) as store, store.lock("digits"):
    if os.fork() == 0:  # a child that outlives its parent must not keep the lock
        heard()
        os._exit(0)
    say(os.getpid())
    heard()
"""
WAIT = """
with open_store(url) as store:
    say("waiting")
    with store.lock("digits", wait=True):
        say("got it")
"""


def test_the_lock_of_a_study_excludes_others_until_its_holder_is_killed(
    store_url: str, store: Store
) -> None:
    with Process(HOLD, store_url) as holder:
        pid = holder.hear()
        assert store.is_locked("digits")
        assert not store.is_locked("letters")
        with store.lock("letters"):
            pass
        with pytest.raises(StudyBusy) as caught, store.lock("digits"):
            pass
        assert f"process {pid} on" in caught.value.message
        assert f"kill -INT {pid}" in caught.value.hint
        with Process(WAIT, store_url) as waiter:
            assert waiter.hear() == "waiting"
            holder.kill()
            assert waiter.hear() == "got it"
        assert not store.is_locked("digits")
        with store.lock("digits"):
            assert store.is_locked("digits")
        assert not store.is_locked("digits")


def test_an_error_of_the_holder_is_its_own_and_frees_the_lock(store: Store) -> None:
    with pytest.raises(FileNotFoundError), store.lock("digits"):
        Path("/no/such/file").read_text()
    assert not store.is_locked("digits")


BEGIN_AND_HANG = """
with open_store(url) as store:
    search = store.begin(study_named())
    begin(search)
    say("begun")
    heard()
"""


def test_a_trial_whose_coordinator_is_killed_still_runs_for_the_next(store_url: str) -> None:
    with Process(BEGIN_AND_HANG, store_url) as process:
        assert process.hear() == "begun"
        process.kill()
    with open_store(store_url) as store:
        search = store.open("digits-1")
        assert [one.number for one in search.running()] == [0]
        search.tell(record(0))
        assert search.running() == ()
        assert begin(search) == 1


TELL_FOR_EVER = """
with open_store(url) as store:
    search = store.begin(study_named())
    while True:
        number = begin(search)
        search.tell(record(number))
        search.decide(DecisionRecord("search", number, Decision.to_continue("on"), 0.0))
        say(number)
"""


@pytest.mark.parametrize("trials", [1, 7])
def test_nothing_that_was_written_is_lost_when_the_writer_is_killed(
    store_url: str, trials: int
) -> None:
    with Process(TELL_FOR_EVER, store_url) as process:
        last = [process.hear() for _ in range(trials)][-1]
        process.kill()
        written = process.stdout.read().split()
    last = written[-1] if written else last
    with open_store(store_url) as store:
        search = store.open("digits-1")
        finished = search.history().trials
        assert finished == tuple(record(number) for number in range(len(finished)))
        assert int(last) + 1 <= len(finished) <= int(last) + 2
        assert len(finished) - 1 <= len(search.decisions()) <= len(finished)
        assert len(search.running()) <= 1
        assert begin(search) == len(finished) + len(search.running()) - 1


# -- what fails outside -----------------------------------------------------------------------


def test_the_store_is_in_the_home(home: Path) -> None:
    with open_store() as store:
        store.begin(study_named())
        with store.lock("digits"):
            pass
    assert default_store_url() == f"sqlite:///{home / 'optuna.db'}"
    assert (home / "optuna.db").is_file()
    assert (home / "locks" / "digits.lock").is_file()


def test_a_store_of_a_newer_version_is_refused(store_url: str) -> None:
    open_store(store_url).close()
    engine = sqlalchemy.create_engine(driver_url(store_url))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE satisfice_version SET version = 99"))
    engine.dispose()
    with pytest.raises(UserError, match=r"newer Satisfice.*version 99") as caught:
        open_store(store_url)
    assert "Upgrade" in caught.value.hint


def test_a_store_of_another_optuna_is_refused(store_url: str) -> None:
    open_store(store_url).close()
    engine = sqlalchemy.create_engine(driver_url(store_url))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = 'v99'"))
    engine.dispose()
    with pytest.raises(UserError, match="another version of Optuna"):
        open_store(store_url)


@pytest.mark.parametrize("beginning", [b"", b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, beginning: bytes) -> None:
    path = tmp_path / "optuna.db"
    path.write_bytes(beginning + b"\xff no database \xff" * 500)
    with pytest.raises(ExternalSystemError, match=r"optuna\.db") as caught:
        open_store(f"sqlite:///{path}")
    assert "move it away" in caught.value.hint
    assert path.read_bytes().startswith(beginning + b"\xff no database")


def test_a_damaged_store_is_told(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    url = f"sqlite:///{path}"
    with open_store(url) as store:
        told(store.begin(study_named()))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(ExternalSystemError) as caught, open_store(url) as store:
        store.open("digits-1").history()
    assert "move it away" in caught.value.hint


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExternalSystemError) as caught:
        open_store(f"sqlite:///{tmp_path / 'file' / 'optuna.db'}")
    assert "SATISFICE_HOME" in caught.value.hint


@contextmanager
def not_as_root() -> Iterator[None]:
    """Be somebody whom the permissions of a file stop."""
    who = os.geteuid()
    if who == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(who)


def test_a_store_that_may_not_be_written_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        url = f"sqlite:///{folder / 'optuna.db'}"
        open_store(url).close()
        (folder / "optuna.db").chmod(0o444)
        for mode in (0o755, 0o555):  # with and without a place for the lock's file
            (folder / "locks").chmod(mode | 0o222)
            folder.chmod(mode)
            with not_as_root(), pytest.raises(ExternalSystemError) as caught:
                open_store(url)
            assert "Make the folder and the file writable" in caught.value.hint
        folder.chmod(0o755)


FILL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
with open_store(url) as store:
    search = store.begin(study_named())
    for after in range(1000):
        decision = Decision.to_continue("x" * 100_000)
        try:
            search.decide(DecisionRecord("search", after, decision, 0.0))
        except ExternalSystemError as error:
            say(str(error).replace("\\n", " "))
            say(after)
            break
"""


def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    with Process(FILL, url) as process:
        assert "Free some space" in process.hear()
        written = int(process.hear())
    with open_store(url) as store:
        assert len(store.open("digits-1").decisions()) == written > 0


def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    with pytest.raises(ExternalSystemError) as caught:
        open_store("postgresql://somebody:secret@127.0.0.1:1/store")
    assert "127.0.0.1:1" in caught.value.message
    assert "secret" not in str(caught.value)
    assert "SATISFICE_STORE" in caught.value.hint


@pytest.mark.parametrize("url", ["no address", "mysql://host/store", "sqlite://"])
def test_an_address_that_is_none_of_ours_is_refused(url: str) -> None:
    with pytest.raises(UserError) as caught:
        open_store(url)
    assert "sqlite:///" in caught.value.hint


def test_a_server_that_dropped_its_connections_is_reached_again(postgresql: Any) -> None:
    url = postgresql.create()
    with open_store(url) as store:
        search = store.begin(study_named())
        one = told(search)
        engine = sqlalchemy.create_engine(driver_url(url))
        with engine.begin() as connection:
            connection.execute(
                sqlalchemy.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        engine.dispose()
        two = told(search)
        assert search.history().trials == (one, two)
