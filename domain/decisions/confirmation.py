"""Confirmation: the leaders are trained again with fresh seeds and scored on unseen data.

The best of many noisy values is biased upwards (winner's curse), so the leaders are trained again.
The winner is chosen by its fresh *validation* values and judged by its test values: choosing by the
test split would only move the bias there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from satisfice.domain.economics.worth import Direction
from satisfice.domain.space.space import Params
from satisfice.domain.statistics import interval
from satisfice.domain.trials.history import TrialRecord


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A configuration trained again with fresh seeds.

    Attributes:
        name: `default`, or the number of the trial that proposed it, as `trial 17`.
        params: Its parameters.
        observed: Its value in the search (validation split); None for the default.
        validation: The values of the fresh seeds on the validation split.
        test: The values of the fresh seeds on the test split.
        numbers: The numbers of these trials.
        mean: Mean of `test`.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        margins: For each training, the margin of each soft rule, by rule id.
    """

    name: str
    params: Params
    observed: float | None
    validation: tuple[float, ...]
    test: tuple[float, ...]
    numbers: tuple[int, ...]
    mean: float
    low: float
    high: float
    margins: tuple[Mapping[str, float], ...] = ()

    @property
    def feasible(self) -> tuple[int, ...]:
        """The indices of the trainings that break no soft rule; one of them can be selected."""
        every = self.margins or ({},) * len(self.numbers)
        return tuple(at for at, one in enumerate(every) if all(each >= 0 for each in one.values()))

    def chosen(self, direction: Direction) -> int:
        """Return the index of the training to select: the best on the validation split.

        Raises:
            ValueError: None of them is feasible.
        """
        return max(self.feasible, key=lambda at: direction.sign * self.validation[at])

    def optimism(self, direction: Direction) -> float | None:
        """Return by how much the observed value is better than the mean of the fresh ones.

        Both are scored on the validation split; above zero, part of the observed value was luck.
        None where either is missing.
        """
        if self.observed is None or not self.validation:
            return None
        return direction.sign * (self.observed - fmean(self.validation))


def confirmed(
    name: str,
    params: Params,
    observed: float | None,
    trials: Sequence[TrialRecord],
    metric: str,
) -> Confirmed:
    """Summarise the repeated trainings of one configuration.

    Args:
        name: `default`, or the trial that proposed the configuration.
        params: The configuration.
        observed: Its value in the search; None for the default.
        trials: Its confirmations; those without a value are ignored.
        metric: The objective's metric; its test value is the metric `test_<metric>`.
    """
    worked = [one for one in trials if one.has_value]
    validation = tuple(one.value for one in worked if one.value is not None)
    test = tuple(one.metrics[f"test_{metric}"] for one in worked if f"test_{metric}" in one.metrics)
    mean, low, high = interval(test or validation)
    numbers = tuple(one.number for one in worked)
    margins = tuple(one.margins for one in worked)
    return Confirmed(name, params, observed, validation, test, numbers, mean, low, high, margins)


def in_order(candidates: Sequence[Confirmed], direction: Direction) -> tuple[Confirmed, ...]:
    """Rank the candidates with a value by their mean on the validation split, the default last.

    Candidates whose every training breaks a soft rule come after the feasible ones.
    """
    tried = [one for one in candidates if one.validation]

    def rank(one: Confirmed) -> tuple[bool, bool, float]:
        value = -direction.sign * float(np.mean(one.validation))
        return one.name == "default", not one.feasible, value

    return tuple(sorted(tried, key=rank))
