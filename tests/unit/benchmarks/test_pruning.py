"""The measure of pruning is right: what is trained, what may be seen, who is scored by what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from benchmarks.pruning import __main__ as command
from benchmarks.pruning import pools, problems, replay, training
from benchmarks.pruning.pools import SCALES, Pool
from benchmarks.pruning.pruners import NONE, OURS, PRUNERS, Search, search_of
from benchmarks.pruning.replay import RATES, TRIALS
from satisfice.domain.economics.worth import Per

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
optuna.logging.set_verbosity(optuna.logging.WARNING)
EPOCHS = 12


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Sixty curves that close in on their ends at different rates; one becomes NaN half-way."""
    random = np.random.default_rng(0)
    ends, rates = random.normal(0.8, 0.05, 60), random.lognormal(-1, 0.5, 60)
    steps = np.arange(1, EPOCHS + 1)
    values = ends[:, None] * (1 - np.exp(-rates[:, None] * steps))
    values += random.normal(0, 0.005, values.shape)
    values[7, 6:] = np.nan
    seconds = random.lognormal(0, 0.5, 60)[:, None] * steps
    found = Pool("digits", values, seconds, ends + random.normal(0, 0.005, 60))
    monkeypatch.setattr(replay, "pool", lambda _: found)
    return found


def test_the_incumbent_is_the_best_last_report_scored_by_its_test(made: Pool) -> None:
    rows = np.arange(4)
    values = made.values.copy()
    values[:4, -1] = [0.5, 0.9, 0.7, np.nan]
    values[0, 3] = 2.0  # a better epoch on the way counts for nothing
    pool = replace(made, values=values)
    full = [EPOCHS] * 4
    truth = (pool.test[:4] - np.median(pool.test)) / (np.max(pool.test) - np.median(pool.test))
    assert replay.scored(pool, rows, full).success == pytest.approx(max(truth[1], 0))
    given_up = replay.scored(pool, rows, [EPOCHS, 2, EPOCHS, EPOCHS])
    assert given_up.success == pytest.approx(max(truth[2], 0))
    spent = pool.seconds[[0, 1, 2, 3], [-1, 1, -1, -1]].sum() / (200 * pool.usual_seconds)
    assert given_up.spent == pytest.approx(spent)
    assert given_up.utility(3.0) == pytest.approx(given_up.success - 3 * spent)
    assert replay.scored(pool, rows, [1, 1, 1, 1]).success == 0


def test_everybody_sees_the_same_trials_once(made: Pool) -> None:
    rows = replay.order(made, 5)
    assert len(set(rows.tolist())) == TRIALS
    assert (rows == replay.order(made, 5)).all()
    assert (rows != replay.order(made, 6)).any()


@pytest.mark.parametrize("name", PRUNERS)
def test_what_became_nan_ends_and_nothing_is_trained_too_long(made: Pool, name: str) -> None:
    rows = np.arange(TRIALS)
    trained = PRUNERS[name](search_of(made, rows, 1.0, 0))
    assert len(trained) == TRIALS
    assert trained[0] == EPOCHS  # nobody gives up the first
    assert trained[7] <= 7
    if name == NONE:
        assert trained == [EPOCHS] * 7 + [7] + [EPOCHS] * (TRIALS - 8)
    else:
        assert set(trained) <= set(range(1, EPOCHS + 1))
        assert sum(trained) < EPOCHS * TRIALS


@pytest.mark.parametrize("name", PRUNERS)
def test_scales_say_nothing(made: Pool, name: str) -> None:
    """Whatever the units are, each pruner gives up the same trials at the same epochs."""
    search = search_of(made, replay.order(made, 1), 0.3, 1)
    worth = replace(search.worth, money=search.worth.money * 3 / 50)
    other = Search(search.values * 50, search.money * 3, worth, search.scale, search.seed)
    assert PRUNERS[name](other) == PRUNERS[name](search)


def test_the_rate_is_what_200_usual_trainings_cost_in_worth_of_the_gap(made: Pool) -> None:
    search = search_of(made, replay.order(made, 2), 0.3, 2)
    metric = search.values[0, 0] / made.values[replay.order(made, 2)[0], 0]
    usual = made.usual_seconds * search.money[0, 0] / made.seconds[replay.order(made, 2)[0], 0]
    assert search.worth.per is Per.UNIT
    assert 200 * usual / (search.worth.money * made.gap * metric) == pytest.approx(0.3)


def test_a_dearer_rate_trains_less_and_only_ours_knows_it(made: Pool) -> None:
    ours = replay.replay("made up", OURS, (0.01, 0.3, 30.0), 3)
    spent = [one.spent for one in ours.values()]
    assert spent == sorted(spent, reverse=True)
    assert spent[0] > 1.5 * spent[-1]
    median = replay.replay("made up", "median", (0.01, 30.0), 3)
    assert median[0.01] == median[30.0]


def test_the_kept_curves_are_whole() -> None:
    assert SCALES.keys() == problems.PROBLEMS.keys()
    for name in SCALES:
        pool = pools.pool(name)
        assert pool.values.shape == pool.seconds.shape == (240, training.EPOCHS)
        assert pool.test.shape == (240,)
        assert (np.diff(pool.seconds, axis=1) > 0).all()
        assert pool.gap > 0
        last = np.nan_to_num(pool.scale.of(pool.values[:, -1]), nan=-np.inf)
        assert (
            np.corrcoef(np.argsort(np.argsort(last)), np.argsort(np.argsort(pool.levels)))[0, 1]
            > 0.9
        )


def test_training_goes_on_where_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "EPOCHS", 2)
    training.fill("photographs", 1, tmp_path / "pieces")
    training.fill("photographs", 2, tmp_path / "pieces")
    training.fill("photographs", 2, tmp_path / "whole")
    with np.load(tmp_path / "pieces/photographs.npz") as found:
        pieces = dict(found)
    with np.load(tmp_path / "whole/photographs.npz") as found:
        assert pieces["values"].shape == (2, 2)
        assert np.allclose(found["values"], pieces["values"])
        assert np.allclose(found["test"], pieces["test"])


@pytest.mark.parametrize("name", problems.PROBLEMS)
def test_splits_share_nothing_and_every_configuration_can_be_built(name: str) -> None:
    problem = problems.PROBLEMS[name]
    data = problem.load()
    kept = [
        {one.numpy().tobytes() for one in pair[0]}
        for pair in (data.train, data.validation, data.test)
    ]
    assert not kept[0] & kept[1]
    assert not (kept[0] | kept[1]) & kept[2]
    for seed in range(20):
        params = problem.draw(np.random.default_rng(seed))
        outputs = problem.build(params)(problem.blur(data.train[0][:2], params)).detach()
        assert np.isfinite(problem.metric(outputs, data.train[1][:2]))


@pytest.mark.slow  # half a minute of processor time
def test_the_tables_say_who_is_better_and_who_is_worse() -> None:
    random = np.random.default_rng(0)
    found = {}
    for seed in range(12):
        luck = random.normal(0, 0.01)
        for name in PRUNERS:
            success = {OURS: 0.8, "median": 0.85}.get(name, 0.82) + luck
            spent = 0.02 if name == OURS else 0.1
            facts = (success, spent, spent / 0.25)
            found["digits", name, seed] = {str(rate): facts for rate in RATES}
    told = list(command.tables(found))
    assert sum(line.startswith("\ndigits: utility") for line in told) == 1
    against = [line.split() for line in told if line.startswith("  rate")]
    assert [(line[1], "worse" in line[4:], "better" in line[3:]) for line in against] == [
        ("0.1", True, False),  # .8 - .002 against .85 - .01
        ("0.3", True, False),
        ("1", False, True),
        ("3", False, True),
        *((f"{rate:g}", True, False) for rate in RATES),  # success against no pruning
    ]


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    from benchmarks.pruning.picture import draw

    draw(["digits"], tmp_path / "digits.png")
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
