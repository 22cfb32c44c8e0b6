"""A long run in pieces: what each found is a line of JSON, and a run that was cut off goes on."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from multiprocessing import Pool
from pathlib import Path
from typing import Any, TypeAlias

import optuna

# The part of the benchmark, and what names the piece within it.
Piece: TypeAlias = tuple[str | int, ...]
Found: TypeAlias = dict[Piece, Any]

_SECONDS_BETWEEN_REPORTS = 15


def read(files: Iterable[Path]) -> Found:
    """Return what earlier runs have found."""
    lines = (line for one in files for line in one.read_text().splitlines())
    return {tuple(one["piece"]): one["found"] for one in map(json.loads, lines)}


def of(part: str, found: Found) -> Found:
    """Return what was found for one part, by what names the piece within it."""
    return {piece[1:]: one for piece, one in found.items() if piece[0] == part}


def run(
    work: Callable[..., Any], todo: list[Piece], workers: int, into: Path | None
) -> Iterator[tuple[Piece, Any]]:
    """Do the pieces, and yield each with what it found as soon as it is done.

    Args:
        work: Gets what names a piece within its part; returns what JSON can say.
        todo: The pieces, all of one part.
        workers: How many processes do them.
        into: The file that a line is added to for each piece; None: no file.
    """
    done, begun, said = 0, time.monotonic(), time.monotonic()
    jobs = ((work, piece) for piece in todo)
    with Pool(workers) as pool, into.open("a") if into else nullcontext() as file:
        for piece, found in pool.imap_unordered(_do, jobs):
            if file is not None:
                file.write(json.dumps({"piece": piece, "found": found}) + "\n")
                file.flush()
            done += 1
            if time.monotonic() - said > _SECONDS_BETWEEN_REPORTS or done == len(todo):
                said = time.monotonic()
                left = (said - begun) / done * (len(todo) - done)
                told = f"{piece[0]}: {done} of {len(todo)} pieces, {said - begun:.0f} s"
                print(f"  {told}, about {left:.0f} s to go", file=sys.stderr, flush=True)
            yield piece, found


def _do(job: tuple[Callable[..., Any], Piece]) -> tuple[Piece, Any]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # some of Optuna's options are marked experimental
    work, piece = job
    return piece, work(*piece[1:])
