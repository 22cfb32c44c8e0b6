"""The processes that a search needs, started before anything waits for them.

On two cores, importing torch and Great Expectations takes as long as Prefect's own start-up. Each
lives in its own process, and both start at once; if the search may turn out not to be worth it,
Great Expectations' starts only when it is needed. MLflow's starts with the first trial: earlier, it
would take processor time from the start-up.
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
class SearchProcesses:
    """The processes of one search.

    Attributes:
        server: The trial server, which holds the data and trains.
    """

    server: TrialServer

    @cached_property
    def gate(self) -> Companion:
        """The companion that holds Great Expectations; later it draws the report."""
        return Companion("great_expectations")

    @cached_property
    def tracking(self) -> Companion:
        """The companion that holds MLflow, started on first use."""
        companion = Companion("mlflow", nice=10)  # nothing waits for it until the end
        companion.submit(prepare, tracking_url())
        return companion

    def close(self, finish: bool = True) -> None:
        """Stop the processes.

        Args:
            finish: Whether MLflow's companion finishes its pending work first.
        """
        self.server.close()
        if "gate" in self.__dict__:
            self.gate.shutdown(wait=False, cancel_futures=True)
        if "tracking" in self.__dict__:
            self.tracking.shutdown(wait=finish, cancel_futures=not finish)


_waiting: dict[str, SearchProcesses] = {}


def start(study: Study, if_worth: bool = False) -> SearchProcesses:
    """Start the processes for a study, ahead of the flow that uses them.

    Args:
        study: The study.
        if_worth: Whether the search may turn out not to be worth starting.
    """
    server = TrialServer(study)
    trial_server.register(server)
    processes = SearchProcesses(server)
    if not if_worth:
        _ = processes.gate  # it starts
    _waiting[study.folder] = processes
    return processes


def stop(study: Study) -> None:
    """Stop the processes of a study that no flow has used."""
    processes = _waiting.pop(study.folder, None)
    if processes is not None:
        processes.close(finish=False)


@contextmanager
def open_processes(study: Study, if_worth: bool = False) -> Iterator[SearchProcesses]:
    """Provide the processes of a study; start them if `start` has not."""
    processes = _waiting.pop(study.folder, None) or start(study, if_worth)
    _waiting.pop(study.folder, None)
    try:
        yield processes
    except BaseException:
        processes.close(finish=False)
        raise
    processes.close()
