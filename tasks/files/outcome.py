"""What a search leaves beside the store, as JSON: data report, confirmations, quality, links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.quality import GateResult, QualityAttributes
from satisfice.domain.summary import DataReport, Registration, SearchSummary


@dataclass(frozen=True)
class Outcome:
    """The part of a `SearchSummary` that the store does not hold."""

    __pydantic_config__ = ConfigDict(ser_json_inf_nan="constants")

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
        """Return the fields by name, to be put into a summary."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


_ADAPTER = TypeAdapter(Outcome)


def save(summary: SearchSummary, path: Path) -> None:
    """Write the outcome of a search; a reader sees the old file or the new one, never a half."""
    outcome = Outcome(**{name: getattr(summary, name) for name in Outcome.__dataclass_fields__})
    draft = path.with_suffix(".draft")
    draft.write_bytes(_ADAPTER.dump_json(outcome, indent=1))
    draft.replace(path)


def load(path: Path) -> Outcome:
    """Read an outcome; an empty one where the search has not come to its end."""
    return _ADAPTER.validate_json(path.read_bytes()) if path.exists() else Outcome()
