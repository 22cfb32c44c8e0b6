"""The data that a study's `load()` returns: three splits, told apart by what they are for."""

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
    """Examples with their answers.

    Attributes:
        x: The examples: an array whose first axis counts them (images: n, channels, height, width
            or n, height, width), or a pandas DataFrame with one row each.
        y: The answers, n of them.
        group: What an example comes from (a game, a photograph, a patient), n of them; None where
            each example stands for itself. A group never spans two splits.
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
    """What a search trains on, chooses by, and is finally judged by.

    Attributes:
        train: What models are fitted to.
        validation: What trials report their metric on; the search chooses by it.
        test: What only confirmations are scored on; reading it during the search is refused.
    """

    train: Split
    validation: Split
    test: Split

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def without_test(self) -> Data:
        """Return what a trial of the search may see: its test split is empty."""
        return replace(self, test=self.test.take(np.arange(0)))

    def digest(self) -> str:
        """Return a digest of all values, types and shapes, in order; 16 hexadecimal digits."""
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
