"""Draws one search: all curves as far as they were trained, and where trials were given up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.pruning.pools import pool
from benchmarks.pruning.pruners import OURS, PRUNERS, search_of
from benchmarks.pruning.replay import order

_RATES = (0.1, 3.0)
_SEED = 6000


def draw(names: Sequence[str], into: Path) -> None:
    """Draw a row of pictures for each pool, one for each of two exchange rates.

    Args:
        names: The pools.
        into: The file; its ending says what it will be.
    """
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "satisfice"  # the same picture is the same file
    size = (9, 2.7 * len(names))
    figure, axes = plt.subplots(len(names), len(_RATES), figsize=size, squeeze=False, sharey="row")
    for name, row in zip(names, axes, strict=True):
        trainings = pool(name)
        rows = order(trainings, _SEED)
        levels = trainings.scale.of(trainings.values[rows])
        behind = (np.nanmax(levels[:, -1]) - levels) / trainings.gap
        steps = np.arange(1, trainings.epochs + 1)
        for rate, axis in zip(_RATES, row, strict=True):
            trained = PRUNERS[OURS](search_of(trainings, rows, rate, _SEED))
            for curve, until in zip(behind, trained, strict=True):
                kept = until == trainings.epochs
                axis.plot(steps[until - 1 :], curve[until - 1 :], color="0.88", lw=0.6, zorder=1)
                colour = "tab:blue" if kept else "0.45"
                axis.plot(steps[:until], curve[:until], color=colour, lw=0.9, zorder=2 + kept)
                if not kept:
                    axis.plot(until, curve[until - 1], ".", color="tab:red", ms=4, zorder=4)
            finished = sum(one == trainings.epochs for one in trained)
            share = sum(trained) / (len(trained) * trainings.epochs)
            axis.set_title(
                f"{name}, rate {rate:g}: {finished} of {len(trained)} finished, "
                f"{share:.0%} of the epochs",
                fontsize=9,
            )
            axis.set_xscale("log", base=2)
            axis.set_yscale("symlog", linthresh=0.1)
            axis.set_ylim(4, -0.05)
            axis.set_xticks([1, 2, 4, 8, 16, trainings.epochs])
            axis.set_xticklabels(["1", "2", "4", "8", "16", str(trainings.epochs)])
            axis.minorticks_off()
        row[0].set_ylabel("behind the best", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("epoch", fontsize=9)
    figure.tight_layout()
    figure.savefig(into, metadata={"Date": None} if into.suffix == ".svg" else None, dpi=90)
