"""The manifest: a table with one row for each example, for validation without the data itself.

Every manifest has the columns

- `row`: the index of the example in its split, from 0
- `split`: `train`, `validation` or `test`
- `label`: its target; the mean of it if the target is an array
- `group`: its group as text; a unique id if there are no groups
- `hash`: a digest of its bytes, 16 hexadecimal digits

For arrays (images, sequences, vectors) it also has

- `shape`: such as `8x8`
- `dtype`: such as `float32`
- `minimum`, `maximum`, `mean`, `std`: of the finite values of the example
- `nan_count`: the number of its values that are NaN or infinite

and for tables the columns of the table. `read_manifest` adds columns that follow from these:

- `splits_of_hash`, `splits_of_group`: the number of splits with the same example or group
- `label_in_train`, `rows_of_label`: whether the label occurs in the train split, and the number of
  examples in the same split that have it. They exist only if labels are classes: targets of a
  floating-point type are taken for measurements.

The file is an `.npz` without pickles. Parquet would be more widely readable, but pyarrow imports
pandas, and the process that writes this file is forked for every trial and must stay small.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from satisfice.domain.arrays import Array, Floats, Indices
from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.problem.data import Data, Split

if TYPE_CHECKING:
    from pandas import DataFrame, Series

COMMON = ("row", "split", "label", "group", "hash")
STATISTICS = ("minimum", "maximum", "mean", "std", "nan_count")
ARRAY = ("shape", "dtype", *STATISTICS)
DERIVED = ("splits_of_hash", "splits_of_group", "label_in_train", "rows_of_label")
PLAIN = "biufmM"  # kinds of NumPy types that are stored directly: numbers and times
NUMERIC = "biuf"  # kinds of NumPy types: Boolean, integer, unsigned, floating-point
BLOCK_BYTES = 32 << 20  # of an array that are processed at once, which limits temporary copies

Columns = dict[str, Array]


def write_manifest(data: Data, path: Path) -> None:
    """Write the manifest of all splits.

    Args:
        data: The data.
        path: The file; its folder is created if needed.

    Raises:
        StudyCodeError: Some splits are tables and others arrays, or a column of a table has a name
            that the manifest uses, or the targets are arrays that are not numeric.
    """
    splits = data.splits
    columns: Columns = {
        "row": np.concatenate([np.arange(len(split)) for split in splits.values()]),
        "split": np.repeat(np.array(list(splits)), [len(split) for split in splits.values()]),
        "label": _joined([_labels(split) for split in splits.values()]),
        "group": _joined([_groups(name, split) for name, split in splits.items()]),
    }
    tables = [hasattr(split.x, "columns") for split in splits.values()]
    if any(tables) and not all(tables):
        raise StudyCodeError(
            "load() returned a table (DataFrame) in some splits and an array in others",
            "x must have the same type in train, validation and test",
        )
    columns |= _of_tables(splits) if all(tables) else _of_arrays(splits)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # an open file, since savez appends a suffix to a path
        np.savez(file, _as_json(list(columns)), *map(_storable, columns.values()))


def read_manifest(path: Path) -> DataFrame:
    """Read a manifest and add the derived columns (see the module)."""
    import pandas as pd

    with np.load(path, allow_pickle=False) as file:
        names, *columns = [file[name] for name in file.files]
    frame = pd.DataFrame(
        dict(zip(json.loads(names.tobytes()), map(_restored, columns), strict=True))
    )
    for name in ("hash", "group"):
        split_counts = frame[[name, "split"]].drop_duplicates()[name].value_counts()
        frame[f"splits_of_{name}"] = frame[name].map(split_counts).astype(int)
    if not pd.api.types.is_float_dtype(frame["label"]):
        label, split = frame["label"], frame["split"]
        known = label.isin(label[split == "train"].dropna())
        frame["label_in_train"] = known | label.isna()
        counts = frame.groupby(["split", "label"], sort=False)["row"].transform("size")
        frame["rows_of_label"] = counts.fillna(0).astype(int)
    return frame


def unseen(manifest: Path, trained_on: Path) -> Indices:
    """Return the rows of the validation split whose example and group were not trained on.

    Args:
        manifest: The manifest of the data.
        trained_on: The manifest of other data, whose train split was trained on.
    """
    new, old = read_manifest(manifest), read_manifest(trained_on)
    new, old = new[new["split"] == "validation"], old[old["split"] == "train"]
    known = new["hash"].isin(old["hash"]) | new["group"].isin(old["group"])
    rows: Indices = new["row"].to_numpy(dtype=np.intp)[~known.to_numpy()]
    return rows


def own_columns(frame: DataFrame) -> list[str]:
    """Return the names of the table's own columns; empty for arrays."""
    taken = {*COMMON, *DERIVED, *(ARRAY if is_of_arrays(frame) else ())}
    return [name for name in frame.columns if name not in taken]


def is_of_arrays(frame: DataFrame) -> bool:
    """Tell whether the examples are arrays rather than rows of a table."""
    return set(ARRAY) <= set(frame.columns)


def _labels(split: Split) -> Array:
    labels: Array = np.asarray(split.y)
    if labels.ndim == 1:
        return labels
    if labels.dtype.kind not in NUMERIC:
        raise StudyCodeError(
            f"load() returned targets of shape {labels.shape} and type {labels.dtype}",
            "targets that are arrays must be numeric; single targets may be of any type",
        )
    means: Array = labels.reshape(len(labels), -1).mean(axis=1, dtype=np.float64)
    return means


def _groups(name: str, split: Split) -> Array:
    groups = [None] * len(split) if split.group is None else np.asarray(split.group).tolist()
    texts = [_group(one) or f"{name}:{row}" for row, one in enumerate(groups)]
    return np.array(texts, dtype=object)


def _group(value: Any) -> str:
    if isinstance(value, float):  # pandas turns whole numbers into floats if one is missing
        return "" if math.isnan(value) else f"{value:.17g}"
    return "" if value is None else str(value)


def _joined(parts: list[Array]) -> Array:
    """Concatenate without turning numbers into text if the parts differ in kind."""
    parts = [part for part in parts if len(part)] or parts[:1]
    kinds = {"number" if part.dtype.kind in NUMERIC else part.dtype.kind for part in parts}
    return np.concatenate([part if len(kinds) == 1 else part.astype(object) for part in parts])


def _of_arrays(splits: dict[str, Split]) -> Columns:
    parts = [np.asarray(split.x) for split in splits.values()]
    of_parts = [_of_array(part) for part in parts if len(part)] or [_of_array(parts[0])]
    return {name: np.concatenate([one[name] for one in of_parts]) for name in ("hash", *ARRAY)}


def _of_array(x: Array) -> Columns:
    if x.dtype.kind not in NUMERIC:
        return _of_objects(x)
    blocks = [_statistics(block) for block in _blocks(x)]
    return {
        "hash": np.array([_digest(one.tobytes()) for one in x], dtype="U16"),
        "shape": np.full(len(x), _text(x.shape[1:])),
        "dtype": np.full(len(x), str(x.dtype)),
        **{name: np.concatenate([block[name] for block in blocks]) for name in STATISTICS},
    }


def _of_objects(x: Array) -> Columns:
    """Describe examples one by one, since they may differ in shape and type."""
    ones = [
        _of_array(one[None]) if getattr(one, "dtype", x.dtype).kind in NUMERIC else _of_value(one)
        for one in x.tolist()
    ]
    return {
        name: np.concatenate([one[name] for one in ones]) if ones else np.empty(0)
        for name in ("hash", *ARRAY)
    }


def _of_value(value: Any) -> Columns:
    missing = value is None
    return {
        "hash": np.array([_digest(repr(value).encode())]),
        "shape": np.array([_text(getattr(value, "shape", ()))]),
        "dtype": np.array([type(value).__name__]),
        **dict.fromkeys(STATISTICS, np.array([np.nan])),
        "nan_count": np.array([int(missing)]),
    }


def _blocks(x: Array) -> Iterator[Array]:
    flat = x.reshape(len(x), int(np.prod(x.shape[1:], dtype=int)))
    rows = max(1, BLOCK_BYTES // max(1, flat.shape[1] * 8))
    for start in range(0, max(1, len(flat)), rows):
        yield flat[start : start + rows]


def _statistics(block: Array) -> Columns:
    """Describe n examples of m values each; those without finite values have no statistics."""
    values = block.astype(np.float64, copy=False)
    finite = np.isfinite(values)
    whole = finite.all(axis=1) & bool(values.shape[1])
    described = np.full((4, len(values)), np.nan)
    described[:, whole] = _described(values if whole.all() else values[whole])
    for row in np.flatnonzero(~whole & finite.any(axis=1)):
        described[:, row] = _described(values[None, row, finite[row]])[:, 0]
    return dict(zip(STATISTICS, [*described, (~finite).sum(axis=1)], strict=True))


def _described(values: Floats) -> Floats:
    if not values.size:
        return np.empty((4, 0))
    return np.stack(
        [values.min(axis=1), values.max(axis=1), values.mean(axis=1), values.std(axis=1)]
    )


def _digest(example: bytes) -> str:
    return hashlib.blake2b(example, digest_size=8).hexdigest()


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _of_tables(splits: dict[str, Split]) -> Columns:
    import pandas as pd  # the study has imported it already to make the table

    frames = [split.x for split in splits.values() if len(split)] or [splits["train"].x]
    names = [str(name) for name in frames[0].columns]
    _refuse_columns(names, [[str(name) for name in frame.columns] for frame in frames])
    frame = pd.concat(frames)
    frame.columns = pd.Index(names)
    return {"hash": _row_hashes(frame), **{name: _cells(frame[name]) for name in names}}


def _refuse_columns(names: list[str], of_splits: list[list[str]]) -> None:
    if any(others != names for others in of_splits):
        raise StudyCodeError(
            "the tables that load() returned differ in their columns from split to split",
            f"every split must have the columns of train in the same order: {', '.join(names)}",
        )
    for name in names:
        if name in {*COMMON, *DERIVED} or names.count(name) > 1:
            raise StudyCodeError(
                f"the table that load() returned cannot have a column {name!r}",
                f"names must be unique, and these are reserved: {', '.join((*COMMON, *DERIVED))}",
            )


def _row_hashes(frame: DataFrame) -> Array:
    import pandas as pd

    try:
        hashes = pd.util.hash_pandas_object(frame, index=False)
    except TypeError:  # cells that contain lists, for example
        hashes = pd.util.hash_pandas_object(frame.map(repr), index=False)
    return np.array([f"{one:016x}" for one in hashes.to_numpy()])


def _cells(column: Series) -> Array:
    cells: Array = column.to_numpy()
    if cells.dtype.kind not in PLAIN:
        cells = column.astype(object).where(column.notna(), None).to_numpy()
    return cells


def _storable(column: Array) -> Array:
    """Return a column of numbers or times as it is, and any other as the bytes of its JSON."""
    return column if column.dtype.kind in PLAIN else _as_json(column.tolist())


def _as_json(values: list[Any]) -> Array:
    text = json.dumps(values, default=lambda one: one.item() if hasattr(one, "item") else str(one))
    return np.frombuffer(text.encode(), dtype="S1")


def _restored(column: Array) -> Any:
    if column.dtype.kind in PLAIN:
        return column
    import pandas as pd

    values = json.loads(column.tobytes())
    return pd.Series(values, dtype="str" if all(isinstance(v, str) for v in values) else object)
