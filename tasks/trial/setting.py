"""What a trial server and its trials are told about their study."""

from __future__ import annotations

from dataclasses import dataclass

OUTPUT = "output.log"  # what a training prints, in the trial's folder


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings that are the same for all trials of a study.

    Attributes:
        folder: The study folder.
        problem: The Python file in it.
        metric: The objective's metric.
        watts_per_core: Power of a busy core, for estimates of energy.
        threads: Processor threads of a training.
        manifest: Where to write the manifest of the data.
    """

    folder: str
    problem: str
    metric: str
    watts_per_core: float
    threads: int
    manifest: str
