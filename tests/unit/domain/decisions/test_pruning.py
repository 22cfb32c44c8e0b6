"""Whether a trial is trained further, and where pruned trials would have ended."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from satisfice.domain.decisions.noise import Scale
from satisfice.domain.decisions.pruning import (
    Curve,
    PruningPolicy,
    Standing,
    _improvement,
    decide,
    expected_ends,
)
from satisfice.domain.economics.cost import EnergyMode, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import CurvePoint, History, TrialRecord, TrialState
from satisfice.tasks.trial import pruning

EPOCHS = 20
EUROS = Prices("EUR", hour=3.60)


def curve(end: float, rate: float = 0.3, until: int = EPOCHS) -> Curve:
    """A curve that closes in on its end."""
    points = np.arange(1, until + 1)
    values = end * (1 - np.exp(-rate * points))
    return tuple(
        CurvePoint(int(epoch), float(value), 2.0 * int(epoch))
        for epoch, value in zip(points, values, strict=True)
    )


OTHERS = tuple(curve(end) for end in (0.80, 0.85, 0.90, 0.93, 0.95, 0.96))


def standing(own: Curve, worth: float = 0.1, second: float = 0.001) -> Standing:
    best = max(one[-1].value for one in OTHERS)
    money = Worth(worth), second, 2.0, "EUR"
    return Standing(own, EPOCHS, OTHERS, best, Direction.MAXIMIZE, *money)


def test_a_hopeless_trial_is_given_up_and_a_leader_is_not() -> None:
    assert decide(standing(curve(0.5, until=10))).stop
    assert not decide(standing(curve(0.99, until=10))).stop


def test_what_was_given_up_would_have_ended_higher_and_the_less_is_known_the_earlier() -> None:
    scale = Scale(Direction.MAXIMIZE, Per.UNIT)
    until = np.array([3, 8, 15])
    values = np.array([curve(0.7, until=at)[-1].value for at in until.tolist()])
    ends, doubts = expected_ends(values, until / EPOCHS, OTHERS, scale)
    # The same as the decision on a trial that still runs expects.
    expected = [
        decide(standing(curve(0.7, until=at))).evidence["forecast"] for at in until.tolist()
    ]
    assert ends == pytest.approx(expected)
    assert ends[-1] == pytest.approx(curve(0.7)[-1].value, abs=0.05)
    assert doubts[-1] < 0.8 * min(doubts[:-1])


def test_one_finished_curve_says_nothing_of_where_others_would_have_ended() -> None:
    scale = Scale(Direction.MINIMIZE, Per.UNIT)
    ends, doubts = expected_ends(np.array([0.4]), np.array([0.1]), OTHERS[:1], scale)
    assert (ends.tolist(), doubts.tolist()) == ([-0.4], [0.0])


def test_the_reason_names_gain_cost_and_the_values() -> None:
    decision = decide(standing(curve(0.7, until=10)))
    assert decision.reason.startswith("the last 10 epochs would bring only ")
    assert decision.reason.endswith("and cost 0.02 EUR")
    assert decision.evidence["forecast"] == pytest.approx(0.75, abs=0.05)
    assert decision.evidence["expected_cost"] == pytest.approx(10 * 2.0 * 0.001)


def test_a_late_bloomer_is_spared_where_late_bloomers_have_been_seen() -> None:
    slow = standing(curve(1.2, rate=0.08, until=5))
    bloomers = tuple(curve(end, rate=0.08) for end in (1.1, 1.15, 1.18, 1.21))
    assert decide(slow).stop
    assert not decide(replace(slow, others=(*OTHERS[-2:], *bloomers))).stop


def test_a_metric_that_jumps_at_its_last_epoch_is_not_taken_for_a_walk() -> None:
    ends = (-0.051, -0.45, -0.064, -0.027, -0.025, -0.011, -0.047, -0.058, -0.13, 0.0001, 0.0033)
    rising = tuple(CurvePoint(epoch, 0.001 * epoch, 0.06 * epoch) for epoch in range(1, 5))
    others = tuple((*rising, CurvePoint(5, end, 0.3)) for end in ends)
    price = 1e6, 1e-6, 0.06, "EUR"
    own = Standing(rising, 5, others, max(ends), Direction.MAXIMIZE, Worth(price[0]), *price[1:])
    assert not decide(own).stop


def test_the_best_quarter_goes_on_at_any_price() -> None:
    third, second = (standing(curve(end, until=3), worth=1e-9) for end in (0.94, 0.955))
    assert decide(third).stop  # 2 of 6 others stood better after three epochs
    assert not decide(second).stop
    assert decide(second).reason.endswith(", but few trials were this good after 3 epochs")


def test_a_look_is_worth_its_price_where_the_whole_rest_is_not() -> None:
    """Whatever the price: no plan is refused that training to the end would be accepted for."""
    prices = np.geomspace(1e-5, 1e-1, 40)
    own = curve(0.85, until=4)
    found = [decide(standing(own, second=price)) for price in prices.tolist()]
    untils = [one.evidence["until"] for one in found if not one.stop]
    assert any(until < EPOCHS for until in untils)
    assert found[-1].stop
    for one, price in zip(found, prices, strict=True):
        cost = 16 * 2.0 * price
        whole = decide(standing(own, second=0.0)).evidence["expected_gain"]
        assert not (one.stop and whole > cost)


def test_two_finished_curves_are_enough_to_give_up_what_is_far_behind() -> None:
    early = replace(standing(curve(0.3, until=3)), others=OTHERS[-2:])
    assert decide(early).stop
    assert not decide(replace(early, curve=curve(0.99, until=3))).stop
    assert not decide(replace(early, others=OTHERS[-1:])).stop
    assert decide(replace(early, others=OTHERS[-1:]), PruningPolicy(1)).stop


def test_nothing_beyond_the_target_is_gained() -> None:
    near = standing(curve(0.96, until=12), worth=1.0)
    open_end = decide(near).evidence["expected_gain"]
    gains = [
        decide(replace(near, worth=Worth(1.0, target=target))).evidence["expected_gain"]
        for target in (0.95, 0.97, 0.99, 2.0)
    ]
    assert gains[0] == 0  # the best trial has passed it
    assert 0 < gains[1] < gains[2] < open_end
    assert gains[3] == pytest.approx(open_end)


def test_the_gain_is_the_expected_improvement() -> None:
    """Against drawing from the normal distribution whose formula it is."""
    draws = np.random.default_rng(0).standard_normal(1_000_000)
    for middle, spread in ((-2.0, 1.0), (0.3, 0.5), (4.0, 2.0)):
        mean = np.mean(np.maximum(middle + spread * draws, 0.0))
        assert _improvement(middle, spread) == pytest.approx(mean, rel=0.02)


@pytest.mark.parametrize(
    "facts",
    [{"others": ()}, {"incumbent": None}, {"curve": ()}, {"curve": curve(0.1)}],
)
def test_too_little_is_known_or_nothing_is_left(facts: dict[str, object]) -> None:
    hopeless = standing(curve(0.1, until=10))
    assert decide(hopeless).stop
    assert not decide(replace(hopeless, **facts)).stop  # type: ignore[arg-type]


def test_free_epochs_are_always_trained() -> None:
    assert not decide(standing(curve(0.1, until=10), second=0.0)).stop


def test_others_that_planned_fewer_epochs_are_compared_by_progress() -> None:
    half = tuple(one[1::2] for one in OTHERS)
    short = tuple(tuple(replace(p, epoch=p.epoch // 2) for p in one) for one in half)
    own = standing(curve(0.9, until=10))
    long, shorter = decide(own), decide(replace(own, others=short))
    assert long.evidence["forecast"] == pytest.approx(shorter.evidence["forecast"], abs=1e-3)


def test_a_minimised_loss_is_its_mirror() -> None:
    def mirrored(one: Curve) -> Curve:
        return tuple(replace(point, value=-point.value) for point in one)

    for end in (0.5, 0.9, 0.95, 0.99):
        up = standing(curve(end, until=8))
        down = replace(
            up,
            curve=mirrored(up.curve),
            others=tuple(map(mirrored, up.others)),
            incumbent=-(up.incumbent or 0.0),
            direction=Direction.MINIMIZE,
        )
        assert decide(up).stop == decide(down).stop
        gains = [decide(one).evidence["expected_gain"] for one in (up, down)]
        assert gains[0] == pytest.approx(gains[1])


def test_a_policy_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        PruningPolicy(0)


def history(curves: tuple[Curve, ...]) -> History:
    trials = (
        TrialRecord(
            number,
            {},
            TrialState.COMPLETE,
            one[-1].value,
            one,
            EUROS.of(one[-1].seconds, 0.0, EnergyMode.UNKNOWN),
        )
        for number, one in enumerate(curves)
    )
    return History(tuple(trials), Direction.MAXIMIZE)


def test_a_training_decides_by_the_snapshot_as_the_domain_does(tmp_path: Path) -> None:
    path = tmp_path / "pruning.json"
    own = curve(0.5, until=10)
    assert pruning.should_stop(None, own, 10, EPOCHS) is None
    assert pruning.should_stop(str(path), own, 10, EPOCHS) is None
    pruning.write_snapshot(path, history(OTHERS), Worth(0.1), EUROS)
    assert pruning.should_stop(str(path), own, 10, EPOCHS) == decide(standing(own))
    assert pruning.should_stop(str(path), (), 0, EPOCHS) is None
    assert [one.name for one in tmp_path.iterdir()] == ["pruning.json"]


def test_a_new_snapshot_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "pruning.json"
    own = curve(0.5, until=10)
    pruning.write_snapshot(path, history(()), Worth(0.1), EUROS)
    assert not pruning.should_stop(str(path), own, 10, EPOCHS).stop  # type: ignore[union-attr]
    pruning.write_snapshot(path, history(OTHERS), Worth(0.1), EUROS)
    assert pruning.should_stop(str(path), own, 10, EPOCHS).stop  # type: ignore[union-attr]


def test_a_snapshot_stays_small_and_keeps_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "pruning.json"
    long = tuple(curve(0.5 + 0.001 * n, 0.01, until=1000) for n in range(50))
    pruning.write_snapshot(path, history(long), Worth(0.1), EUROS)
    assert path.stat().st_size < 60_000
    snapshot = pruning.read_snapshot(path)
    assert snapshot is not None
    assert len(snapshot.curves) == 30
    assert all(one[0].epoch == 1 and one[-1].epoch == 1000 for one in snapshot.curves)
    assert snapshot.incumbent == long[-1][-1].value
    assert snapshot.second == pytest.approx(0.001)


def test_a_snapshot_of_nothing_prunes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pruning.json"
    pruning.write_snapshot(path, history(()), Worth(0.1), EUROS)
    json.loads(path.read_text())
    decision = pruning.should_stop(str(path), curve(0.5, until=10), 10, EPOCHS)
    assert decision is not None
    assert not decision.stop


def test_a_training_process_pays_for_no_heavy_import() -> None:
    script = (
        "import sys, satisfice.tasks.trial.pruning; "
        "print(*{'optuna', 'torch', 'scipy', 'prefect', 'pandas'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert found.stdout.strip() == b""


def test_a_target_that_lies_out_of_all_reach_takes_nothing_away() -> None:
    assert _improvement(-3e300, 0.1) == 0.0
    assert _improvement(3e300, 0.1) == 3e300
