"""How a sweep stands in the store beside its search: strict JSON, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from satisfice.domain.sweep.plan import Known, Sweep, SweepRequest


def write_sweep(sweep: Sweep) -> str:
    """Return a sweep as text; whole numbers, truth values and words stay what they are."""
    return json.dumps(asdict(sweep), separators=(",", ":"), allow_nan=False)


def read_sweep(text: str) -> Sweep | None:
    """Undo `write_sweep`; None for the empty text of a search that is no sweep."""
    if not text:
        return None
    written: dict[str, Any] = json.loads(text)
    request = written["request"]
    return Sweep(
        SweepRequest(**(request | {"parameters": tuple(request["parameters"])})),
        tuple(written["points"]),
        tuple(Known(**one) for one in written["known"]),
    )
