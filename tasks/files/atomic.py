"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that a reader, or a crash in between, finds the old content or the new."""
    temporary = write_beside(path, content)
    temporary.replace(path)
    sync_folder(path.parent)


def write_beside(path: Path, content: bytes | memoryview) -> Path:
    """Write what shall become `path` into a file next to it, down to the disk, and return it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def sync_folder(folder: Path) -> None:
    """Bring renames in a folder down to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
