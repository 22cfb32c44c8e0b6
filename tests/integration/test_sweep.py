"""The plan of a sweep over a real store, and what later searches learn from a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial

from satisfice.domain.economics.cost import Budget, Cost, EnergyMode
from satisfice.domain.errors import NoAllowedConfiguration, UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.rules.rule import Rule, RuleBook, Verdict
from satisfice.domain.space.space import (
    Bounded,
    Choice,
    Domain,
    Float,
    Ordinal,
    Parameter,
    Params,
    Space,
)
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.domain.sweep.plan import SweepRequest
from satisfice.domain.sweep.points import refuse_invalid
from satisfice.domain.trials.history import CurvePoint, Purpose, TrialRecord, TrialState
from satisfice.flows.stages.sweep_plan import plan_sweep
from satisfice.flows.terminal.sweep_text import plan_lines
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.sampling.proposer import Proposer
from satisfice.tasks.sampling.warm_start import code_digest, comparable, lessons
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.database import searches
from satisfice.tasks.storage.store import Search, Store, open_store
from satisfice.tasks.storage.sweep_records import read_sweep, write_sweep
from tests.e2e.service import write_study

DATA = "d1g35t"
RULES = """\
rules:
  - {id: not-too-far, require: x <= 0.8, because: it breaks}
  - {id: small, require: predicted.parameters <= 50}
"""


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def study(tmp_path: Path) -> Study:
    folder = write_study(tmp_path / "tiny", acts="work,rest", workers=2)
    file = folder / "study.yaml"
    file.write_text(file.read_text() + RULES)
    return read_study(folder)


def predict(params: Params) -> Mapping[str, float]:
    return {"predicted.parameters": 100 * float(params["x"])}


def begin(store: Store, study: Study, data: str = DATA, sweep: str = "{}") -> Search:
    return store.begin(study, data, code_digest(study), sweep)


def add(
    search: Search, study: Study, x: float, value: float | None = 0.5, **changes: object
) -> int:
    """Add a finished trial that took two seconds."""
    params = {"x": x, "act": "work"}
    purpose = changes.get("purpose", Purpose.SEARCH)
    assert isinstance(purpose, Purpose)
    verdict = study.rules.judge_asking(params, predict)
    number = search.begin_trial(params, study.space, 7, purpose, verdict)
    record = TrialRecord(
        number,
        params,
        TrialState.COMPLETE,
        value,
        (CurvePoint(1, 0.25, 1.0),),
        Cost(2.0, 1e-6, 1e-6, 99.0, EnergyMode.ESTIMATED),
    )
    search.tell(replace(record, **changes))  # type: ignore[arg-type]


def asked(*parameters: str, **options: object) -> SweepRequest:
    return SweepRequest(parameters, **options)  # type: ignore[arg-type]


# -- planning ---------------------------------------------------------------------------------


def test_a_first_plan_shows_what_runs_and_what_is_excluded_but_no_cost(
    store: Store, study: Study
) -> None:
    planned = plan_sweep(study, asked("x=0.1,0.5,0.6,0.9", "act=work"), store, DATA, predict)

    assert planned.points == ({"x": 0.1, "act": "work"}, {"x": 0.5, "act": "work"})
    assert {rule: one.count for rule, one in planned.plan.excluded.items()} == {
        "not-too-far": 1,
        "small": 1,
    }
    assert planned.sweep.known == ()
    assert list(plan_lines(planned)) == [
        "sweep of tiny: x=0.1,0.5,0.6,0.9 act=work",
        "  4 combinations",
        "  2 excluded by the rules",
        "    1 by small, such as x=0.6 act=work",
        "    1 by not-too-far, such as x=0.9 act=work",
        "  2 trials to run, 2 at a time",
        "  expected cost: unknown, as no trial of this code on this data has finished yet",
    ]


def test_earlier_trials_are_skipped_and_tell_the_cost(store: Store, study: Study) -> None:
    first, second = begin(store, study), begin(store, study)
    add(first, study, 0.1, 0.25)
    add(second, study, 0.1, 0.75)  # the newest of two stands
    add(second, study, 0.3, state=TrialState.FAILED, value=None)
    add(second, study, 0.4, state=TrialState.PRUNED)
    request = asked("x=0.1..0.4:4")
    planned = plan_sweep(study, request, store, DATA, predict)

    assert [one["x"] for one in planned.points] == [0.2, 0.3, 0.4]
    (known,) = planned.sweep.known
    assert (known.trial, known.params["x"], known.value) == ("tiny-2, trial 0", 0.1, 0.75)
    expected = study.prices.of(6.0, 3e-6, EnergyMode.ESTIMATED)  # at the prices of today
    assert planned.expected is not None
    assert planned.expected.seconds == pytest.approx(expected.seconds)
    assert planned.expected.money == pytest.approx(expected.money)
    lines = list(plan_lines(planned))
    assert "  1 trained before, 1 in tiny-2: not trained again (--again does)" in lines
    assert lines[-1] == (
        "  expected: 3 s, 0.006 EUR: 3 trials at 2 s, the mean of 2 finished trials "
        "of tiny-1, tiny-2 (from 2 s to 2 s)"
    )

    again = plan_sweep(study, replace(request, again=True), store, DATA, predict)
    assert [one["x"] for one in again.points] == [0.1, 0.2, 0.3, 0.4]
    assert again.sweep.known == ()


@pytest.mark.parametrize(
    ("budget", "ends"),
    [
        (Budget(), False),
        (Budget(trials=3, seconds=3.1, money=0.0061, kwh=4e-6), False),
        (Budget(trials=2), True),
        (Budget(seconds=2.9), True),
        (Budget(money=0.0059), True),
        (Budget(kwh=2e-6), True),
    ],
)
def test_a_plan_says_if_the_budget_is_too_small(
    store: Store, study: Study, budget: Budget, ends: bool
) -> None:
    add(begin(store, study), study, 0.1)
    narrow = replace(study, budget=budget)
    *_, last = plan_lines(plan_sweep(narrow, asked("x=0.2,0.3,0.4"), store, DATA, predict))
    assert last.endswith("; the budget will end it earlier") is ends


def test_a_sweep_is_refused_if_the_rules_allow_none_of_it(store: Store, study: Study) -> None:
    with pytest.raises(NoAllowedConfiguration) as refusal:
        plan_sweep(study, asked("x=0.6,0.9,1.0"), store, DATA, predict)
    assert refusal.value.message == (
        "the rules allow none of 3 configurations of this sweep: "
        "rule 'not-too-far' excludes 2; rule 'small' excludes 1"
    )


def test_bounds_that_depend_on_other_values_are_checked_for_each_configuration(
    store: Store, study: Study
) -> None:
    top = Parameter("top", Bounded(Expression("x"), Expression("2 * x")), None, 0.5)
    study = replace(study, space=Space((*study.space.parameters, top)), rules=RuleBook())
    planned = plan_sweep(study, asked("x=0.2,0.4,0.5", "top=0.4,0.7"), store, DATA, predict)

    found = [(one["x"], one["top"]) for one in planned.points]
    assert found == [(0.2, 0.4), (0.4, 0.4), (0.4, 0.7), (0.5, 0.7)]
    assert "    2 by the bounds of top, such as x=0.2 act=work top=0.7" in plan_lines(planned)


def test_points_are_drawn_by_the_seed_of_the_study(store: Store, study: Study) -> None:
    request = asked("x=0..1", "act=work,rest", random=8)
    drawn = [plan_sweep(replace(study, seed=seed), request, store, DATA, predict).points
             for seed in (1, 1, 2)]  # fmt: skip

    assert drawn[0] == drawn[1] != drawn[2]
    assert [len(one) for one in drawn] == [8, 8, 8]
    assert all(float(one["x"]) <= 0.5 for points in drawn for one in points)


def test_if_fewer_points_are_found_than_asked_for_the_plan_says_so(
    store: Store, study: Study
) -> None:
    planned = plan_sweep(study, asked("x=0.1,0.2,0.9", random=5), store, DATA, predict)
    lines = list(plan_lines(planned))

    assert len(planned.points) == 2
    assert "  only 2 allowed points found" in lines
    assert any(line.endswith(" repeat another: drawn before") for line in lines)


@pytest.mark.parametrize("count", [0, 10_001])
def test_an_invalid_number_of_points_is_refused(study: Study, count: int) -> None:
    with pytest.raises(UserError, match=f"{count} points cannot be drawn"):
        refuse_invalid(study, asked("x=0..1", random=count))


# -- what later searches learn ----------------------------------------------------------------


def test_a_later_search_learns_from_what_can_be_compared(store: Store, study: Study) -> None:
    first, second = begin(store, study), begin(store, study)
    add(first, study, 0.1, 0.25)
    add(first, study, 0.2, state=TrialState.PRUNED)
    add(first, study, 0.2, state=TrialState.FAILED, value=None)
    add(first, study, 0.1, purpose=Purpose.CONFIRMATION)
    add(second, study, 0.3, 0.5, purpose=Purpose.DEFAULT)
    first.end(Ending.PLAN_DONE, 1.0)
    found = lessons(store, study, DATA, code_digest(study), predict)

    assert [(one.search, one.record.number) for one in found.found] == [
        ("tiny-1", 0), ("tiny-1", 1), ("tiny-2", 0)]  # fmt: skip
    assert found.searches == {"tiny-1": 2, "tiny-2": 1}
    assert found.refused == 0
    assert [one.params for one in found.frozen] == [one.record.params for one in found.found]
    assert [one.state.name for one in found.frozen] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert [one.value for one in found.frozen] == [0.25, 0.25, 0.5]  # a pruned one: its last
    # A search that is resumed learns from what was there when it began.
    before = lessons(store, study, DATA, code_digest(study), predict, before=second.info)
    assert before.searches == {"tiny-1": 2}
    assert lessons(store, study, DATA, code_digest(study), predict, first.info).found == ()


def test_earlier_searches_are_not_learnt_from(store: Store, study: Study) -> None:
    add(begin(store, study, sweep=""), study, 0.1)
    assert lessons(store, study, DATA, code_digest(study), predict).found == ()


@pytest.mark.parametrize("act", [Choice(("work", "rest")), Ordinal(("work", "rest"))])
def test_a_sampler_learns_from_earlier_sweeps(store: Store, study: Study, act: Domain) -> None:
    x, _ = study.space.parameters
    space = Space((x, Parameter("act", act, None, "work")))
    study = replace(study, rules=RuleBook(), space=space)
    search = begin(store, study)
    for at in range(40):
        add(search, study, at / 40, 1.0 - abs(at / 40 - 0.3))
    found = lessons(store, study, DATA, code_digest(study), predict)
    later = optuna.create_study(direction="maximize")

    def distance(seed: int, earlier: tuple[FrozenTrial, ...]) -> float:
        proposer = Proposer(later, space, study.rules, predict, seed, earlier=earlier)
        return abs(float(proposer.propose().params["x"]) - 0.3)

    with_lessons = [distance(seed, found.frozen) for seed in range(20)]
    without = [distance(seed, ()) for seed in range(20)]
    assert sum(with_lessons) < sum(without) / 2
    assert len({(one.number, one._trial_id) for one in found.frozen}) == 40
    assert later.trials == []


def test_trials_on_other_data_code_or_metric_are_not_learnt_from(
    store: Store, study: Study
) -> None:
    add(begin(store, study), study, 0.1)
    add(store.begin(study), study, 0.1)  # from before digests were recorded
    code = code_digest(study)
    assert len(list(comparable(store, study, DATA, code))) == 1
    assert list(comparable(store, study, "other", code)) == []
    assert list(comparable(store, replace(study, name="other"), DATA, code)) == []
    other = replace(study, objective=replace(study.objective, metric="loss"))
    assert list(comparable(store, other, DATA, code)) == []

    problem = Path(study.folder) / study.problem
    problem.write_text(problem.read_text() + "\n# changed\n")
    assert code_digest(study) != code
    assert list(comparable(store, study, DATA, code_digest(study))) == []


def test_a_search_that_cannot_be_read_is_ignored(store: Store, study: Study) -> None:
    for x in (0.1, 0.2, 0.3):
        add(begin(store, study), study, x)
    optuna.delete_study(study_name="tiny-1", storage=store.database.storage)
    with store.database.engine.begin() as connection:
        other = searches.update().where(searches.c.search == "tiny-2")
        connection.execute(other.values(text="study: tiny\nsearched: otherwise\n"))
    found = comparable(store, study, DATA, code_digest(study))
    assert [one.search for one in found] == ["tiny-3"]


def test_trials_that_are_no_longer_allowed_are_not_learnt_from(store: Store, study: Study) -> None:
    search = begin(store, study)
    for x in (0.1, 0.2, 0.3):
        add(search, study, x)
    code = code_digest(study)

    def learnt(changed: Study) -> tuple[list[object], int]:
        found = lessons(store, changed, DATA, code, predict)
        return [one.record.params["x"] for one in found.found], found.refused

    assert learnt(study) == ([0.1, 0.2, 0.3], 0)
    assert learnt(replace(study, seed=9, budget=Budget(trials=1))) == ([0.1, 0.2, 0.3], 0)
    rule = Rule("small", Expression("predicted.parameters <= 15"))
    assert learnt(replace(study, rules=RuleBook((rule,)))) == ([0.1], 2)
    x, act = study.space.parameters
    narrow = replace(study.space, parameters=(replace(x, domain=Float(0.15, 1.0)), act))
    assert learnt(replace(study, space=narrow)) == ([0.2, 0.3], 1)


def test_a_missing_prediction_of_an_earlier_trial_is_made_now(store: Store, study: Study) -> None:
    search = begin(store, study)
    params = {"x": 0.1, "act": "work"}
    number = search.begin_trial(params, study.space, 1, Purpose.SEARCH, Verdict({}, {}))
    search.tell(TrialRecord(number, params, TrialState.COMPLETE, 0.5))
    asked_for: list[Params] = []

    def predicting(one: Params) -> Mapping[str, float]:
        asked_for.append(one)
        return predict(one)

    assert len(lessons(store, study, DATA, code_digest(study), predicting).found) == 1
    assert asked_for == [params]


def soft(study: Study, require: str) -> Study:
    return replace(study, soft_rules=RuleBook((Rule("soft", Expression(require)),)))


def test_earlier_trials_are_judged_by_the_current_soft_rules(store: Store, study: Study) -> None:
    search = begin(store, study)
    add(search, study, 0.1, metrics={"gap": 0.5})
    add(search, study, 0.2, metrics={"gap": 0.05}, margins={"old": -1.0})
    add(search, study, 0.3)
    add(search, study, 0.3, state=TrialState.PRUNED)
    today = soft(study, "metrics.gap <= 0.25")
    found = lessons(store, today, DATA, code_digest(study), predict)
    assert [one.record.number for one in found.found] == [0, 1, 3]
    assert found.refused == 1  # what was not measured then is neither good nor bad now
    assert [one.constraints for one in found.frozen] == [{"soft": 0.25}, {"soft": -0.2}, {}]


def test_trials_without_a_needed_measurement_are_swept_again(store: Store, study: Study) -> None:
    search = begin(store, study)
    add(search, study, 0.1, metrics={"gap": 0.5})
    add(search, study, 0.2, metrics={"gap": 0.05})
    add(search, study, 0.3)
    today = soft(study, "metrics.gap <= 0.25")
    planned = plan_sweep(today, asked("x=0.1,0.2,0.3", "act=work"), store, DATA, predict)
    assert [(one.params["x"], one.feasible) for one in planned.known] == [(0.1, False), (0.2, True)]
    assert [one["x"] for one in planned.points] == [0.3]
    assert read_sweep(write_sweep(planned.sweep)) == planned.sweep


def test_the_newest_trials_are_learnt_from_first(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (0.1, 0.2):
        search = begin(store, study)
        for x in (0.1, 0.2, 0.3):
            add(search, study, x, value)
    monkeypatch.setattr("satisfice.tasks.sampling.warm_start.MOST", 4)
    found = lessons(store, study, DATA, code_digest(study), predict)
    assert found.searches == {"tiny-1": 1, "tiny-2": 3}


def test_the_folder_of_a_search_is_not_needed_to_learn_from_it(
    store: Store, study: Study, home: Path
) -> None:
    search = begin(store, study)
    add(search, study, 0.1)
    search_folder(search.info.search).rmdir()
    assert len(lessons(store, study, DATA, code_digest(study), predict).found) == 1
