"""A study and its home (`SATISFICE_HOME`) as version f5450b0 wrote them, put anywhere."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent
ARCHIVE = DATA / "home-f5450b0.tar.xz"
NUMBERS = DATA / "home-f5450b0.json"
PLACE = "/where/the/old/home/was"  # stands in the archive for the folder that holds both


@dataclass(frozen=True, slots=True)
class OldHome:
    """What was unpacked.

    Attributes:
        folder: What holds both, and was the working directory of all commands.
        study: The study folder.
        home: The home.
    """

    folder: Path
    study: Path
    home: Path

    def search(self, name: str) -> Path:
        """Return the folder of a search."""
        return self.home / "searches" / name


def unpack(into: Path) -> OldHome:
    """Unpack the study and its home into a folder, as if they had been written there."""
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(into, filter="data")
    move(into, PLACE, str(into))
    return OldHome(into, into / "tiny", into / "home")


def move(folder: Path, before: str, after: str) -> None:
    """Replace a path by another one in all text files and SQLite databases of a folder.

    Raises:
        ValueError: Another kind of file holds the path, so that it cannot be replaced.
    """
    for spool in folder.rglob("shipped.json"):
        _move_offsets(spool, before.encode(), after.encode())
    for database in folder.rglob("*.db"):
        _move_rows(database, before, after)
    for file in folder.rglob("*"):
        content = file.read_bytes() if file.is_file() and file.suffix != ".db" else b""
        if before.encode() in content:
            try:
                text = content.decode()
            except UnicodeDecodeError:
                raise ValueError(f"{file} is no text, and holds {before}") from None
            file.write_bytes(text.replace(before, after).encode())


def _move_offsets(spool: Path, before: bytes, after: bytes) -> None:
    """Let a spool go on at the same events, since the lines of its logs change their length."""

    def moved(log: str, offset: int) -> int:
        return len((spool.parent / log).read_bytes()[:offset].replace(before, after))

    facts = json.loads(spool.read_text())
    facts["journal"] = moved("journal.jsonl", facts["journal"])
    for number, trial in facts["open"].items():
        log = f"trials/{int(number):05d}/events.jsonl"
        trial["offset"] = moved(log, trial["offset"])
    spool.write_text(json.dumps(facts, separators=(",", ":")))


def _move_rows(file: Path, before: str, after: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = database.execute(f'PRAGMA table_info("{table}")').fetchall()
            for _, column, *_ in columns:
                database.execute(
                    f'UPDATE "{table}" SET "{column}" = replace("{column}", ?1, ?2)'
                    f' WHERE typeof("{column}") = \'text\' AND instr("{column}", ?1)',
                    (before, after),
                )
