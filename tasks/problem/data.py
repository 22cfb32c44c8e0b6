"""The data that a study's `load()` returns: the splits for training, validation and test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from satisfice.domain.arrays import Array, Indices
from satisfice.domain.errors import StudyCodeError


@dataclass(frozen=True, eq=False)
class Split:
    """Examples with their targets.

    Attributes:
        x: The examples: an array whose first axis counts them (images: n, channels, height, width
            or n, height, width), or a pandas DataFrame with one row each.
        y: The targets, n of them.
        group: The group of each example (a game, a photograph, a patient), n of them; None if
            there are no groups. A group must not span two splits.
    """

    x: Any
    y: Array
    group: Array | None = None

    def __post_init__(self) -> None:
        counts = {len(self.x), len(self.y), *(() if self.group is None else (len(self.group),))}
        if len(counts) > 1:
            raise StudyCodeError(
                f"load() returned a split whose x, y and group differ in length: {sorted(counts)}"
            )

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Indices) -> Split:
        """Return some of the rows, in the given order."""
        x = self.x.iloc[rows] if hasattr(self.x, "iloc") else self.x[rows]
        return Split(x, self.y[rows], None if self.group is None else self.group[rows])


@dataclass(frozen=True, eq=False)
class Data:
    """The splits for training, for choosing a model, and for scoring it.

    Attributes:
        train: Models are fitted to it.
        validation: Trials report their metric on it, and the search chooses by that.
        test: Only confirmations are scored on it; trials of the search do not get it.
    """

    train: Split
    validation: Split
    test: Split

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def without_test(self) -> Data:
        """Return the data with an empty test split, as the trials of a search get it."""
        return replace(self, test=self.test.take(np.arange(0)))

    def digest(self) -> str:
        """Return 16 hexadecimal digits that depend on all values, types, shapes and their order."""
        digest = hashlib.sha256()
        for name, split in self.splits.items():
            digest.update(name.encode())
            for part in _arrays(split):
                digest.update(f"{part.dtype}{part.shape}".encode())
                digest.update(_bytes(part))
        return digest.hexdigest()[:16]


def _arrays(split: Split) -> Iterator[Array]:
    if hasattr(split.x, "columns"):
        for column in split.x.columns:
            yield np.asarray([str(column)])
            yield split.x[column].to_numpy()
    else:
        yield np.asarray(split.x)
    yield np.asarray(split.y)
    if split.group is not None:
        yield np.asarray(split.group)


def _bytes(array: Array) -> bytes:
    if array.dtype.hasobject:
        return "\x1f".join(map(repr, array.ravel().tolist())).encode()
    return np.ascontiguousarray(array).tobytes()
