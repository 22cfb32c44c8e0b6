"""The pictures of forecasts, and of how they turned out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from satisfice.domain.decisions.calibration import Calibration, Window, compare
from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.economics.cost import Budget, Cost, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.space.space import Float, Parameter, Space
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.summary import Ending, SearchSummary
from satisfice.domain.sweep.plan import Sweep, SweepRequest
from satisfice.domain.trials.history import History, TrialRecord, TrialState
from satisfice.tasks.reporting.forecast_figures import calibration_plot, fan, utility

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
UNIT = Worth(1.0, Per.UNIT)
VALUES = np.random.default_rng(3).random(30).tolist()


def summary(
    values: list[float | None],
    direction: Direction = Direction.MAXIMIZE,
    worth: Worth = UNIT,
    cost: float = 0.01,
) -> SearchSummary:
    trials = tuple(
        TrialRecord(
            at,
            {"x": at / 1000},
            TrialState.FAILED if value is None else TrialState.COMPLETE,
            value,
            cost=Cost(1.0, money=cost),
        )
        for at, value in enumerate(values)
    )
    history = History(trials, direction)
    study = Study(
        name="s",
        folder="/studies/s",
        problem="problem.py",
        data=DataSource("d"),
        objective=Objective("m", direction),
        worth=worth,
        prices=Prices("<EUR>"),
        budget=Budget(trials=50),
        space=Space((Parameter("x", Float(0.0, 1.0)),)),
    )
    return SearchSummary(
        search="s-1",
        study=study,
        ending=Ending.NOT_WORTH_CONTINUING,
        decision=Decision.to_stop("enough"),
        history=history,
        decisions=(),
        ledger=Ledger(Budget()),
        started=0.0,
        seconds=1.0,
        calibration=Calibration(tuple(compare(Situation(history, worth, study.prices)))),
    )


def pictures(drawn: SearchSummary) -> list[str]:
    """All that are drawn of a search."""
    made = (fan(drawn), utility(drawn), calibration_plot(drawn.calibration, "EUR"))
    return [one for one in made if one]


def words(picture: str) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(picture).iter(f"{SVG}text")]


def across(path: ET.Element) -> list[float]:
    return [float(x) for x in re.findall(r"[ML] (\S+) \S+", path.attrib["d"])]


def described(picture: str) -> str:
    return str(ET.fromstring(picture).findtext(f"{SVG}desc"))


def strangers(picture: str) -> Iterator[tuple[str, float, float]]:
    """Yield what is drawn beyond the edges and not cut off there."""
    root = ET.fromstring(picture)
    width, height = (float(one) for one in root.attrib["viewBox"].split()[2:])
    for one in visible(root):
        for x, y in places(one):
            if not (-1 <= x <= width + 1 and -1 <= y <= height + 1):
                yield one.tag, x, y


def visible(element: ET.Element) -> Iterator[ET.Element]:
    """Yield what is drawn where its own coordinates say, unless the frame cuts it off."""
    if element.tag != f"{SVG}defs" and "clip-path" not in element.attrib:
        yield element
        for one in element:
            yield from visible(one)


def places(one: ET.Element) -> list[tuple[float, float]]:
    if one.tag == f"{SVG}path":
        return [(float(x), float(y)) for x, y in re.findall(r"[ML] (\S+) (\S+)", one.attrib["d"])]
    if one.tag == f"{SVG}use":
        return [(float(one.attrib["x"]), float(one.attrib["y"]))]
    if one.tag == f"{SVG}text":
        moved = re.search(r"translate\((\S+) (\S+)\)", one.get("transform", ""))
        at = moved.groups() if moved else (one.attrib["x"], one.attrib["y"])
        return [(float(at[0]), float(at[1]))]
    return []


CASES = {
    "a search": summary(VALUES),
    "a loss": summary([one + 0.01 for one in VALUES], Direction.MINIMIZE, Worth(1.0, Per.HALVING)),
    "dear trials": summary(VALUES, cost=50.0),
    "trials for nothing": summary(VALUES, cost=0.0),
    "gains that are worth nothing": summary(VALUES, worth=Worth(0.0)),
    "some failures": summary([None if at % 3 == 0 else one for at, one in enumerate(VALUES)]),
    "huge values": summary([1e12 * one for one in VALUES]),
    "tiny values": summary([1e-12 * one for one in VALUES], cost=1e-15),
    "a constant metric": summary([0.5] * 30),
    "a target that is reached": summary(VALUES, worth=Worth(1.0, Per.UNIT, target=0.1)),
}


@pytest.mark.parametrize("drawn", CASES.values(), ids=CASES.keys())
def test_everything_is_finite_named_and_within_the_edges(drawn: SearchSummary) -> None:
    made = pictures(drawn)
    assert len(made) >= 2
    for picture in made:
        root = ET.fromstring(picture)
        assert root.get("role") == "img"
        assert root.findtext(f"{SVG}title")
        assert described(picture)
        assert not re.search(r"\b(nan|inf)\b", picture, re.IGNORECASE)
        assert list(strangers(picture)) == []


def test_colours_are_those_of_the_page_where_it_has_them() -> None:
    for picture in pictures(CASES["a search"]):
        for name in ("ink", "grey", "good"):
            assert f"var(--{name}, #" in picture
        assert not re.search(r": #(1f2933|9aa5b1|1b7f5c|c05621|b83280)", picture)


def test_the_fan_begins_where_the_search_ended() -> None:
    told = described(fan(summary([1.0, 2.0, 4.0], worth=Worth(2.0, Per.UNIT), cost=0.25)))
    assert told.startswith("6 <EUR> gained in 3 trials. 20 more trials would bring ")
    assert "stop" in words(fan(CASES["a search"]))
    going_on = replace(CASES["a search"], decision=Decision.to_continue("more"))
    assert "end" in words(fan(going_on))


def test_the_fan_reaches_from_the_end_to_the_horizon() -> None:
    picture = ET.fromstring(fan(summary([1.0, 2.0, 4.0], cost=0.25)))
    paths = {one.get("id"): across(one) for one in picture.iter(f"{SVG}path")}
    (band,) = (
        paths[one.attrib[HREF].removeprefix("#")]
        for one in picture.iter(f"{SVG}use")
        if "fill-opacity: 0.18" in one.attrib["style"]
    )
    so_far, gain, cost = (
        across(one)
        for one in picture.iter(f"{SVG}path")
        if "clip-path" in one.attrib and "stroke-width: 1.6" in one.attrib["style"]
    )
    assert max(so_far) == min(gain) == min(cost) == pytest.approx(min(band))
    assert max(gain) == max(cost) == pytest.approx(max(band))


def test_utility_names_the_stop_and_the_best_one_in_hindsight() -> None:
    drawn = summary([0.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0], cost=0.1)
    assert described(utility(drawn)) == (
        "the stop: 2.2 <EUR> after 8 trials; "
        "the best stop in hindsight: 0.2 <EUR> more, after 6 trials"
    )
    late = summary([0.0, 1.0, 1.0, 1.0, 1.0, 3.0], cost=0.1)
    assert described(utility(late)) == (
        "the stop: 2.4 <EUR> after 6 trials, the best stop in hindsight"
    )


def test_the_calibration_tells_what_held_and_what_did_not() -> None:
    own = tuple(Window(5 + at, 1, 1.0, 0.0, 3.0, 5.0 if at == 3 else 0.0) for at in range(10))
    earlier = (Window(5, 1, 1.0, 0.0, 3.0, 0.5), Window(5, 5, 1.0, 0.0, 3.0, 0.5))
    picture = calibration_plot(Calibration(own, earlier, 1), "EUR")
    assert described(picture) == (
        "1 trial ahead: 1 EUR forecast, 0.5 EUR realised, held in 10 of 11; "
        "5 trials ahead: 1 EUR forecast, 0.5 EUR realised, held in 1 of 1"
    )
    assert {"interval held", "did not hold", "held, earlier searches"} <= set(words(picture))
    assert "did not, earlier" not in words(picture)
    assert "forecast gain of the next trial (EUR)" in words(picture)


@pytest.mark.parametrize("values", [[], [None] * 6, [0.5]])
def test_what_cannot_be_told_is_not_drawn(values: list[float | None]) -> None:
    assert pictures(summary(values)) == []


def test_a_short_search_has_a_fan_and_no_hindsight() -> None:
    drawn = summary([0.5, 0.75])
    assert fan(drawn)
    assert pictures(drawn) == [fan(drawn)]


def test_a_sweep_has_none_of_it() -> None:
    sweep = Sweep(SweepRequest(("x=0..1:30",)), ({},) * 30)
    assert pictures(replace(CASES["a search"], sweep=sweep, calibration=None)) == []


def test_the_same_search_is_the_same_picture_byte_for_byte() -> None:
    assert pictures(CASES["a search"]) == pictures(CASES["a search"])
