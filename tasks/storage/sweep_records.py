"""A sweep in the store, beside its search."""

from __future__ import annotations

from satisfice.domain.sweep.plan import Sweep
from satisfice.tasks.files.codec import from_json, to_json


def write_sweep(sweep: Sweep) -> str:
    """Return a sweep as JSON."""
    return to_json(sweep)


def read_sweep(text: str) -> Sweep | None:
    """Read a sweep; None for the empty text of a search that is not a sweep."""
    return from_json(Sweep, text) if text else None
