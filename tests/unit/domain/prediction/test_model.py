"""Learnt forecasts: observations, the prior, and the combination of both."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from satisfice.domain.economics.cost import Budget, Cost, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.prediction.model import Observation, learn, observe
from satisfice.domain.prediction.predictor import Predictor, interval
from satisfice.domain.quality import GATED
from satisfice.domain.rules.predicted import (
    COUNTED,
    ENERGY,
    EPOCH_MONEY,
    EPOCH_SECONDS,
    LEARNT,
    MEMORY,
    PREDICTED,
    QUANTITIES,
    Forecast,
    Sizes,
    counted_for,
)
from satisfice.domain.rules.rule import Rule, RuleBook
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Params, Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.trials.history import CurvePoint, Failure, TrialRecord, TrialState

MIB = 1 << 20
SPACE = Space(
    (
        Parameter("width", Int(8, 512, log=True)),
        Parameter("batch", Int(16, 256, log=True)),
        Parameter("act", Choice(("relu", "tanh"))),
        Parameter("slope", Float(0.0, 1.0), Expression("act == 'relu'")),
    )
)


def sizes(params: Params) -> Sizes:
    width = float(params["width"])
    return {
        "predicted.parameters": width**2,
        "predicted.size_bytes": 4 * width**2,
        "predicted.macs": width**2,
        "activation_bytes": 4000 * width,
        "largest_bytes": 1000 * width,
        "operations": 12.0,
        "examples": 2000.0,
    }


def truth(params: Params) -> float:
    """The memory that a training of this made-up machine needs."""
    size = sizes(params)
    batch = 80 * size["activation_bytes"] * math.sqrt(float(params["batch"]) / 64)
    return 9.0 + (3 * size["predicted.size_bytes"] + batch) / MIB


def configurations(count: int, seed: int = 0) -> list[dict[str, float | str]]:
    chance = random.Random(seed)
    return [
        {
            "width": round(math.exp(chance.uniform(math.log(8), math.log(512)))),
            "batch": round(math.exp(chance.uniform(math.log(16), math.log(256)))),
            "act": "relu",
            "slope": chance.random(),
        }
        for _ in range(count)
    ]


def seen(params: Iterable[Params], noise: float = 0.0, seed: int = 1) -> list[Observation]:
    chance = random.Random(seed)
    return [
        Observation(one, sizes(one), truth(one) * math.exp(chance.gauss(0, noise)))
        for one in params
    ]


def trial(**changes: object) -> TrialRecord:
    base = TrialRecord(
        0,
        {"width": 8},
        TrialState.COMPLETE,
        0.5,
        curve=(CurvePoint(1, 0.1, 5.0), CurvePoint(2, 0.2, 7.0), CurvePoint(3, 0.5, 9.5)),
        cost=Cost(10.0, money=0.5),
        measured={"memory_mb": 80.0},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


# -- names ------------------------------------------------------------------------------------


def test_whatever_a_gate_measures_has_a_prediction_of_that_name() -> None:
    assert {f"predicted.{name}" for name in GATED} <= set(PREDICTED)
    assert set(PREDICTED) == {*COUNTED, *LEARNT}
    assert set(QUANTITIES) == set(LEARNT)


def test_only_what_is_needed_is_counted() -> None:
    assert counted_for(["predicted.parameters"]) == ("predicted.parameters",)
    assert "predicted.macs" not in counted_for(["predicted.checkpoint_bytes"])
    assert set(counted_for(["predicted.parameters", EPOCH_SECONDS])) == {
        "predicted.parameters",
        "predicted.macs",
        "predicted.size_bytes",
        "operations",
        "examples",
    }


# -- forecasts --------------------------------------------------------------------------------


def test_a_forecast_has_the_quantiles_of_a_student_t() -> None:
    one = Forecast(100.0, 0.2, 4.0, 3)
    assert one.at(0.5) == pytest.approx(100.0)
    assert one.at(0.95) == pytest.approx(100 * math.exp(0.2 * 2.1318468))  # from a table
    assert one.at(0.05) * one.at(0.95) == pytest.approx(100.0**2)
    assert Forecast(1.0, 1e6, 4.0, 0).at(0.95) < math.inf
    assert interval(one) == {"low": one.at(0.05), "high": one.at(0.95), "trials": 3.0}


def test_the_prior_is_the_stated_one() -> None:
    params = {"width": 64, "batch": 64, "act": "tanh"}
    said = learn(MEMORY, SPACE, []).forecast(params, sizes(params))
    stated = 4 + (4 * 4 * 64**2 + 64 * 4000 * 64 + 256 * 1000 * 64) / MIB
    assert said.median == pytest.approx(stated)
    assert said.trials == 0
    assert said.at(0.95) > 5 * said.median  # and it is not sure of itself


@pytest.mark.parametrize("name", LEARNT)
def test_every_prior_gives_a_figure_for_a_model_without_weights(name: str) -> None:
    nothing = dict.fromkeys(counted_for([name]), 0.0)
    said = learn(name, Space(()), []).forecast({}, nothing)
    assert 0 < said.at(0.05) < said.median < said.at(0.95) < math.inf
    again = learn(name, Space(()), [Observation({}, nothing, 3.0)]).forecast({}, nothing)
    assert said.median < again.median < 3.5 or 2.5 < again.median < said.median


def test_one_trial_moves_the_forecast_of_the_whole_space() -> None:
    small, large = ({"width": one, "batch": 64, "act": "tanh"} for one in (16, 400))
    prior = learn(MEMORY, SPACE, [])
    doubled = Observation(small, sizes(small), 2 * prior.forecast(small, sizes(small)).median)
    learnt = learn(MEMORY, SPACE, [doubled])
    for one in (small, large):
        before, after = prior.forecast(one, sizes(one)), learnt.forecast(one, sizes(one))
        assert 1.2 * before.median < after.median < 2.2 * before.median
        assert after.spread < before.spread
        assert after.trials == 1


def test_ten_trials_are_enough_for_a_good_figure() -> None:
    model = learn(MEMORY, SPACE, seen(configurations(10)))
    errors = [
        abs(model.forecast(one, sizes(one)).median / truth(one) - 1)
        for one in configurations(100, seed=5)
    ]
    assert sorted(errors)[95] < 0.25
    assert sorted(errors)[50] < 0.1


def test_a_small_trial_teaches_less_than_a_large_one() -> None:
    asked = {"width": 500, "batch": 64, "act": "tanh"}
    prior = learn(MEMORY, SPACE, []).forecast(asked, sizes(asked)).median
    moved = []
    for width in (8, 480):
        params = {**asked, "width": width}
        own = learn(MEMORY, SPACE, []).forecast(params, sizes(params)).median
        one = Observation(params, sizes(params), own / 3)
        moved.append(prior / learn(MEMORY, SPACE, [one]).forecast(asked, sizes(asked)).median)
    assert moved[1] > 2 > moved[0] > 1


def test_a_trial_that_ran_out_counts_for_more_than_its_limit() -> None:
    params = {"width": 300, "batch": 64, "act": "tanh"}
    known = seen(configurations(4))
    limit = 3 * truth(params)
    models = [
        learn(MEMORY, SPACE, [*known, Observation(params, sizes(params), value, at_least)])
        for value, at_least in ((limit, True), (limit, False), (0.1, True))
    ]
    more, exactly, nothing_new = (one.forecast(params, sizes(params)).median for one in models)
    assert more > exactly > 1.5 * truth(params)
    before = learn(MEMORY, SPACE, known).forecast(params, sizes(params)).median
    assert nothing_new == pytest.approx(before, rel=0.05)  # more than next to nothing: well known


# -- what a trial says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "value", "at_least"),
    [
        (MEMORY, {}, 80.0, False),
        (MEMORY, {"state": TrialState.PRUNED}, 80.0, False),
        (MEMORY, {"state": TrialState.FAILED, "failure": Failure.NOT_A_NUMBER}, 80.0, False),
        (MEMORY, {"failure": Failure.CRASHED, "curve": ()}, None, False),
        (MEMORY, {"measured": {}}, None, False),  # of a search before this was recorded
        (MEMORY, {"failure": Failure.OUT_OF_MEMORY}, 100.0, True),
        (MEMORY, {"failure": Failure.OUT_OF_MEMORY, "curve": (), "measured": {}}, 100.0, True),
        (EPOCH_SECONDS, {}, 2.25, False),
        (EPOCH_SECONDS, {"curve": ()}, None, False),
        (EPOCH_SECONDS, {"failure": Failure.OVERRAN, "curve": ()}, 10.0, True),
        (EPOCH_SECONDS, {"failure": Failure.OVERRAN}, 2.25, False),
        (EPOCH_MONEY, {}, 2.25 * 0.05, False),
        (EPOCH_MONEY, {"cost": Cost(0.0)}, None, False),
        (ENERGY, {}, None, False),
        (ENERGY, {"measured": {"energy_wh_per_1000": 0.0}}, None, False),  # below a counter's tick
        (ENERGY, {"measured": {"energy_wh_per_1000": 0.5}}, 0.5, False),
    ],
)
def test_what_a_trial_says(
    name: str, changes: dict[str, object], value: float | None, at_least: bool
) -> None:
    said = observe(name, trial(**changes), {"a": 1.0}, memory_mb=100.0)
    if value is None:
        assert said is None
    else:
        assert said == Observation({"width": 8}, {"a": 1.0}, pytest.approx(value), at_least)  # type: ignore[arg-type]


# -- counted and learnt together --------------------------------------------------------------


HOURS = Prices()


def study_of(*requires: str, prices: Prices = HOURS) -> Study:
    rules = tuple(Rule(f"rule-{at}", Expression(one)) for at, one in enumerate(requires))
    return Study(
        name="made-up",
        folder="/nowhere",
        problem="problem.py",
        data=DataSource("nothing"),
        objective=Objective("score", Direction.MAXIMIZE),
        worth=Worth(1.0),
        prices=prices,
        budget=Budget(),
        space=SPACE,
        rules=RuleBook(rules),
    )


def test_a_predictor_says_what_the_rules_speak_of() -> None:
    study = study_of("predicted.parameters < 9", "predicted.memory_mb < predicted.epoch_seconds")
    predict = Predictor(study, sizes)
    params = configurations(1)[0]
    before = predict(params)
    assert list(before) == ["predicted.parameters", MEMORY, EPOCH_SECONDS]
    assert before["predicted.parameters"] == sizes(params)["predicted.parameters"]
    predict.learn([trial(params=params, measured={}), trial(params=params)])
    after = predict(params)
    versions = {name: one.trials for name, one in after.items() if isinstance(one, Forecast)}
    assert versions == {MEMORY: 1, EPOCH_SECONDS: 2}
    assert abs(after[MEMORY].median / 80.0 - 1) < abs(before[MEMORY].median / 80.0 - 1)  # type: ignore[union-attr]


def test_without_forecasts_nothing_more_is_counted() -> None:
    asked: list[Params] = []

    def count(params: Params) -> Sizes:
        asked.append(params)
        return {"predicted.parameters": 3.0}

    predict = Predictor(study_of("predicted.parameters < 9"), count)
    predict.learn([trial()])
    assert predict({"width": 8}) == {"predicted.parameters": 3.0}
    assert asked == [{"width": 8}]


def test_a_predictor_may_be_asked_for_more_than_the_rules_speak_of() -> None:
    def count(params: Params) -> Sizes:
        if params["width"] == 8:
            raise StudyCodeError("build(params) failed")
        return sizes(params)

    predict = Predictor(study_of("predicted.parameters < 9"), count, (EPOCH_SECONDS,))
    assert list(predict({"width": 9})) == [EPOCH_SECONDS]
    assert (predict.builds({"width": 9}), predict.builds({"width": 8})) == (True, False)


def test_a_trial_that_no_model_is_known_of_any_more_teaches_nothing() -> None:
    def count(params: Params) -> Sizes:
        if params["width"] == 8:
            raise StudyCodeError("build(params) failed")
        return sizes(params)

    predict = Predictor(study_of("predicted.memory_mb < 9"), count)
    predict.learn([trial()])
    assert predict({"width": 9})[MEMORY].trials == 0  # type: ignore[union-attr]


def test_money_begins_with_the_stated_price_of_a_second() -> None:
    params = configurations(1)[0]
    rule = "predicted.epoch_money < predicted.epoch_seconds"
    said = Predictor(study_of(rule, prices=Prices("EUR", hour=3600.0)), sizes)(params)
    assert said[EPOCH_MONEY].median == pytest.approx(said[EPOCH_SECONDS].median)  # type: ignore[union-attr]
    free = Predictor(study_of(rule, prices=Prices("EUR", hour=0.0)), sizes)(params)
    assert free[EPOCH_MONEY] == 0.0  # exactly


def test_what_cannot_be_counted_is_not_predicted() -> None:
    predict = Predictor(study_of("predicted.memory_mb < 9"), lambda _params: {})
    assert predict({"width": 8}) == {}
