"""Fair prices of candidates, and of training a leader again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from satisfice.domain.sampling.acquisition import (
    Tried,
    _at_least,
    _gain,
    _inverse_gain,
    leaders,
    nearby,
    offers,
)

RANDOM = np.random.default_rng(5)


def tried(count: int = 30, noise: float = 0.02) -> Tried:
    """Trials on a line whose best place is 0.7, and whose cost grows a hundredfold along it."""
    columns = RANDOM.random((count, 1))
    levels = -((columns[:, 0] - 0.7) ** 2) + noise * RANDOM.normal(size=count)
    no = np.zeros(count, bool)
    money, sure = 100.0 ** columns[:, 0], np.zeros(count)
    return Tried(columns, np.array([0]), levels, sure, no, ~no, money, np.empty((0, 1)))


CANDIDATES = np.linspace(0, 1, 101)[:, None]


@pytest.mark.parametrize("ahead", [-3.0, -0.5, 0.0, 1.0, 4.0])
def test_the_gain_is_the_mean_of_the_positive_part(ahead: float) -> None:
    exact, _ = quad(lambda z: max(z + ahead, 0.0) * norm.pdf(z), -12, 12, points=[-ahead])
    assert _gain(np.array([ahead]))[0] == pytest.approx(exact, rel=1e-6)


@given(st.floats(-30.0, 20.0))
def test_the_inverse_undoes_the_gain(ahead: float) -> None:
    assert _inverse_gain(_gain(np.array([ahead])))[0] == pytest.approx(ahead, abs=1e-3)


def test_where_costs_do_not_matter_the_best_place_is_proposed() -> None:
    found = offers(tried(), CANDIDATES, step=1e9)
    assert found is not None
    assert abs(CANDIDATES[found.order[0], 0] - 0.7) < 0.15


def test_an_expensive_candidate_has_to_be_better() -> None:
    past = tried()
    rich, poor = offers(past, CANDIDATES, step=1e9), offers(past, CANDIDATES, step=300.0)
    assert rich is not None
    assert poor is not None
    assert poor.costs == pytest.approx(rich.costs)
    assert poor.costs[poor.order[0]] < rich.costs[rich.order[0]]


@pytest.mark.filterwarnings("error")
def test_where_nothing_is_worth_anything_the_cheapest_comes_first_and_does_not_pay() -> None:
    found = offers(tried(), CANDIDATES, step=1e-320)
    assert found is not None
    assert found.order[0] == np.argmin(found.costs)
    assert np.all(np.isfinite(found.prices))
    assert np.max(found.prices) < 0


def test_a_fair_price_above_the_best_is_a_gain_that_pays() -> None:
    found = offers(tried(), CANDIDATES, step=3000.0)
    assert found is not None
    clear = np.abs(found.gains - found.costs) > 1e-6 * found.costs
    assert np.array_equal((found.prices > 0)[clear], (found.gains > found.costs)[clear])


def test_costs_are_learnt_on_a_logarithmic_scale() -> None:
    found = offers(tried(), CANDIDATES, step=1.0)
    assert found is not None
    assert found.costs[90] / found.costs[10] == pytest.approx(100**0.8, rel=0.3)


def test_what_was_given_up_lies_below_the_middle_however_few_were_not() -> None:
    """Three of the best and a dozen that were given up: these must not pass for as good."""
    past = tried(15, noise=0.0)
    order = np.argsort(-past.levels)
    whole = np.isin(np.arange(15), order[:3])
    levels = np.where(whole, past.levels[order[0]], past.levels)
    levels[order[2]] -= 1e-3
    found = offers(replace(past, levels=levels, whole=whole), CANDIDATES, step=1e9)
    assert found is not None
    assert abs(CANDIDATES[found.order[0], 0] - 0.7) < 0.4
    assert found.gains[0] < np.max(found.gains) / 10


def test_the_larger_of_a_bound_and_what_is_in_doubt() -> None:
    levels, doubts = np.array([1.0, -1.0, 2.0, np.nan]), np.array([0.5, 2.0, 0.0, 0.0])
    means, variances = _at_least(0.5, levels, doubts)
    drawn = np.maximum(RANDOM.normal(levels[:2], doubts[:2], (200_000, 2)), 0.5)
    assert means[:2] == pytest.approx(drawn.mean(axis=0), abs=0.01)
    assert variances[:2] == pytest.approx(drawn.var(axis=0), rel=0.03)
    assert (means[2], variances[2]) == (2.0, 0.0)
    assert np.isnan(means[3])


def test_beyond_a_target_nothing_is_gained() -> None:
    past = tried()
    reached = float(np.quantile(past.levels, 0.8))
    found = offers(past, CANDIDATES, step=1e9, target=reached)
    free = offers(past, CANDIDATES, step=1e9)
    assert found is not None
    assert free is not None
    assert np.max(found.gains) < 0.5 * np.max(free.gains)


def test_where_bad_trials_lie_nothing_is_proposed() -> None:
    past = tried(60, noise=0.0)
    bad = past.columns[:, 0] > 0.5
    found = offers(replace(past, bad=bad), CANDIDATES, step=1e9)
    assert found is not None
    assert CANDIDATES[found.order[0], 0] < 0.6


def test_what_runs_already_is_not_proposed_again() -> None:
    past = tried(12)
    alone = offers(past, CANDIDATES, step=1e9)
    assert alone is not None
    first = CANDIDATES[alone.order[:1]]
    beside = offers(replace(past, pending=np.repeat(first, 5, axis=0)), CANDIDATES, step=1e9)
    assert beside is not None
    assert beside.gains[alone.order[0]] < alone.gains[alone.order[0]]
    assert beside.order[0] != alone.order[0]


@pytest.mark.parametrize("levels", [[np.nan, np.nan], [1.0, np.nan], [2.0, 2.0]])
def test_where_nothing_can_be_learnt_there_is_no_offer(levels: list[float]) -> None:
    past = tried(2)
    assert offers(replace(past, levels=np.array(levels)), CANDIDATES, step=1.0) is None


def test_thousands_of_trials_are_thinned_and_the_leaders_stay() -> None:
    past = tried(3000, noise=0.0)
    found = offers(past, CANDIDATES, step=1e9)
    assert found is not None
    assert abs(CANDIDATES[found.order[0], 0] - 0.7) < 0.1


def test_rivals_that_look_alike_are_worth_another_look_and_clear_cases_are_not() -> None:
    columns = np.repeat(np.eye(4), [1, 1, 1, 6], axis=0)
    levels = np.array([1.0, 0.98, 0.2, 0.1, 0.3, -0.1, 0.2, 0.0, 0.3])
    no = np.zeros(9, bool)
    money, nobody = np.arange(9.0), np.empty((0, 4))
    past = Tried(columns, np.arange(4), levels, np.zeros(9), no, ~no, money, nobody)
    known = leaders(past, 4, step=1.0)
    assert known.rows.tolist() == [0, 1, 2, 3]
    assert np.all(np.diff(known.levels) < 0)
    assert min(known.gains[:2]) > 2 * known.gains[2] > 0
    assert known.gains[3] < known.gains[2]
    assert known.costs.tolist() == [0.0, 1.0, 2.0, 5.5]  # the last one has been trained six times


@pytest.mark.parametrize(("own", "noise"), [(1.0, 0.05), (0.05, 1.0)])
def test_repeats_tell_luck_from_what_a_configuration_has_of_its_own(
    own: float, noise: float
) -> None:
    """Values without a slope: all that differs is each configuration's own, or luck."""
    random = np.random.default_rng(3)
    columns = np.repeat(random.random((30, 1)), 2, axis=0)
    levels = np.repeat(own * random.normal(size=30), 2) + noise * random.normal(size=60)
    columns, levels = np.append(columns, [[0.5]], axis=0), np.append(levels, 4.0)
    none, no = np.zeros(61), np.zeros(61, bool)
    past = Tried(columns, np.array([0]), levels, none, no, ~no, none + 1, np.empty((0, 1)))
    found = leaders(past, 12, step=1.0)
    assert found.rows[0] == 60
    if own > noise:
        assert found.levels[0] > 3.0
    else:
        assert found.levels[0] < 2.0


def test_without_repeats_a_single_look_is_believed_in_part() -> None:
    past = tried(noise=0.1)
    best = float(np.max(past.levels))
    believed = leaders(past, 12, step=1.0).levels[0]
    assert float(np.median(past.levels)) < believed < best


def test_another_look_at_rivals_is_priced_beside_new_places() -> None:
    """Two leaders of which nobody knows which is better, and nothing else in reach."""
    rivals = np.array([[0.0], [1.0]])
    columns, levels = (
        np.repeat([[0.5], [0.0], [1.0]], [20, 1, 1], axis=0),
        np.append(0.3 * np.random.default_rng(1).normal(size=20), [1.0, 1.02]),
    )
    none, no = np.zeros(22), np.zeros(22, bool)
    past = Tried(columns, np.array([0]), levels, none, no, ~no, none + 1e-6, np.empty((0, 1)))
    cheap = offers(past, rivals, step=1.0)
    dear = offers(replace(past, money=none + 10.0), rivals, step=1.0)
    assert cheap is not None
    assert dear is not None
    assert cheap.again > 0 > dear.again


def test_only_so_many_leaders_are_looked_at_as_are_asked_for() -> None:
    past = tried()
    known = leaders(past, 5, step=1.0)
    assert set(known.rows) == set(np.argsort(-past.levels)[:5])


def test_one_leader_has_no_rival() -> None:
    alone = leaders(tried(), 1, step=1.0)
    assert alone.gains.tolist() == [0.0]


def test_neighbours_stay_in_the_space_and_near() -> None:
    best = np.array([[0.0, 1.0, 0.5]])
    found = nearby(best, np.zeros(3, bool), RANDOM.random((600, 8)))
    assert np.all((found >= 0) & (found <= 1))
    moved = np.sum(found != best, axis=1)
    assert set(np.unique(moved)) == {1, 2, 3}
    assert np.median(np.max(np.abs(found - best), axis=1)) < 0.3


def test_a_word_that_moves_is_drawn_anew() -> None:
    best, words = np.array([[0.05, 0.05]]), np.array([True, False])
    found = nearby(best, words, RANDOM.random((3000, 6)))
    near = np.abs(found - 0.05) < 0.15
    moved = found != 0.05
    # All words are as likely, wherever they stand among the choices; most numbers stay near.
    assert np.mean(near[moved[:, 0], 0]) == pytest.approx(0.2, abs=0.03)
    assert np.mean(near[moved[:, 1], 1]) > 0.4
