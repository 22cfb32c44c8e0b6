"""The outcome of a search that is kept beside the store: data report, confirmations, quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.quality import GateResult, QualityAttributes
from satisfice.domain.summary import DataReport, Registration, SearchSummary
from satisfice.tasks.files.atomic import write_whole
from satisfice.tasks.files.codec import from_json, to_json


@dataclass(frozen=True)
class Outcome:
    """The part of a `SearchSummary` that is not in the store."""

    data: DataReport | None = None
    excluded: Mapping[str, int] = field(default_factory=dict)
    avoided: Mapping[str, Avoided] = field(default_factory=dict)
    not_audited: Mapping[str, str] = field(default_factory=dict)
    confirmed: tuple[Confirmed, ...] = ()
    quality: QualityAttributes | None = None
    gates: tuple[GateResult, ...] = ()
    registration: Registration | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def parts(self) -> dict[str, Any]:
        """Return the fields by name, for a summary."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def save(summary: SearchSummary, path: Path) -> None:
    """Write the outcome of a search."""
    outcome = Outcome(**{name: getattr(summary, name) for name in Outcome.__dataclass_fields__})
    write_whole(path, to_json(outcome, indent=1).encode())


def load(path: Path) -> Outcome:
    """Read an outcome; it is empty until the search has ended."""
    return from_json(Outcome, path.read_bytes()) if path.exists() else Outcome()
