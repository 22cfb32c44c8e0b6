"""The pictures of a space: heat maps and parallel coordinates."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.economics.cost import Budget, Ledger, Prices
from satisfice.domain.economics.worth import Direction, Worth
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.space.space import (
    Choice,
    Derived,
    Float,
    Int,
    Ordinal,
    Parameter,
    Params,
    Space,
)
from satisfice.domain.study import DataSource, Objective, Study
from satisfice.domain.summary import Ending, SearchSummary
from satisfice.domain.sweep.plan import Known, Sweep, SweepRequest
from satisfice.domain.trials.history import History, TrialRecord, TrialState
from satisfice.tasks.reporting.space_figures import heat_maps, parallel_coordinates, samples

SPACE = Space(
    (
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("depth", Int(1, 40)),
        Parameter("act", Choice(("relu", "<tanh>", True))),
        Parameter("slope", Float(0.0, 1.0), Expression("act == 'relu'")),
    )
)


def summary_of(
    *trials: tuple[Params, float | None],
    swept: tuple[str, ...] = (),
    direction: Direction = Direction.MAXIMIZE,
) -> SearchSummary:
    study = Study(
        name="s",
        folder="/s",
        problem="problem.py",
        data=DataSource("none"),
        objective=Objective("score", direction),
        worth=Worth(1.0),
        prices=Prices(),
        budget=Budget(),
        space=SPACE,
    )
    records = tuple(
        TrialRecord(at, params, TrialState.FAILED if value is None else TrialState.COMPLETE, value)
        for at, (params, value) in enumerate(trials)
    )
    return SearchSummary(
        search="s-1",
        study=study,
        ending=Ending.PLAN_DONE,
        decision=Decision.to_continue("nothing"),
        history=History(records, direction),
        decisions=(),
        ledger=Ledger(Budget()),
        started=0.0,
        seconds=0.0,
        sweep=Sweep(SweepRequest(swept), ()) if swept else None,
    )


def texts(svg: str) -> list[str]:
    """Return all texts of a picture, in order; it has to be well-formed."""
    root = ET.fromstring(svg)
    return ["".join(one.itertext()).strip() for one in root.iter() if one.tag.endswith("}text")]


def at(lr: float, depth: int, act: object = "<tanh>", **more: float) -> Params:
    return {"lr": lr, "depth": depth, "act": act, **more}  # type: ignore[dict-item]


def test_a_map_says_the_median_over_all_else_in_each_cell() -> None:
    summary = summary_of(
        (at(0.001, 1), 0.5), (at(0.001, 1, True), 0.75), (at(0.001, 1, "relu", slope=0.5), 0.875),
        (at(0.001, 2), 0.25), (at(0.01, 1), 0.125), (at(0.01, 2), None),
        swept=("lr=0.001,0.01", "depth=1,2"),
    )  # fmt: skip
    (picture,) = heat_maps(summary)
    told = texts(picture)

    assert {"lr", "depth", "0.001", "0.01", "1", "2"} <= set(told)
    assert {"0.75", "0.25", "0.125"} == {"0.5", "0.75", "0.875", "0.25", "0.125"} & set(told)
    assert "median score over lr and depth" in picture


@pytest.mark.parametrize("direction", Direction)
def test_darker_is_better_and_the_best_has_a_frame(direction: Direction) -> None:
    summary = summary_of(
        (at(0.001, 1), 0.1), (at(0.001, 2), 0.2), (at(0.01, 1), 0.3), (at(0.01, 2), 0.9),
        swept=("lr=0.001,0.01", "depth=1,2"), direction=direction,
    )  # fmt: skip
    (picture,) = heat_maps(summary)
    boxes = re.findall(r'style="fill: (#\w{6}); stroke: (#\w{6})', picture)
    dark = [sum(int(fill[at : at + 2], 16) for at in (1, 3, 5)) for fill, _ in boxes]
    framed = [at for at, (_, stroke) in enumerate(boxes) if stroke == "#1f2933"]

    assert len(boxes) == 4
    best = dark.index(min(dark))
    assert framed == [len(boxes) - 1]  # drawn last, above its neighbours
    assert best == framed[0]


def test_neither_the_frame_nor_the_bold_line_is_for_what_breaks_a_soft_rule() -> None:
    values = [(at(0.001, 1), 0.1), (at(0.001, 2), 0.2), (at(0.01, 1), 0.3), (at(0.01, 2), 0.9)]

    def shown(margin: float) -> tuple[int, str]:
        """Return how many cells are darker than the one with a frame, and where the line ends."""
        summary = summary_of(*values, swept=("lr=0.001,0.01", "depth=1,2"))
        *others, last = summary.history.trials
        trials = (*others, replace(last, margins={"fast": margin}))
        summary = replace(summary, history=History(trials, Direction.MAXIMIZE))
        (picture,) = heat_maps(summary)
        boxes = re.findall(r'style="fill: (#\w{6}); stroke: (#\w{6})', picture)
        dark = [sum(int(fill[at : at + 2], 16) for at in (1, 3, 5)) for fill, _ in boxes]
        (framed,) = (at for at, (_, stroke) in enumerate(boxes) if stroke == "#1f2933")
        lines = re.findall(
            r'<path d="([^"]+)"[^>]*style="[^"]*stroke-width: 2.6', parallel_coordinates(summary)
        )
        (bold,) = lines
        return sum(one < dark[framed] for one in dark), bold.split()[-1]

    (darker, top), (darker_then, below) = shown(1.0), shown(-1.0)
    assert (darker, darker_then) == (0, 1)
    assert float(top) < float(below)  # on a screen, up is less


def test_known_values_belong_to_the_map() -> None:
    summary = summary_of((at(0.001, 1), 0.5), swept=("lr=0.001,0.01", "depth=1,2"))
    assert heat_maps(summary) == []
    assert summary.sweep is not None
    known = (Known("s-0, trial 3", at(0.01, 2), 0.0625),)
    summary = replace(summary, sweep=replace(summary.sweep, known=known))
    (picture,) = heat_maps(summary)
    assert "0.0625" in texts(picture)
    assert [one.value for one in samples(summary)] == [0.0625, 0.5]


def test_many_values_are_put_together_and_labelled_by_their_ends() -> None:
    trials = [
        (at(10 ** -(1 + 3 * one / 59), 1 + one % 37, "<tanh>" if one % 2 else True), one / 59)
        for one in range(60)
    ]
    summary = summary_of(*trials, swept=("lr=1e-4..1e-1", "depth=1..37", "act=<tanh>,true"))
    pictures = heat_maps(summary)
    told = [" ".join(texts(one)) for one in pictures]

    assert len(pictures) == 3
    assert "0.0001 to 0.0003162" in told[0]
    assert any("1 to 6" in one and "<tanh>" in one and "true" in one for one in told)
    assert len([one for one in texts(pictures[0]) if re.fullmatch(r"0\.\d+|1|0", one)]) >= 6


def test_a_search_has_no_map_and_a_sweep_of_one_parameter_neither() -> None:
    trials = [(at(0.001, one), one / 5) for one in range(1, 5)]
    assert heat_maps(summary_of(*trials)) == []
    assert heat_maps(summary_of(*trials, swept=("depth=1,2,3,4",))) == []
    assert heat_maps(summary_of(*trials, swept=("depth=1,2,3,4", "lr=0.001"))) == []


def test_lines_run_over_what_varies_in_its_own_units_to_the_outcome() -> None:
    trials = [
        (at(10**-one, 7, "relu", slope=one / 8) if one % 2 else at(10**-one, 7), one / 8)
        for one in range(1, 5)
    ]
    picture = parallel_coordinates(summary_of(*trials, (at(0.01, 9), None)))
    told = texts(picture)
    lines = re.findall(r"stroke-width: ([\d.]+)", picture)

    assert {"lr", "act", "slope", "score", "relu", "<tanh>", "inactive"} <= set(told)
    assert {"0.1", "0.01", "0.001", "0.0001"} <= set(told)
    assert "depth" not in told  # all trials with a value have the same
    assert max(map(float, lines)) == pytest.approx(2.6)  # the best one


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_different_trials_there_are_no_lines(count: int) -> None:
    assert parallel_coordinates(summary_of(*[(at(0.1, 1), 0.5)] * count)) == ""
    assert parallel_coordinates(summary_of(*[(at(0.1, 1), 0.5)] * 2)) == ""


def test_ordinal_and_derived_parameters_have_an_axis_too() -> None:
    space = Space(
        (
            Parameter("batch", Ordinal((64, 8, "all"))),
            Parameter("lr", Float(0.0, 1.0)),
            Parameter("double", Derived(Expression("2 * lr"))),
            Parameter("big", Derived(Expression("lr > 0.3"))),
        )
    )
    trials = [
        ({"batch": batch, "lr": lr, "double": 2 * lr, "big": lr > 0.3}, lr / 3)
        for batch in (8, "all", 64) for lr in (0.25, 0.5)
    ]  # fmt: skip
    summary = summary_of(*trials, swept=("batch=64,8,all", "lr=0.25,0.5"))
    summary = replace(summary, study=replace(summary.study, space=space))
    lines, (picture,) = texts(parallel_coordinates(summary)), heat_maps(summary)

    assert {"batch", "double", "0.5", "1", "big", "true", "false"} <= set(lines)
    order = [one for one in texts(picture) if one in {"64", "8", "all"}]
    assert order == ["64", "8", "all"]  # as the study has them


def test_of_many_parameters_the_most_important_are_drawn() -> None:
    many = Space(tuple(Parameter(f"p{one}", Int(0, 9)) for one in range(14)))
    trials = [(dict.fromkeys(many.names, 1 + at), at / 2) for at in range(3)]
    summary = summary_of(*trials)
    summary = replace(summary, study=replace(summary.study, space=many))
    told = texts(parallel_coordinates(summary, ["p13", "p12"]))

    assert {"p12", "p13", "p0", "p7"} <= set(told)
    assert not {"p8", "p9", "p10", "p11"} & set(told)


def test_of_many_trials_an_even_share_is_drawn_the_best_among_them() -> None:
    trials = [(at(0.01 + one / 1e4, 1), one / 700) for one in range(700)]
    picture = parallel_coordinates(summary_of(*trials))
    lines = re.findall(r"stroke-width: ([\d.]+)", picture)
    assert 234 <= len(lines) <= 240  # every third, and the axes
    assert lines.count("2.6") == 1
    assert "0.9986" in texts(picture)


def test_the_same_summary_is_the_same_picture() -> None:
    trials = [(at(10**-one, one), math.sin(one)) for one in range(1, 5)]
    summary = summary_of(*trials, swept=("lr=1e-4..1e-1:log:4", "depth=1,2,3,4"))
    assert heat_maps(summary) == heat_maps(summary)
    assert parallel_coordinates(summary) == parallel_coordinates(summary)
