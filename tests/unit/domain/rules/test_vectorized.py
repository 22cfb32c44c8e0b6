"""Columns have the same values as single configurations."""

from __future__ import annotations

import numpy as np
import pytest

from satisfice.domain.rules.vectorized import configurations
from satisfice.domain.space.space import Float, Parameter, Space


@pytest.mark.parametrize(("low", "step"), [(0.0, 0.1), (0.05, 0.1), (-1.0, 1e-3), (1e-4, 1e-5)])
def test_steps_of_a_column_are_those_that_people_count(low: float, step: float) -> None:
    domain = Float(low, low + 99 * step, step=step)
    places = np.linspace(0.0, 1.0, 100)[:, None]
    values, _ = configurations(Space((Parameter("rate", domain),)), places)
    assert values["rate"].tolist() == [domain.at(place) for place in places[:, 0]]
