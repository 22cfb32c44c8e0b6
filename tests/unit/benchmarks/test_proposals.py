"""The measure of whole searches is right: what is charged, and what counts as reached."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.proposals.searching import Search
from benchmarks.stopping.tables import Table
from benchmarks.stopping.traces import LENGTH


@pytest.fixture
def table() -> Table:
    """A grid of 4 by 25 with three seeds each; more is better towards the end, and dearer."""
    random = np.random.default_rng(0)
    means = np.linspace(0.0, 1.0, 100)
    values = means[:, None] + 0.1 * random.standard_normal((100, 3))
    seconds = np.exp(means)[:, None] * random.lognormal(0, 0.1, (100, 3))
    return Table("made/up", (True, False), (4, 25), values, seconds)


def test_a_search_pays_for_all_that_it_trained(table: Table) -> None:
    search = Search(table, 1, 0.3, 0.0)
    before, after = search.run()
    assert before.trials <= after.trials == len(search._records)
    assert before.spent <= after.spent
    taken = sum(one.cost.seconds for one in search._records)
    assert after.spent == pytest.approx(taken / (LENGTH * table.usual_seconds))
    assert 0.5 < after.success <= 1.0
    assert after.utility(0.3) == after.success - 0.3 * after.spent


def test_a_second_more_for_each_trial_is_paid_on_the_scale_of_usual_trainings(table: Table) -> None:
    search = Search(table, 1, 0.3, 1.0)
    _, after = search.run()
    whole = sum(one.cost.seconds for one in search._records)
    assert after.spent == pytest.approx(whole / (LENGTH * (table.usual_seconds + 1.0)))
    assert whole > len(search._records)


def test_a_dear_search_is_shorter(table: Table) -> None:
    cheap, dear = (Search(table, 2, rate, 0.0).run()[1] for rate in (0.1, 30.0))
    assert dear.trials < cheap.trials


def test_the_same_seed_is_the_same_search(table: Table) -> None:
    one, same, other = (Search(table, seed, 1.0, 0.0).run() for seed in (3, 3, 4))
    assert one == same
    assert one != other
