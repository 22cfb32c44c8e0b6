"""Atomic writes: a file has its old content or its new one, never a part."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Replace the content of a file atomically and durably."""
    temporary = write_beside(path, content)
    temporary.replace(path)
    sync_folder(path.parent)


def write_beside(path: Path, content: bytes | memoryview) -> Path:
    """Write the future content of `path` to a file beside it, sync it, and return that file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def sync_folder(folder: Path) -> None:
    """Sync renames in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
