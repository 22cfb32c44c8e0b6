"""Locks that the system releases whenever and however their holder dies.

SQLite: `flock` on a file beside the database. PostgreSQL: an advisory lock on its own connection.
Neither needs to be cleaned up after `kill -9`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

_held: set[int] = set()


def _release_in_child() -> None:
    # A forked child shares the open files of its parent: without this, a child that outlives the
    # coordinator would keep its lock. They are replaced, not closed, since the objects that own the
    # descriptors still exist in the child.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for file in _held:
        os.dup2(nowhere, file, inheritable=False)
    os.close(nowhere)


os.register_at_fork(after_in_child=_release_in_child)


@contextmanager
def _not_in_children(file: int) -> Iterator[None]:
    _held.add(file)
    try:
        yield
    finally:
        _held.discard(file)


@contextmanager
def hold(engine: Engine, name: str, wait: bool) -> Iterator[bool]:
    """Hold the lock of this name in this database.

    Args:
        engine: The database.
        name: The name of the lock; for SQLite, part of a file name.
        wait: Whether to wait for the lock.

    Yields:
        Whether the lock was acquired; always true with `wait`.
    """
    if engine.dialect.name == "sqlite":
        folder = Path(engine.url.database or "").resolve().parent / "locks"
        with _hold_file(folder / f"{name}.lock", wait) as held:
            yield held
    else:
        with _hold_advisory(engine, name, wait) as held:
            yield held


@contextmanager
def _hold_file(path: Path, wait: bool) -> Iterator[bool]:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with _not_in_children(file):
            yield _lock_file(file, wait)
    finally:
        os.close(file)


def _lock_file(file: int, wait: bool) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


# Without these, a holder whose machine lost power would keep the lock for two hours.
_KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}


@contextmanager
def _hold_advisory(engine: Engine, name: str, wait: bool) -> Iterator[bool]:
    digest = hashlib.sha256(f"satisfice/{name}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # not returned to a pool, where another user would get its lock
        for setting, value in _KEEPALIVE.items():
            connection.execute(select(func.set_config(setting, str(value), False)))
        socket: Any = connection.connection.dbapi_connection
        with _not_in_children(socket.fileno()):
            if wait:
                connection.execute(select(func.pg_advisory_lock(key)))
                held = True
            else:
                held = bool(connection.scalar(select(func.pg_try_advisory_lock(key))))
            try:
                yield held
            finally:
                if held:  # the server notices only later that a connection was closed
                    with suppress(SQLAlchemyError):  # the connection is lost, and the lock with it
                        connection.execute(select(func.pg_advisory_unlock(key)))
