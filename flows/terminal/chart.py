"""A small text chart of expected gain over expected cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

_WIDTH = 60
_DECADES = 2  # shown at most, on either side of 1
_ROWS = 2  # per decade


def chart(ratios: Sequence[tuple[int, float]]) -> list[str]:
    """Draw gain over cost after each trial, on a logarithmic scale around 1.

    Args:
        ratios: Number of finished trials, and the ratio then; a ratio of 0 is at the bottom. Trials
            that share a column are drawn at their median.

    Returns:
        Lines of plain characters without colours; none for fewer than two ratios.
    """
    if len(ratios) < 2:
        return []
    columns: dict[int, list[float]] = {}
    width = min(len(ratios), _WIDTH)
    for at, (_, ratio) in enumerate(ratios):
        columns.setdefault(at * width // len(ratios), []).append(_height(ratio))
    heights = {column: _row(median(some)) for column, some in columns.items()}
    top, bottom = max(1, *heights.values()), min(-1, *heights.values())
    lines = ["expected gain over expected cost; above 1 it pays to go on"]
    for row in range(top, bottom - 1, -1):
        label = f"{10 ** (row // _ROWS):g}" if row % _ROWS == 0 else ""
        blank = " " if row else "-"
        drawn = "".join("*" if heights[column] == row else blank for column in range(width))
        lines.append(f"{label:>5} |{drawn}".rstrip())
    first, last = str(ratios[0][0]), str(ratios[-1][0])
    lines.append(f"{'':7}{first}{last:>{max(width - len(first), len(last) + 1)}} trials")
    return lines


def _row(height: float) -> int:
    """Round to a row; a ratio below 1 is never drawn on the line of 1."""
    row = round(_ROWS * height)
    return row if height >= 0 else min(row, -1)


def _height(ratio: float) -> float:
    decades = math.log10(ratio) if ratio > 0 else -math.inf
    return min(max(decades, -_DECADES), _DECADES)
