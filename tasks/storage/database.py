"""The database under the store: its address, its connections, our tables and its errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import optuna
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import (
    URL,
    Boolean,
    Column,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from satisfice.domain.errors import ExternalSystemError, UserError
from satisfice.tasks.storage.locks import hold

VERSION = 1

_metadata = MetaData()
versions = Table("satisfice_version", _metadata, Column("version", Integer, primary_key=True))
searches = Table(
    "satisfice_searches",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("search", String(512), nullable=False, unique=True),
    Column("study", String(512), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("folder", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("seed", String(100), nullable=False),  # as text, since it may exceed 64 bits
    Column("started", Double, nullable=False),
    Column("elapsed", Double, nullable=False),
    Column("ending", String(100), nullable=False),
)
# A separate table, so that older stores open unchanged; their searches have no row in it.
grounds = Table(
    "satisfice_grounds",
    _metadata,
    Column("search", String(512), primary_key=True),
    Column("data", String(100), nullable=False),
    Column("code", String(100), nullable=False),
    Column("sweep", Text, nullable=False),
)
decisions = Table(
    "satisfice_decisions",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("search", String(512), nullable=False),
    Column("place", String(100), nullable=False),
    Column("after", Integer, nullable=False),
    Column("stop", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_satisfice_decisions_search", "search", "id"),
)
coordinators = Table(
    "satisfice_coordinators",
    _metadata,
    Column("study", String(512), primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("host", String(255), nullable=False),
    Column("since", Double, nullable=False),
)


class _SQLite(sqlite3.Connection):
    """A connection for concurrent readers and one writer that loses no commit.

    With a write-ahead log, `kill -9` loses nothing at either level of `synchronous`. Under NORMAL,
    a power failure could undo the last commits: the row of a trial would be gone while its folder
    is still there, and the next trial would get its number and its checkpoint. FULL syncs each
    commit, which took about half a millisecond when measured (three commits a trial).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=FULL")


_ENGINE: dict[str, dict[str, Any]] = {
    "sqlite": {"connect_args": {"factory": _SQLite, "timeout": 60}},  # seconds to wait for a lock
    "postgresql+psycopg": {"pool_pre_ping": True},
}


def read_address(text: str) -> URL:
    """Read the address of a store.

    Raises:
        UserError: It is not an address, or of a database other than SQLite and PostgreSQL.
    """
    hint = "Write sqlite:////folder/optuna.db or postgresql://user@host/database"
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise UserError("SATISFICE_STORE is not the address of a database", hint) from error
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in _ENGINE:
        raise UserError(f"a store cannot use {url.drivername!r}", hint)
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise UserError("a store cannot be in memory: it would be lost with its process", hint)
    return url


@dataclass(frozen=True)
class Database:
    """An open database.

    Attributes:
        url: Its address without the password.
        storage: Optuna's storage in it.
        engine: Our engine; both share the connections.
    """

    url: str
    storage: BaseStorage
    engine: Engine

    def close(self) -> None:
        """Close all connections."""
        self.storage.remove_session()
        self.engine.dispose()


def open_database(url: URL) -> Database:
    """Connect, and create the missing tables, Optuna's and ours.

    Raises:
        UserError: The store was written by another version, or its driver is not installed.
        ExternalSystemError: The database cannot be reached, read or written.
    """
    text = url.render_as_string(hide_password=False)
    options = _ENGINE[url.drivername]
    with reported_errors(str(url)):
        try:
            engine = create_engine(url, poolclass=NullPool, **options)
        except ImportError as error:
            raise UserError(
                "PostgreSQL's driver is not installed", "pip install 'satisfice[postgresql]'"
            ) from error
        with hold(engine, ".opening", wait=True):  # two processes may open a new store at once
            _refuse_newer(engine)
            try:
                storage = RDBStorage(
                    text.replace("{", "{{").replace("}", "}}"),  # Optuna formats the address
                    engine_kwargs=dict(options),
                )
            except RuntimeError as error:  # Optuna's own check of its schema
                raise UserError(
                    f"the store {url} was written by another version of Optuna", str(error)
                ) from error
            _metadata.create_all(storage.engine)
            with storage.engine.begin() as connection:
                if connection.scalar(select(versions.c.version)) is None:
                    connection.execute(versions.insert().values(version=VERSION))
    return Database(str(url), optuna.storages.get_storage(storage), storage.engine)


def _refuse_newer(engine: Engine) -> None:
    if not inspect(engine).has_table(versions.name):
        return
    with engine.connect() as connection:
        found = connection.scalar(select(versions.c.version)) or VERSION
    if found > VERSION:
        raise UserError(
            f"the store {engine.url} was written by a newer Satisfice"
            f" (its tables have version {found}, this one knows {VERSION})",
            "Upgrade Satisfice, or name another store with SATISFICE_STORE",
        )


_HINTS = (
    (
        ("not a database", "malformed"),
        "The file is damaged, or not an SQLite database: move it away, or set SATISFICE_STORE",
    ),
    (
        ("disk is full", "disk i/o error", "no space left", "file too large"),
        "Free some space; what was recorded is safe, and `satisfice resume` continues from it",
    ),
    (
        ("readonly", "read-only", "unable to open", "permission denied", "not a directory"),
        "Make the folder and the file writable, or set SATISFICE_HOME or SATISFICE_STORE",
    ),
    (("locked",), "Another process has been writing for a minute: find it and end it"),
)
_ELSE = "Check that the database is running and SATISFICE_STORE is right; then `satisfice resume`"


@contextmanager
def reported_errors(store: str) -> Iterator[None]:
    """Raise errors of the database as `ExternalSystemError`, with a hint.

    Args:
        store: The address without the password.
    """
    try:
        yield
    except (
        SQLAlchemyError,
        sqlite3.Error,
        OSError,
        optuna.exceptions.StorageInternalError,
    ) as error:
        cause = _first_line(error)
        hints = (hint for words, hint in _HINTS if any(word in cause.lower() for word in words))
        raise ExternalSystemError(
            f"the store {store} failed: {cause}", next(hints, _ELSE)
        ) from error


class _InDatabase(Protocol):
    @property
    def database(self) -> Database: ...


_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def guarded(method: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Make a method of an object with a `database` raise its errors as `ExternalSystemError`."""

    @wraps(method)
    def call(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        with reported_errors(cast(_InDatabase, args[0]).database.url):
            return method(*args, **kwargs)

    return call


def _first_line(error: BaseException) -> str:
    inner = getattr(error, "orig", None) or (
        error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else None
    )
    if inner is not None:
        return _first_line(inner)
    return (str(error).strip() or type(error).__name__).splitlines()[0]
