"""Pruning inside a training process, from a small snapshot of the other trials' curves.

The coordinator writes the snapshot after each result; a training checks the file after each epoch
and reads it when it has changed. Nothing here imports more than numpy.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.pruning import CURVES, Curve, Standing, decide
from satisfice.domain.economics.cost import Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.trials.history import CurvePoint, History

_POINTS = 25  # of a curve; between them it is interpolated linearly

Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What pruning decides from besides the trial's own curve.

    Attributes:
        curves: Curves of the latest finished trials.
        incumbent: The best value of a finished trial; None without one.
        direction: Whether the metric is maximised or minimised.
        worth: The worth of a gain over the incumbent.
        second: The price of a second of training, energy included.
        currency: The currency.
    """

    curves: tuple[Curve, ...]
    incumbent: float | None
    direction: Direction
    worth: Worth
    second: float
    currency: str


def snapshot_of(history: History, worth: Worth, prices: Prices) -> Snapshot:
    """Return the snapshot of a history."""
    best, spent = history.best, history.spent
    return Snapshot(
        curves=tuple(one.curve for one in history.complete if one.curve)[-CURVES:],
        incumbent=None if best is None else best.value,
        direction=history.direction,
        worth=worth,
        second=spent.money / spent.seconds if spent.seconds > 0 else prices.hour / 3600,
        currency=prices.currency,
    )


def write_snapshot(path: str | Path, history: History, worth: Worth, prices: Prices) -> None:
    """Write the snapshot of a search atomically.

    Args:
        path: The file.
        history: The finished trials.
        worth: The worth of a gain over the incumbent.
        prices: The prices; a second costs what the trials so far have cost, energy included.
    """
    taken = snapshot_of(history, worth, prices)
    document = {
        "curves": [
            [[point.epoch, point.value, point.seconds] for point in _thinned(curve)]
            for curve in taken.curves
        ],
        "incumbent": taken.incumbent,
        "direction": taken.direction.value,
        "worth": {"money": worth.money, "per": worth.per.value, "target": worth.target},
        "second": taken.second,
        "currency": taken.currency,
    }
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    unfinished.write_text(json.dumps(document, separators=(",", ":"), allow_nan=False))
    unfinished.replace(path)


def _thinned(curve: Curve) -> Curve:
    if len(curve) <= _POINTS:
        return curve
    steps = range(_POINTS)
    return tuple(curve[round(one * (len(curve) - 1) / (_POINTS - 1))] for one in steps)


def read_snapshot(path: str | Path) -> Snapshot | None:
    """Read a snapshot; None if there is none yet."""
    try:
        text = Path(path).read_text()
    except FileNotFoundError:
        return None
    document: dict[str, Any] = json.loads(text)
    worth = document["worth"]
    return Snapshot(
        curves=tuple(
            tuple(CurvePoint(int(epoch), value, seconds) for epoch, value, seconds in curve)
            for curve in document["curves"]
        ),
        incumbent=document["incumbent"],
        direction=Direction(document["direction"]),
        worth=Worth(worth["money"], Per(worth["per"]), worth["target"]),
        second=document["second"],
        currency=document["currency"],
    )


_latest: dict[str, tuple[Stamp, Snapshot]] = {}  # at most one: a process trains one trial


def should_stop(
    path: str | None, curve: tuple[CurvePoint, ...], epoch: int, epochs: int
) -> Decision | None:
    """Decide at the end of an epoch whether the rest of the trial is worth training.

    Args:
        path: The snapshot; None if trials are not pruned.
        curve: The trial's reports so far.
        epoch: The epoch that has just ended, from 1.
        epochs: The number of epochs planned.

    Returns:
        The decision; None without a snapshot or a report.
    """
    if path is None or not curve or epoch < 1:
        return None
    snapshot = _fresh(path)
    if snapshot is None:
        return None
    return decide(standing(snapshot, curve, epochs, curve[-1].seconds / epoch))


def standing(snapshot: Snapshot, curve: Curve, epochs: int, epoch_seconds: float) -> Standing:
    """Combine a running trial with a snapshot of the others."""
    return Standing(
        curve=curve,
        epochs=epochs,
        others=snapshot.curves,
        incumbent=snapshot.incumbent,
        direction=snapshot.direction,
        worth=snapshot.worth,
        second=snapshot.second,
        epoch_seconds=epoch_seconds,
        currency=snapshot.currency,
    )


def _fresh(path: str) -> Snapshot | None:
    try:
        file = os.stat(path)  # noqa: PTH116 - a microsecond instead of five, at every epoch
    except FileNotFoundError:
        return None
    stamp = (file.st_mtime_ns, file.st_size, file.st_ino)
    known = _latest.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    snapshot = read_snapshot(path)
    if snapshot is not None:
        _latest.clear()
        _latest[path] = (stamp, snapshot)
    return snapshot
