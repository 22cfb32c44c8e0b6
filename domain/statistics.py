"""How much of a space: what was counted, and what it says of the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z = 1.959963984540054  # the normal quantile that leaves 2.5 % on either side


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many.

    Attributes:
        count: How many were counted.
        of: How many were looked at.
        whole: Whether these are all there are, so that there is nothing to infer.
    """

    count: int
    of: int
    whole: bool = False

    @property
    def value(self) -> float:
        """The share itself, between 0 and 1; not a number where nothing was looked at."""
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share in the whole, after Wilson.

        Source: E. B. Wilson 1927, Probable inference, the law of succession, and statistical
        inference, JASA 22; recommended by Brown, Cai and DasGupta 2001, Interval estimation for a
        binomial proportion, Statistical Science 16(2), also for shares near 0 and 1.
        """
        if self.whole:
            return self.value, self.value
        if not self.of:
            return 0.0, 1.0
        shrunk = 1 + _Z**2 / self.of
        middle = (self.value + _Z**2 / (2 * self.of)) / shrunk
        spread = self.value * (1 - self.value) / self.of + (_Z / (2 * self.of)) ** 2
        half = _Z * math.sqrt(spread) / shrunk
        low = 0.0 if not self.count else middle - half
        return low, 1.0 if self.count == self.of else middle + half
