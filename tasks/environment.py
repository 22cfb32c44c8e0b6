"""The environment of a search: commit, versions, machine; quick enough for the coordinator."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = (
    "satisfice",
    "torch",
    "optuna",
    "prefect",
    "mlflow",
    "great-expectations",
    "numpy",
    "pandas",
    "scikit-learn",
)
GIT_SECONDS = 2.0  # a huge repository on a slow disk must not delay a search


def environment(folder: str | Path) -> dict[str, str]:
    """Describe the environment that a study runs in.

    Nothing heavy is imported: versions come from the packages' metadata.

    Args:
        folder: The study folder, whose git repository is described.

    Returns:
        Strings by name: `commit`, `tree` (clean, or how many files differ from the commit),
        `python`, the versions of the main packages, `cpu`, `cores`, `memory`, `gpu` if there is
        one, and `platform`. Without git or a repository, `commit` says so.
    """
    return {
        **_git(Path(folder)),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        **_machine(),
    }


def _git(folder: Path) -> dict[str, str]:
    # One call for both: the header of the porcelain format holds the commit.
    command = ("git", "--no-optional-locks", "status", "--porcelain=v2", "--branch")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"commit": "unknown: git took too long", "tree": "unknown"}
    except OSError:
        return {"commit": "unknown: git is not installed", "tree": "unknown"}
    if done.returncode:
        return {"commit": "none: not a git repository", "tree": "unknown"}
    lines = done.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "")
    changed = sum(not line.startswith("#") for line in lines)
    return {
        "commit": "none: nothing is committed" if commit in ("", "(initial)") else commit,
        "tree": f"{changed} changed or untracked" if changed else "clean",
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _machine() -> dict[str, str]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    gpu = _first("/proc/driver/nvidia/gpus/*/information", "Model")
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": f"{usable} of {os.cpu_count()}",
        "memory": f"{memory / 2**30:.1f} GiB",
        **({"gpu": gpu} if gpu else {}),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _first(pattern: str, key: str) -> str:
    """Return the first value of a key in files of `key : value` lines; empty if there is none."""
    for path in Path("/").glob(pattern.lstrip("/")):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
