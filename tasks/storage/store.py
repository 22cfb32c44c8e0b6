"""The store of all searches: Optuna's tables for the trials, and a few tables of ours.

The store is the only record of a search; everything else can be lost.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import optuna
from sqlalchemy import Row, func, select

from satisfice.domain.errors import StudyBusy, UserError
from satisfice.domain.study import Study
from satisfice.domain.suggestions import did_you_mean
from satisfice.domain.summary import Ending
from satisfice.tasks.files import home
from satisfice.tasks.storage.database import (
    Database,
    coordinators,
    grounds,
    guarded,
    open_database,
    read_address,
    searches,
)
from satisfice.tasks.storage.locks import hold
from satisfice.tasks.storage.search import Search, SearchInfo
from satisfice.tasks.storage.trial_records import BEGUN

__all__ = ["Search", "SearchInfo", "Store", "open_store"]


def open_store(url: str | None = None) -> Store:
    """Open a store, creating its tables if needed; use it in a `with` statement, or close it.

    Args:
        url: Address of a SQLite file or a PostgreSQL database; None:
            `tasks.files.home.store_url()`.

    Raises:
        UserError: The address is wrong, or a newer version wrote the store.
        ExternalSystemError: The database cannot be reached, read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return Store(open_database(read_address(url or home.store_url())))


class Store:
    """All searches of a home.

    Attributes:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._engine = database.engine

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    @guarded
    def begin(self, study: Study, data: str = "", code: str = "", sweep: str = "") -> Search:
        """Begin a new search of a study.

        Several processes may do so at the same time; each gets a different number, from 1. One that
        is killed meanwhile leaves an empty Optuna study, whose number is skipped.

        Args:
            study: The study.
            data: Digest of its data.
            code: Digest of its code.
            sweep: The request and the plan of a sweep; empty for a search.
        """
        with self._engine.connect() as connection:
            last = connection.scalar(
                select(func.max(searches.c.number)).where(searches.c.study == study.name)
            )
        number, created = self._create_optuna_study(study, (last or 0) + 1)
        created.set_user_attr(
            BEGUN, {"study": study.name, "folder": study.folder, "metric": study.objective.metric}
        )
        row: dict[str, Any] = {
            "search": created.study_name,
            "study": study.name,
            "folder": study.folder,
            "text": study.text,
            "started": time.time(),
            "elapsed": 0.0,
            "ending": "",
        }
        ground: dict[str, Any] = {"data": data, "code": code, "sweep": sweep}
        with self._engine.begin() as connection:
            connection.execute(searches.insert().values(number=number, seed=str(study.seed), **row))
            connection.execute(grounds.insert().values(search=row["search"], **ground))
        return Search(self.database, SearchInfo(seed=study.seed, **row, **ground), created)

    def _create_optuna_study(self, study: Study, number: int) -> tuple[int, optuna.Study]:
        while True:
            try:
                return number, optuna.create_study(
                    storage=self.database.storage,
                    study_name=f"{study.name}-{number}",
                    direction=study.objective.direction.value,
                )
            except optuna.exceptions.DuplicatedStudyError:
                number += 1

    @guarded
    def open(self, search: str) -> Search:
        """Open an existing search.

        Raises:
            UserError: There is no such search; the hint names those that there are.
        """
        known = {info.search: info for info in self.searches()}
        if search not in known:
            names = ", ".join(list(known)[-20:])
            raise UserError(
                f"there is no search {search!r} in {self.database.url}",
                did_you_mean(search, known, f"The latest are: {names}")
                if known
                else "There are no searches yet: `satisfice run STUDY` begins one",
            )
        try:
            opened = optuna.load_study(study_name=search, storage=self.database.storage)
        except KeyError as error:
            raise UserError(
                f"the trials of search {search!r} were deleted from {self.database.url}",
                "Begin a new search with `satisfice run STUDY`",
            ) from error
        return Search(self.database, known[search], opened)

    @guarded
    def searches(self, study: str | None = None) -> tuple[SearchInfo, ...]:
        """Return all searches, or those of one study; the newest is the last."""
        both = searches.outerjoin(grounds, grounds.c.search == searches.c.search)
        beside = (grounds.c.data, grounds.c.code, grounds.c.sweep)
        query = select(searches, *beside).select_from(both).order_by(searches.c.id)
        if study is not None:
            query = query.where(searches.c.study == study)
        with self._engine.connect() as connection:
            return tuple(_info(row) for row in connection.execute(query))

    def latest(self, study: str, unfinished: bool = False) -> SearchInfo | None:
        """Return the newest search of a study; None if there is none.

        Args:
            study: The study's name.
            unfinished: Whether to consider only those that can be resumed.
        """
        found = [one for one in self.searches(study) if not (unfinished and one.ending)]
        return found[-1] if found else None

    @contextmanager
    def lock(self, study: str, wait: bool = False) -> Iterator[None]:
        """Be the only coordinator of a study; the lock is released when this process dies.

        Args:
            study: The study's name.
            wait: Whether to wait for another coordinator to finish.

        Raises:
            StudyBusy: Another coordinator is running the study; the message names it.
        """
        with self._acquire(study, wait):
            yield

    @guarded
    def _acquire(self, study: str, wait: bool) -> ExitStack:
        for pause in (0.05, 0.1, 0.0):  # an `is_locked` elsewhere may hold it briefly
            with ExitStack() as stack:
                if stack.enter_context(hold(self._engine, study, wait)):
                    self._sign(study)
                    return stack.pop_all()
            time.sleep(pause)
        raise self._busy(study)

    @guarded
    def is_locked(self, study: str) -> bool:
        """Tell whether a coordinator is running this study."""
        with hold(self._engine, study, wait=False) as free:
            return not free

    def _sign(self, study: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(coordinators.delete().where(coordinators.c.study == study))
            connection.execute(
                coordinators.insert().values(
                    study=study, pid=os.getpid(), host=socket.gethostname(), since=time.time()
                )
            )

    def _busy(self, study: str) -> StudyBusy:
        with self._engine.connect() as connection:
            row = connection.execute(
                select(coordinators).where(coordinators.c.study == study)
            ).one_or_none()
        if row is None:  # it has the lock and has not written its row yet
            return StudyBusy(
                f"another process has just started to run study {study!r}", "Try again"
            )
        since = datetime.fromtimestamp(row.since, UTC)
        return StudyBusy(
            f"study {study!r} is being run by process {row.pid} on {row.host}"
            f" since {since:%Y-%m-%d %H:%M:%S} UTC",
            f"Wait for it (see `satisfice status`), or stop it there with `kill -INT {row.pid}`",
        )


def _info(row: Row[Any]) -> SearchInfo:
    return SearchInfo(
        row.search,
        row.study,
        row.folder,
        row.text,
        int(row.seed),
        row.started,
        row.elapsed,
        Ending(row.ending) if row.ending else "",  # earlier versions had other names
        row.data or "",
        row.code or "",
        row.sweep or "",
    )
