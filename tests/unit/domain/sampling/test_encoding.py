"""Configurations as columns: similar ones are close."""

from __future__ import annotations

import numpy as np
import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.sampling.encoding import columns
from satisfice.domain.space.space import Choice, Float, Int, Parameter, Space

SPACE = Space(
    (
        Parameter("kind", Choice(("a", "b", "c"))),
        Parameter("lr", Float(1e-4, 1e-1, log=True)),
        Parameter("depth", Int(1, 4)),
        Parameter("momentum", Float(0.0, 1.0), when=Expression("kind == 'a'")),
    )
)


def distances(*rows: tuple[float, float, float, float]) -> np.ndarray:
    found, axes = columns(np.array(rows), SPACE)
    apart = found[:, None] - found[None]
    return np.stack([np.sum(apart[..., axes == at] ** 2, axis=2) for at in range(4)])


def test_words_are_equal_or_not() -> None:
    apart = distances(
        (0.1, 0.5, 0, 0.5), (0.3, 0.5, 0, 0.5), (0.5, 0.5, 0, 0.5), (0.9, 0.5, 0, 0.5)
    )
    assert apart[0] == pytest.approx(
        np.array([[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]])
    )


def test_numbers_are_as_far_apart_as_their_places() -> None:
    assert distances((0, 0.25, 0, 0), (0, 1.0, 0, 0))[1, 0, 1] == pytest.approx(0.75**2)


def test_whole_numbers_stand_at_their_own_places() -> None:
    apart = distances((0, 0, 0.30, 0), (0, 0, 0.35, 0), (0, 0, 0.6, 0))
    assert apart[2, 0, 1] == 0
    assert apart[2, 0, 2] == pytest.approx((1 / 3) ** 2)


def test_what_is_not_there_equals_itself_and_is_far_from_any_value() -> None:
    apart = distances((0.5, 0, 0, np.nan), (0.9, 0, 0, np.nan), (0.1, 0, 0, 0.5), (0.1, 0, 0, 1.0))
    assert apart[3, 0, 1] == 0
    assert apart[3, 0, 2] == pytest.approx(1.0)
    assert apart[3, 0, 3] >= 1.0
