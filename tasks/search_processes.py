"""The processes behind a search, started before anything waits for them.

On two cores the imports of torch and Great Expectations take as long as Prefect's own start-up.
Each of them lives in a process of its own, and both begin at once; Great Expectations' only when it
is needed where a search may turn out not to be worth it. MLflow's begins with the first trial,
which would otherwise have to wait for its share of the processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from satisfice.domain.study import Study
from satisfice.tasks.files.home import tracking_url
from satisfice.tasks.processes.companion import Companion
from satisfice.tasks.tracking.shipping import prepare
from satisfice.tasks.trial_server import client as trial_server
from satisfice.tasks.trial_server.client import TrialServer


@dataclass(frozen=True)
class Backstage:
    """What a search needs behind it.

    Attributes:
        server: Holds the data and trains.
    """

    server: TrialServer

    @cached_property
    def gate(self) -> Companion:
        """The process that holds Great Expectations; later it draws the report."""
        return Companion("great_expectations")

    @cached_property
    def tracking(self) -> Companion:
        """The process that holds MLflow, started when it is first asked for."""
        companion = Companion("mlflow", nice=10)  # nobody waits for it until the end
        companion.submit(prepare, tracking_url())
        return companion

    def close(self, in_peace: bool = True) -> None:
        """End the processes.

        Args:
            in_peace: Whether what MLflow's was told to do is done first.
        """
        self.server.close()
        if "gate" in self.__dict__:
            self.gate.shutdown(wait=False, cancel_futures=True)
        if "tracking" in self.__dict__:
            self.tracking.shutdown(wait=in_peace, cancel_futures=not in_peace)


_waiting: dict[str, Backstage] = {}


def begin(study: Study, if_worth: bool = False) -> Backstage:
    """Start the processes for a study; the flow that comes for it finds them running.

    Args:
        study: The study.
        if_worth: Whether it may turn out that there is nothing to do for them.
    """
    server = TrialServer(study)
    trial_server.register(server)
    backstage = Backstage(server)
    if not if_worth:
        _ = backstage.gate  # it starts
    _waiting[study.folder] = backstage
    return backstage


def abandon(study: Study) -> None:
    """End the processes that were started for a study and that no flow came for."""
    backstage = _waiting.pop(study.folder, None)
    if backstage is not None:
        backstage.close(in_peace=False)


@contextmanager
def behind(study: Study, if_worth: bool = False) -> Iterator[Backstage]:
    """Give the processes of a study, started now if they were not started before."""
    backstage = _waiting.pop(study.folder, None) or begin(study, if_worth)
    _waiting.pop(study.folder, None)
    try:
        yield backstage
    except BaseException:
        backstage.close(in_peace=False)
        raise
    backstage.close()
