"""Divide examples into training, validation and test so that none of them leaks into another."""

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

_TIE_BREAK = 1e-3  # weight of a part's size against its mixture of answers


def split(
    x: Any,
    y: Array,
    group: Array | None = None,
    *,
    test: float = 0.2,
    validation: float = 0.2,
    seed: int = 0,
) -> Data:
    """Divide examples at random, with the same mixture of answers in each part.

    What belongs together stays together: the examples of a group, and examples whose `x` is exactly
    the same. The larger these families, the further the parts may be from what was asked for; the
    log tells how large they became.

    Args:
        x: The examples: an array whose first axis counts them, or a pandas DataFrame.
        y: The answers, n of them. Real numbers are balanced by tenths of their distribution.
        group: What each example comes from; None where each stands for itself.
        test: The share of examples for the test part, between 0 and 1.
        validation: The share of examples for the validation part, between 0 and 1.
        seed: The same seed and the same examples give the same parts.

    Raises:
        StudyCodeError: The shares leave nothing for training, or too little holds together to fill
            each part.
    """
    shares = np.array([1 - test - validation, validation, test])
    if (shares <= 0).any():
        raise StudyCodeError(
            f"split(test={test}, validation={validation}) leaves one of the three parts empty",
            "each share is above 0, and together they stay below 1, as in test=0.2, validation=0.2",
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
            f"{len(whole)} examples in {families} families cannot fill three parts: {sizes}",
            "examples of one group, or with the same x, stay together; give more and finer groups",
        )
    logging.getLogger(__name__).info("split of %d examples: %s", len(whole), sizes)
    return Data(*parts)


def _array(group: Array | None) -> Array | None:
    return None if group is None else np.asarray(group)


def _families(whole: Split) -> Indices:
    """Number the sets of examples that groups and duplicates hold together, n numbers."""
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
    """Give each family, the largest first, to the part that lacks most of what it brings.

    This is the iterative stratification of Sechidis, Tsoumakas and Vlahavas (ECML PKDD 2011,
    algorithm 1) with families in the place of examples. Folds of equal size, as scikit-learn
    makes them, would only do for shares that divide one.
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
