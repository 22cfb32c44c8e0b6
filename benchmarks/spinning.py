"""A training that takes a stated time: real matrix products on one core."""

from __future__ import annotations

import time

import numpy as np

_MATRIX = np.random.default_rng(0).standard_normal((64, 64))


def spin(seconds: float) -> None:
    """Multiply matrices for that long."""
    end = time.perf_counter() + seconds
    product = _MATRIX
    while time.perf_counter() < end:
        product = product @ _MATRIX
        product /= np.abs(product).max()
