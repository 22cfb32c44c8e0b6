"""Stratified splits into training, validation and test, without leaks between them."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from satisfice.domain.arrays import Array, Floats, Indices
from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.problem.data import Data, Split

_TIE_BREAK = 1e-3  # weight of the size of a split relative to its mixture of targets


def split(
    x: Any,
    y: Array,
    group: Array | None = None,
    *,
    test: float = 0.2,
    validation: float = 0.2,
    seed: int = 0,
) -> Data:
    """Split examples at random, stratified by their targets.

    Examples of a group, and examples with identical `x`, stay together. The larger these families,
    the more the sizes may differ from the shares asked for; the log reports the sizes.

    Args:
        x: The examples: an array whose first axis counts them, or a pandas DataFrame.
        y: The targets, n of them. Real numbers are stratified by deciles.
        group: The group of each example; None if there are no groups.
        test: The share of examples in the test split, between 0 and 1.
        validation: The share of examples in the validation split, between 0 and 1.
        seed: The same seed and examples give the same splits.

    Raises:
        StudyCodeError: The shares leave nothing for training, or there are too few families to
            fill every split.
    """
    shares = np.array([1 - test - validation, validation, test])
    if (shares <= 0).any():
        raise StudyCodeError(
            f"split(test={test}, validation={validation}) leaves one of the three splits empty",
            "both shares must be above 0, and their sum below 1, as in test=0.2, validation=0.2",
        )
    y = np.asarray(y)
    whole = Split(x if hasattr(x, "iloc") else np.asarray(x), y, _array(group))
    family = _families(whole)
    rows = _assign(family, _strata(y), shares, np.random.default_rng(seed))
    parts = [whole.take(np.flatnonzero(rows == part)) for part in range(3)]
    sizes = ", ".join(
        f"{name} {len(part)} ({len(part) / len(whole):.1%})"
        for name, part in zip(("train", "validation", "test"), parts, strict=True)
    )
    families = int(family.max(initial=-1)) + 1
    if not all(map(len, parts)):
        raise StudyCodeError(
            f"{len(whole)} examples in {families} families cannot fill three splits: {sizes}",
            "examples of a group, or with the same x, stay together; use more and smaller groups",
        )
    logging.getLogger(__name__).info("split of %d examples: %s", len(whole), sizes)
    return Data(*parts)


def _array(group: Array | None) -> Array | None:
    return None if group is None else np.asarray(group)


def _families(whole: Split) -> Indices:
    """Return the number of each example's family: groups and duplicates, joined transitively."""
    same = _ids(_fingerprints(whole.x))
    group = same if whole.group is None else _ids(whole.group)
    links = coo_array(
        (np.ones(len(whole), dtype=bool), (same, group + same.max(initial=-1) + 1)),
        shape=(2 * len(whole) + 1, 2 * len(whole) + 1),
    )
    component = connected_components(links, directed=False)[1]
    return _ids(component[same])


def _fingerprints(x: Any) -> Array:
    if hasattr(x, "iloc"):
        from pandas.util import hash_pandas_object

        return np.asarray(hash_pandas_object(x, index=False))
    texts = (repr(one.tolist()).encode() if x.dtype.hasobject else one.tobytes() for one in x)
    return np.array([hashlib.blake2b(text, digest_size=8).hexdigest() for text in texts])


def _strata(y: Array) -> Indices:
    if y.dtype.kind == "f":
        return _ids(np.searchsorted(np.unique(np.quantile(y, np.linspace(0, 1, 11)[1:-1])), y))
    return _ids(y)


def _ids(values: Array) -> Indices:
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.intp)


def _assign(
    family: Indices, stratum: Indices, shares: Floats, random: np.random.Generator
) -> Indices:
    """Assign each family, the largest first, to the split that lacks its targets most.

    This is the iterative stratification of Sechidis, Tsoumakas and Vlahavas (ECML PKDD 2011,
    algorithm 1), applied to families instead of examples. Folds of equal size, as in scikit-learn,
    would only allow shares that divide one.
    """
    brings = np.zeros((family.max() + 1, stratum.max() + 2))
    np.add.at(brings, (family, stratum), 1)
    brings[:, -1] = brings.sum(axis=1) * _TIE_BREAK
    lacks = shares[:, None] * brings.sum(axis=0)
    order = random.permutation(len(brings))
    order = order[np.argsort(-brings[order, -1], kind="stable")]
    part = np.empty(len(brings), dtype=np.intp)
    for one in order:
        part[one] = np.argmax(lacks @ brings[one])
        lacks[part[one]] -= brings[one]
    return part[family]
