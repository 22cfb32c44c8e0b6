"""`satisfice why` on searches that stand in a real store, without a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from satisfice.domain.decisions.decision import DecisionRecord
from satisfice.domain.decisions.replay import circumstances
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.decisions.stopping import decide
from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.domain.sweep.plan import Sweep, SweepRequest
from satisfice.domain.trials.history import History, Purpose, TrialRecord, TrialState
from satisfice.flows.cli.main import Exit, cli
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import open_store
from satisfice.tasks.storage.sweep_records import write_sweep
from tests.e2e.service import write_study

RISING = [0.1, 0.2, 0.6, 0.3, 0.5, 0.7, 0.2, 0.65, 0.8, 0.1, 0.79, 0.3]
Why = Callable[..., str]


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose trials take a second, at 0.001 EUR; a point is worth a thousand of them."""
    monkeypatch.setenv("COLUMNS", "200")
    return write_study(tmp_path / "tiny", worth="1 EUR per point", budget="trials: 40")


@pytest.fixture
def why(folder: Path) -> Why:
    """Ask, and return what is printed."""

    def ask(*options: str, code: Exit = Exit.DONE) -> str:
        result = CliRunner().invoke(cli, ["why", str(folder), *options], standalone_mode=False)
        assert (result.exception is None) == (code is Exit.DONE), result.output
        return str(result.output) if result.exception is None else str(result.exception)

    return ask


def searched(folder: Path, values: Sequence[float | None], sweep: Sweep | None = None) -> str:
    """Record a search as a coordinator does; return its id."""
    study = read_study(str(folder))
    with open_store() as store:
        search = store.begin(study, sweep="" if sweep is None else write_sweep(sweep))
        trials: list[TrialRecord] = []
        for value in values:
            params = {"x": (1 + len(trials)) / 1000, "act": "work"}
            allowed = Verdict({}, {})
            number = search.begin_trial(params, study.space, 0, Purpose.SEARCH, allowed)
            failed = value is None
            state = TrialState.FAILED if failed else TrialState.COMPLETE
            cost = study.prices.of(1.0, 0.0, EnergyMode.ESTIMATED)
            trials.append(TrialRecord(number, params, state, value, cost=cost))
            search.tell(trials[-1], decided(study, trials))
        search.end(Ending.STOPPED_BY_HAND, 10.0)
        return search.info.search


def decided(study: Study, trials: Iterable[TrialRecord]) -> DecisionRecord:
    history = History(tuple(trials), study.objective.direction)
    left = replace(study.budget, trials=40 - len(history.trials))
    situation = Situation(history, study.worth, study.prices, left, space=study.space)
    decision = decide(situation)
    evidence = {**decision.evidence, **circumstances(situation)}
    after = len(history.trials)
    return DecisionRecord("search", after, replace(decision, evidence=evidence), float(after))


def rows(output: str) -> list[list[str]]:
    """The rows of the table of decisions."""
    words = (one.split() for one in output.splitlines())
    return [one for one in words if one and one[0].isdigit() and one[-1] in {"on", "stop"}]


def test_a_short_search_is_shown_whole(folder: Path, why: Why) -> None:
    searched(folder, RISING)
    output = why()

    assert [one[0] for one in rows(output)] == [str(at) for at in range(1, 13)]
    assert rows(output)[-1][1] == "0.8"
    assert "12 of 12 decisions come out the same when replayed" in output
    assert "expected gain over expected cost" in output


def test_of_a_long_search_rows_are_shown_in_which_something_is_new(folder: Path, why: Why) -> None:
    rest = (0.5 * np.random.default_rng(0).random(20)).tolist()
    searched(folder, [*RISING, *rest])
    short, whole = rows(why()), rows(why("--all"))

    assert len(whole) == 32
    assert [one[0] for one in short if int(one[0]) <= 9] == ["1", "2", "3", "5", "6", "9"]
    assert short[-1] == whole[-1]
    assert f"left out: {32 - len(short)} rows" in why()
    assert "left out" not in why("--all")


def test_until_says_what_was_known_then_and_what_came_of_it(folder: Path, why: Why) -> None:
    searched(folder, RISING)
    output = why("--until", "6")

    assert "after 6 of 12 trials: best score 0.7 (trial 5), spent 0.006 EUR" in output
    assert "would have gone on: " in output
    # From 0.7 to 0.8 are ten points.
    assert "6 more were run, at 0.006 EUR, and brought 10 EUR: best score 0.8" in output
    assert "asked from there on, it would not have stopped" in output


def test_until_and_another_worth_are_one_question(folder: Path, why: Why) -> None:
    searched(folder, RISING)
    output = why("--until", "6", "--worth", "0.000001 EUR per point")
    early = why("--until", "2", "--worth", "0.000001 EUR per point")

    assert "would have stopped: 1 more trial would bring" in output
    assert "asked from there on" not in output
    assert "would have gone on: 2 of at least 5 trials have a value" in early
    assert "it would have stopped after 5 trials, with best score 0.6 (trial 2), spent" in early


def test_until_the_end_is_the_last_decision(folder: Path, why: Why) -> None:
    searched(folder, RISING)
    output = why("--until", "12")

    assert "after 12 of 12 trials" in output
    assert "more were run" not in output


def test_until_beyond_the_end_is_a_forecast(folder: Path, why: Why) -> None:
    searched(folder, RISING)
    output = why("--until", "20")
    beyond = why("--until", "100")

    assert "ended after 12 trials: best score 0.8 (trial 8), spent 0.012 EUR" in output
    assert "until 20 trials: 8 more trials would bring " in output
    assert "(90 % interval 0 EUR to " in output
    assert "and cost 0.0" in output
    assert "budget" not in output
    assert "the budget that was left pays for 28 of them" in beyond
    free, dear = (
        why("--until", "20", "--price-hour", "0"),
        why("--until", "20", "--price-hour", "1e6"),
    )
    assert free.rstrip().endswith(": worth it")
    assert dear.rstrip().endswith(": not worth it")


def test_few_values_say_nothing_of_what_comes(folder: Path, why: Why) -> None:
    searched(folder, [None, 0.5])
    output = why("--until", "9")

    assert "ended after 2 trials: best score 0.5 (trial 1)" in output
    assert "fewer than two values say nothing" in output
    assert "no value, spent 0.001 EUR" in why("--until", "1")


def test_calibration_puts_earlier_searches_beside_the_last_one(folder: Path, why: Why) -> None:
    searched(folder, RISING)
    alone = why("--calibration")
    searched(folder, RISING[::-1])
    searched(folder, [0.1])  # too short to say anything
    grid = Sweep(SweepRequest(("x=0..1:12",)), ({},) * 12)
    sweep = searched(folder, RISING, grid)
    both = why("--calibration", "--search", "tiny-2")

    assert "this search: the next trial was forecast to bring" in alone
    assert "earlier" not in alone
    assert "with 1 earlier search: " in both
    assert "Realised gains are computed" in both
    third = why("--calibration", "--search", "tiny-3")
    assert "this search: too early to tell" in third
    assert "with 2 earlier searches: " in third
    assert "a sweep runs its plan" in why("--calibration", "--search", sweep)


def test_calibration_is_in_what_a_gain_is_worth(folder: Path, why: Why) -> None:
    searched(folder, RISING)
    cheap, dear = why("--calibration"), why("--calibration", "--worth", "10 EUR per point")

    def of_next(output: str) -> list[str]:
        return next(one.split() for one in output.splitlines() if one.split()[:2] == ["1", "7"])

    # Ten points came in one of seven windows, ten more in another.
    assert float(of_next(dear)[3]) == pytest.approx(10 * float(of_next(cheap)[3]), rel=0.05)
    assert of_next(cheap)[4:6] == of_next(dear)[4:6]


def test_calibration_counts_what_was_spent_at_the_price_that_is_asked_about(
    folder: Path, why: Why
) -> None:
    searched(folder, RISING)

    def forecast(worth: int, price_hour: float) -> float:
        output = why(
            "--calibration", "--worth", f"{worth} EUR per point", "--price-hour", str(price_hour)
        )
        rows = (one.split() for one in output.splitlines())
        return next(float(row[2]) for row in rows if row[:2] == ["1", "7"])

    # What is dear all round is the same search in smaller money; what is dear to run is another.
    assert forecast(1000, 3600.0) == pytest.approx(1000 * forecast(1, 3.6), rel=0.01)
    assert forecast(1000, 3.6) != pytest.approx(1000 * forecast(1, 3.6), rel=0.01)


def test_a_search_without_a_trial_says_so(folder: Path, why: Why) -> None:
    searched(folder, [])
    for options in ((), ("--until", "3"), ("--calibration",)):
        assert "no trial has finished, so nothing was decided" in why(*options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--until", "0"), "0 is not in the range x>=1"),
        (("--price-hour", "-1"), "-1.0 is not in the range x>=0"),
        (("--worth", "much"), "much"),
        (("--search", "tiny-9"), "there is no search 'tiny-9'"),
    ],
)
def test_a_mistake_is_named(folder: Path, why: Why, options: tuple[str, ...], told: str) -> None:
    searched(folder, RISING)
    assert told in why(*options, code=Exit.USER_ERROR)
