"""The judge of the benchmark agrees with the engine's own, and its statistics are right."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial
from scipy.stats import ks_2samp

from benchmarks.rules import peer, pieces, quality
from benchmarks.rules.drawing import draw
from benchmarks.rules.engine import rules_of, space_of
from benchmarks.rules.evaluator import Entry, Spec
from benchmarks.rules.generator import random_spec
from benchmarks.rules.methods import METHODS, PatientTPE
from benchmarks.rules.problems import Problem
from benchmarks.rules.safety import one_space
from benchmarks.rules.statistics import best_of, holm, mean_ranks, paired

SPEC = Spec(
    (
        Entry("width", "int", 4, 64, step=4),
        Entry("rate", "float", 1e-4, 1.0, log=True),
        Entry("optimizer", "choice", choices=("sgd", "adamw")),
        Entry("momentum", "float", 0.0, 0.9, when="optimizer == 'sgd'"),
    ),
    ("width * rate <= 8", "momentum <= 0.5", "predicted.seconds < 3"),
)


@pytest.mark.parametrize(
    ("params", "seconds", "wrong"),
    [
        ({"width": 8, "rate": 0.1, "optimizer": "adamw"}, 1, []),
        ({"width": 8, "rate": 0.1, "optimizer": "adamw"}, 3, ["predicted.seconds < 3"]),
        ({"width": 64, "rate": 0.5, "optimizer": "adamw"}, 1, ["width * rate <= 8"]),
        (
            {"width": 8, "rate": 0.1, "optimizer": "sgd", "momentum": 0.6},
            1,
            ["momentum <= 0.5"],
        ),
        ({"width": 8, "rate": 0.1, "optimizer": "sgd"}, 1, ["missing: momentum"]),
        (
            {"width": 8, "rate": 0.1, "optimizer": "adamw", "momentum": 0.1},
            1,
            ["superfluous: momentum"],
        ),
        ({"width": 9, "rate": 0.1, "optimizer": "adamw"}, 1, ["outside: width = 9"]),
        ({"width": 8.0, "rate": 0.1, "optimizer": "adamw"}, 1, ["outside: width = 8.0"]),
        ({"width": 8, "rate": 0.1, "optimizer": "adamw", "wd": 1}, 1, ["unknown: wd"]),
    ],
)
def test_the_judge_names_what_is_wrong(
    params: dict[str, object], seconds: float, wrong: list[str]
) -> None:
    assert SPEC.breaches(params, {"predicted.seconds": seconds}) == wrong


def test_a_rule_without_a_result_is_broken() -> None:
    spec = Spec((Entry("a", "int", 0, 3),), ("1 / a <= 1",))
    assert spec.breaches({"a": 0}) == ["1 / a <= 1"]
    assert spec.breaches({"a": 1}) == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(("none", "drop", "push")))
def test_two_judges_agree(seed: int, damage: str) -> None:
    random = Random(seed)
    spec, _ = random_spec(random)
    space, rules = space_of(spec), rules_of(spec)
    for _ in range(20):
        params = draw(spec, random)
        if damage == "drop":
            del params[random.choice(list(params))]
        elif damage == "push":
            params[random.choice(spec.names)] = random.choice((-100, 1e9, "sgd", True, 3))
        inside = not space.outside(params)
        assert inside == (not [one for one in spec.breaches(params) if one not in spec.rules])
        if inside:
            assert rules.allow(params, {}) == (not spec.breaches(params))


def test_random_rules_forbid_something_and_allow_something() -> None:
    random = Random(0)
    shares = []
    for _ in range(100):
        spec, _ = random_spec(random)
        shares.append(np.mean([not spec.breaches(draw(spec, random)) for _ in range(50)]))
    assert np.mean([0 < one < 1 for one in shares]) > 0.5
    assert min(shares) == 0


def test_a_space_is_proposed_from_and_judged() -> None:
    found: Counter[str] = Counter()
    for name in map(str, range(3)):
        found += one_space("random", name, 20) + one_space("tpe", name, 20)
    assert found["proposals"] > 0
    assert found["with a model"] > 0
    assert found["forbidden"] == found["crashed"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_every_contestant_trains_what_is_allowed(method: str) -> None:
    if method == "configspace":
        pytest.importorskip("ConfigSpace")
    spec = Spec((Entry("a", "int", 0, 99), Entry("b", "float", 0.0, 1.0)), ("a * b >= 90",))
    trained: list[object] = []

    def loss(params: dict[str, float]) -> float:
        trained.append(spec.breaches(params))
        return -params["a"]

    found = list(islice(METHODS[method](Problem("corner", spec, loss), 0), 12))
    assert trained == [[]] * 12
    assert all(-99 <= one.loss <= -90 for one in found)


def test_the_patient_tpe_proposes_what_optunas_does() -> None:
    proposed = []
    for kind in (TPESampler, PatientTPE):
        study = optuna.create_study(sampler=kind(seed=0, multivariate=True, group=True))
        for at in range(20):
            width, rate = 3 * at % 64 + 1, (7 * at % 20) / 20
            kinds = {"width": IntDistribution(1, 64), "rate": FloatDistribution(0.0, 1.0)}
            params = {"width": width, "rate": rate}
            loss = (width - 40) ** 2 / 100 + (rate - 0.3) ** 2
            study.add_trial(create_trial(params=params, distributions=kinds, value=loss))
        trials = []
        for _ in range(200):
            trials.append(study.ask(kinds))
            study.tell(trials[-1], state=TrialState.FAIL)
        proposed.append([[one.params[name] for one in trials] for name in kinds])
    for theirs, ours in zip(*proposed, strict=True):
        assert len(set(ours)) > 20
        assert ks_2samp(theirs, ours).pvalue > 0.01


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "found.jsonl"
    todo: list[pieces.Piece] = [("doubled", 1), ("doubled", 2), ("doubled", 3)]
    assert dict(pieces.run(_doubled, todo[:2], 1, file)) == {todo[0]: 2, todo[1]: 4}
    earlier = pieces.read([file])
    left = [one for one in todo if one not in earlier]
    assert left == todo[2:]
    assert dict(pieces.run(_doubled, left, 1, file)) == {todo[2]: 6}
    assert pieces.of("doubled", pieces.read([file])) == {(1,): 2, (2,): 4, (3,): 6}


def _doubled(number: int) -> int:
    return 2 * number


def test_methods_are_compared_on_the_seeds_that_all_have_run() -> None:
    space = quality.NAMES[0]
    found: pieces.Found = {(space, "reference"): {"share": 0.02, "best": 1.0, "median": 3.0}}
    for method, bests in {"ours": (1.5, 1.0, 9.0), "random": (2.0, None)}.items():
        for seed, best in enumerate(bests):
            found[space, method, seed] = {"best": best, "trainings": 50, "own": 25}
    compared = quality.compare(space, ["ours", "random"], found)
    assert compared is not None
    assert compared.regrets.tolist() == [[0.25, 0.0], [0.5, 1.0]]
    assert compared.own.tolist() == [0.5, 0.5]
    assert re.search(r"^ +ours +1\.00 +1\.00$", "\n".join(quality.tables(found)), re.MULTILINE)


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.02]) == pytest.approx([0.9, 0.04])


def test_paired_asks_whether_ours_is_higher() -> None:
    theirs = np.arange(12.0)
    assert paired(theirs + 1, theirs) < 0.001
    assert paired(theirs - 1, theirs) > 0.999
    assert paired(theirs, theirs) == 1.0


def test_ranks_share_ties() -> None:
    results = [np.array([[0.0, 1.0], [0.0, 2.0], [5.0, 0.0]])]
    assert mean_ranks(results) == pytest.approx([1.75, 2.25, 2.0])


def test_the_best_has_the_lowest_median() -> None:
    assert best_of(np.array([[0.0, 3.0, 3.0], [2.0, 2.0, 9.0]])) == 1


def test_the_peer_states_comparisons_of_two_parameters() -> None:
    entries = (Entry("a", "int", 1, 9), Entry("b", "int", 1, 9))
    spec = Spec(entries, ("a < b", "a * b <= 20", "a <= 5", "b >= a"))
    assert peer.stated(spec) == [("a", "<", "b"), ("b", ">=", "a")]
