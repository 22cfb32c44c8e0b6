"""The package as people get it: built from what git would archive, and installed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

KINDS = ("checkout", "editable install", "wheel", "wheel of the sdist")


@pytest.fixture(scope="session", autouse=True)
def _no_path_from_outside() -> Iterator[None]:
    """Keep what the tests run with out of the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTHONPATH", "PYTHONSAFEPATH"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `git archive` would hold if all files of the working tree were committed now."""
    folder = tmp_path_factory.mktemp("archive")
    settings = {**os.environ, "GIT_INDEX_FILE": str(folder / "index")}

    def git(*arguments: str) -> bytes:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE).stdout

    git("add", "--all")
    tree = git("write-tree").decode().strip()
    git("archive", "--output", str(folder / "tree.tar"), tree)
    return unpacked(folder / "tree.tar", folder / "tree")


@pytest.fixture(scope="session")
def interpreter(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the interpreter of a kind of installation; the checkout's is the one that tests."""
    out = tmp_path_factory.mktemp("installed")

    @cache
    def made(kind: str) -> Path:
        source, folder = archive, out / kind.replace(" ", "-")
        folder.mkdir()
        if kind == "checkout":
            return Path(sys.executable)
        if kind == "wheel of the sdist":
            sdist = build("sdist", archive, folder / "sdist")
            (source,) = unpacked(sdist, folder / "unpacked").iterdir()
        file = build(
            "editable" if kind == "editable install" else "wheel", source, folder / "built"
        )
        return install(file, folder / "environment")

    return made


def build(kind: str, source: Path, out: Path) -> Path:
    """Build with setuptools as pip does, without the network: `sdist`, `wheel` or `editable`."""
    out.mkdir(exist_ok=True)
    call = f"import sys; from setuptools import build_meta as b; b.build_{kind}(sys.argv[1])"
    command = [sys.executable, "-P", "-c", call, str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("satisfice-*")
    return file


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel in a fresh environment, and lend it our dependencies.

    A folder that a .pth file names is searched, but .pth files in it are not read: an editable
    install of ours in the running environment is not found from the fresh one.

    Returns:
        Its interpreter.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-P", "-m", "pip", "--python", str(python), "install", "--quiet"]
    options = ("--disable-pip-version-check", "--no-index", "--no-deps", "--no-compile")
    subprocess.run([*pip, *options, str(wheel)], check=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    ours = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (site_packages / "~environment.pth").write_text("\n".join(ours))  # after all the others
    return python


def unpacked(file: Path, folder: Path) -> Path:
    """Unpack a tar file."""
    with tarfile.open(file) as tar:
        tar.extractall(folder, filter="data" if file.name.endswith(".gz") else "tar")
    return folder
