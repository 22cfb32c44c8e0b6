"""The wall clock of a search: it survives a restart, and a pause stops it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class SearchClock:
    """Counts the seconds of a search.

    Attributes:
        before: Seconds of earlier processes.
    """

    before: float = 0.0
    _since: float | None = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Return the seconds so far, without pauses."""
        return self.before + (0.0 if self._since is None else time.monotonic() - self._since)

    def pause(self) -> None:
        """Stop counting; a second pause changes nothing."""
        self.before, self._since = self.elapsed(), None

    def go_on(self) -> None:
        """Count again."""
        if self._since is None:
            self._since = time.monotonic()

    @property
    def paused(self) -> bool:
        """Whether it is stopped."""
        return self._since is None
