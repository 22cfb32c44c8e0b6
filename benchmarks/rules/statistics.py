"""Who is better, and could it be chance: ranks, paired tests, and their correction."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata, wilcoxon

from satisfice.domain.arrays import Floats


def spread(values: Floats) -> str:
    """Return the median, and the quartiles in brackets."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return f"{middle:8.3f} ({low:.3f}-{high:.3f})"


def mean_ranks(results: list[Floats]) -> Floats:
    """Return the mean rank of each method over spaces and seeds; ties share their ranks."""
    return np.mean([rankdata(one, axis=0).mean(axis=1) for one in results], axis=0)


def paired(ours: Floats, theirs: Floats) -> float:
    """Return how likely ours would be this much higher by chance (one-sided, Wilcoxon).

    Pairs share a seed. Pairs without a difference say nothing and are left out (Wilcoxon 1945);
    where nothing differs, the answer is 1.
    """
    differences = ours - theirs
    if not np.any(differences):
        return 1.0
    return float(wilcoxon(differences, alternative="greater").pvalue)


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values of several tests by Holm's step-down method."""
    corrected = [1.0] * len(p_values)
    floor = 0.0
    for at, index in enumerate(np.argsort(p_values, kind="stable")):
        floor = max(floor, min(1.0, p_values[index] * (len(p_values) - at)))
        corrected[index] = floor
    return corrected


def best_of(results: Floats) -> int:
    """Return which method has the lowest median, and of those the lowest mean."""
    return min(
        range(len(results)), key=lambda at: (float(np.median(results[at])), results[at].mean())
    )
