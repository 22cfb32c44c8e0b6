"""A search under a soft rule that most trials break, and one under a rule that all break."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.service import Service, ask_prefect

RULES = """\
rules:
  - id: modest
    require: metrics.score + x <= 1.05   # broken where x is above 0.2513
    because: a high score is too dear where x is large
"""
OUT_OF_REACH = """\
rules:
  - id: perfect
    require: metrics.score >= 2
"""


def study_with(service: Service, rules: str) -> Path:
    study = service.study(seeds=2)
    with (study / "study.yaml").open("a") as specification:
        specification.write(rules)
    return study


def test_a_search_under_a_soft_rule_hands_over_what_fulfils_it(service: Service) -> None:
    study = study_with(service, RULES)
    ended = service.run("run", study, "--trials", "14")
    with service.store() as store:
        search = store.open("tiny-1")
        history, confirmations = search.history(), search.confirmations()
    broken = [one for one in history.trials if one.broken]
    outcome = json.loads((service.search().folder / "outcome.json").read_text())

    assert ended.code == 0, ended.output
    assert history.best is not None
    assert history.best.value is not None
    assert broken
    assert history.feasible
    for one in history.complete:
        assert one.margins["modest"] == pytest.approx(1.05 - (one.value or 0) - one.params["x"])
        line = next(each for each in ended.output.splitlines() if _is_of(one.number, each))
        assert ("breaks 'modest' by" in line) == bool(one.broken)
    assert max(one.value or 0 for one in broken) > history.best.value
    assert all("modest" in one.margins for one in confirmations)
    winner = next(one for one in outcome["confirmed"] if one["name"] != "default")
    assert winner["params"]["x"] <= 0.2514
    assert f"modest: broken by {len(broken)} of " in ended.output
    assert "the winner's margin is" in ended.output
    page = (service.search().folder / "report.html").read_text()
    assert "<h2>Soft rules</h2>" in page
    assert "breaks &#39;modest&#39; by" in page
    rows = _leaderboard(service, study)
    assert rows[0]["trial"] == history.best.number
    assert {row["breaks"] == "" for row in rows} == {True, False}
    why = service.run("why", study)
    count = len(service.search().journal("decision"))
    assert f"{count} of {count} decisions are the same when replayed" in why.output
    check = service.run("check", study)
    assert "soft rules, checked after training" in check.output
    assert "  modest: metrics.score + x <= 1.05" in check.output


def test_a_search_in_which_nothing_is_feasible(service: Service) -> None:
    study = study_with(service, OUT_OF_REACH)
    ended = service.run("run", study, "--trials", "18")

    assert ended.code == 7, ended.output
    assert "tiny-1: Nothing feasible" in ended.output
    assert (
        "no trial fulfils rule 'perfect' (of 18 trials with a value); the closest" in ended.output
    )
    assert "perfect: broken by 18 of 18 trials" in ended.output
    assert len(service.search().journal("trial")) == 18
    assert "Traceback" not in ended.output
    page = (service.search().folder / "report.html").read_text()
    assert "no trial fulfils rule &#39;perfect&#39;" in page


def _is_of(number: int, line: str) -> bool:
    return line.split()[:2] == ["trial", str(number)]


def _leaderboard(service: Service, study: Path) -> list[dict[str, object]]:
    named = {"name": {"any_": [f"search {study}"]}}
    (flow,) = ask_prefect(service.prefect, "flow_runs/filter", flow_runs=named)
    of_run = {"flow_run_id": {"any_": [flow["id"]]}, "key": {"any_": ["tiny-1-leaderboard"]}}
    (made,) = ask_prefect(service.prefect, "artifacts/filter", artifacts=of_run)
    rows: list[dict[str, object]] = json.loads(made["data"])
    return rows
