"""A store that cannot be reached, read or written."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from satisfice.domain.errors import ExternalSystemError, UserError
from satisfice.tasks.files.home import store_url as default_store_url
from satisfice.tasks.storage.store import open_store
from tests.contract.processes import Process
from tests.contract.records import driver_url, study_named, told


def test_the_store_is_in_the_home(home: Path) -> None:
    with open_store() as store:
        store.begin(study_named())
        with store.lock("digits"):
            pass
    assert default_store_url() == f"sqlite:///{home / 'optuna.db'}"
    assert (home / "optuna.db").is_file()
    assert (home / "locks" / "digits.lock").is_file()


def test_a_store_of_a_newer_version_is_refused(store_url: str) -> None:
    open_store(store_url).close()
    engine = sqlalchemy.create_engine(driver_url(store_url))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE satisfice_version SET version = 99"))
    engine.dispose()
    with pytest.raises(UserError, match=r"newer Satisfice.*version 99") as caught:
        open_store(store_url)
    assert "Upgrade" in caught.value.hint


def test_a_store_of_another_optuna_is_refused(store_url: str) -> None:
    open_store(store_url).close()
    engine = sqlalchemy.create_engine(driver_url(store_url))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = 'v99'"))
    engine.dispose()
    with pytest.raises(UserError, match="another version of Optuna"):
        open_store(store_url)


@pytest.mark.parametrize("beginning", [b"", b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, beginning: bytes) -> None:
    path = tmp_path / "optuna.db"
    path.write_bytes(beginning + b"\xff no database \xff" * 500)
    with pytest.raises(ExternalSystemError, match=r"optuna\.db") as caught:
        open_store(f"sqlite:///{path}")
    assert "move it away" in caught.value.hint
    assert path.read_bytes().startswith(beginning + b"\xff no database")


def test_a_damaged_store_is_told(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    url = f"sqlite:///{path}"
    with open_store(url) as store:
        told(store.begin(study_named()))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(ExternalSystemError) as caught, open_store(url) as store:
        store.open("digits-1").history()
    assert "move it away" in caught.value.hint


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExternalSystemError) as caught:
        open_store(f"sqlite:///{tmp_path / 'file' / 'optuna.db'}")
    assert "SATISFICE_HOME" in caught.value.hint


@contextmanager
def not_as_root() -> Iterator[None]:
    """Be somebody whom the permissions of a file stop."""
    who = os.geteuid()
    if who == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(who)


def test_a_store_that_may_not_be_written_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        url = f"sqlite:///{folder / 'optuna.db'}"
        open_store(url).close()
        (folder / "optuna.db").chmod(0o444)
        for mode in (0o755, 0o555):  # with and without a place for the lock's file
            (folder / "locks").chmod(mode | 0o222)
            folder.chmod(mode)
            with not_as_root(), pytest.raises(ExternalSystemError) as caught:
                open_store(url)
            assert "Make the folder and the file writable" in caught.value.hint
        folder.chmod(0o755)


FILL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
with open_store(url) as store:
    search = store.begin(study_named())
    for after in range(1000):
        decision = Decision.to_continue("x" * 100_000)
        try:
            search.decide(DecisionRecord("search", after, decision, 0.0))
        except ExternalSystemError as error:
            say(str(error).replace("\\n", " "))
            say(after)
            break
"""


def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    with Process(FILL, url) as process:
        assert "Free some space" in process.hear()
        written = int(process.hear())
    with open_store(url) as store:
        assert len(store.open("digits-1").decisions()) == written > 0


def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    with pytest.raises(ExternalSystemError) as caught:
        open_store("postgresql://somebody:secret@127.0.0.1:1/store")
    assert "127.0.0.1:1" in caught.value.message
    assert "secret" not in str(caught.value)
    assert "SATISFICE_STORE" in caught.value.hint


@pytest.mark.parametrize("url", ["no address", "mysql://host/store", "sqlite://"])
def test_an_address_that_is_none_of_ours_is_refused(url: str) -> None:
    with pytest.raises(UserError) as caught:
        open_store(url)
    assert "sqlite:///" in caught.value.hint


def test_a_server_that_dropped_its_connections_is_reached_again(postgresql: Any) -> None:
    url = postgresql.create()
    with open_store(url) as store:
        search = store.begin(study_named())
        one = told(search)
        engine = sqlalchemy.create_engine(driver_url(url))
        with engine.begin() as connection:
            connection.execute(
                sqlalchemy.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        engine.dispose()
        two = told(search)
        assert search.history().trials == (one, two)
