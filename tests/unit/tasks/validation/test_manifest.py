"""The manifest: one row an example, written without heavy libraries and read back as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.problem.data import Data, Split
from satisfice.tasks.validation.manifest import own_columns, read_manifest, unseen, write_manifest


def images(n: int, seed: int, shape: tuple[int, ...] = (8, 8)) -> Any:
    return np.random.default_rng(seed).random((n, *shape), dtype=np.float32)


def labels(n: int) -> Any:
    return np.arange(n) % 3


def three(train: Split, validation: Split | None = None, test: Split | None = None) -> Data:
    return Data(
        train,
        validation or Split(images(6, 1), labels(6)),
        test or Split(images(6, 2), labels(6)),
    )


def manifest_of(data: Data, folder: Path) -> pd.DataFrame:
    path = folder / "new" / "manifest.npz"
    write_manifest(data, path)
    return read_manifest(path)


def test_one_row_an_example_over_all_splits(tmp_path: Path) -> None:
    frame = manifest_of(three(Split(images(9, 0), labels(9))), tmp_path)
    assert frame["split"].tolist() == ["train"] * 9 + ["validation"] * 6 + ["test"] * 6
    assert frame["row"].tolist() == [*range(9), *range(6), *range(6)]
    assert frame["label"].tolist() == [*labels(9), *labels(6), *labels(6)]
    assert frame["group"].is_unique
    assert frame["hash"].is_unique
    assert own_columns(frame) == []


def test_statistics_are_those_of_each_example(tmp_path: Path) -> None:
    x = images(9, 0, (3, 5, 4))
    frame = manifest_of(three(Split(x, labels(9))), tmp_path)[:9]
    assert set(frame["shape"]) == {"3x5x4"}
    assert set(frame["dtype"]) == {"float32"}
    for name, expected in (("minimum", np.min), ("maximum", np.max), ("std", np.std)):
        assert frame[name].to_numpy() == pytest.approx([expected(one) for one in x], rel=1e-5)
    assert frame["mean"].to_numpy() == pytest.approx([one.mean() for one in x], rel=1e-5)
    assert set(frame["nan_count"]) == {0}


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float16, np.float64])
def test_every_numeric_type_is_described(dtype: type, tmp_path: Path) -> None:
    x = (images(9, 0) * 2).astype(dtype)
    frame = manifest_of(three(Split(x, labels(9))), tmp_path)[:9]
    assert set(frame["dtype"]) == {np.dtype(dtype).name}
    assert frame["maximum"].tolist() == [float(one.max()) for one in x]


def test_statistics_leave_out_what_is_not_finite(tmp_path: Path) -> None:
    x = images(4, 0)
    x[1, 0, 0], x[1, 0, 1], x[2] = np.nan, np.inf, np.nan
    frame = manifest_of(three(Split(x, labels(4))), tmp_path)[:4]
    assert frame["nan_count"].tolist() == [0, 2, 64, 0]
    assert frame["maximum"][1] == pytest.approx(x[1].ravel()[2:].max())
    assert np.isnan(frame["mean"][2])


def test_statistics_are_the_same_in_several_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = three(Split(images(9, 0), labels(9)))
    whole = manifest_of(data, tmp_path)
    monkeypatch.setattr("satisfice.tasks.validation.manifest.BLOCK_BYTES", 2 * 64 * 8)
    pd.testing.assert_frame_equal(manifest_of(data, tmp_path), whole)


def test_the_same_bytes_have_the_same_hash_in_every_split(tmp_path: Path) -> None:
    x = images(9, 0)
    twin = images(6, 1)
    twin[4] = x[7]
    frame = manifest_of(three(Split(x, labels(9)), Split(twin, labels(6))), tmp_path)
    assert frame["hash"][7] == frame["hash"][9 + 4]
    assert frame.index[frame["splits_of_hash"] == 2].tolist() == [7, 13]
    assert set(frame["splits_of_hash"]) == {1, 2}


def test_a_twin_in_the_same_split_is_not_in_two_splits(tmp_path: Path) -> None:
    x = images(9, 0)
    x[3] = x[5]
    frame = manifest_of(three(Split(x, labels(9))), tmp_path)
    assert frame["hash"][3] == frame["hash"][5]
    assert set(frame["splits_of_hash"]) == {1}


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        (np.arange(9), np.arange(8, 14)),
        (np.arange(9), np.array([8.0, 20, 21, 22, 23, np.nan])),  # numbers beside a missing one
        (np.array(list("abcdefghi")), np.array(list("izzzzz"), dtype=object)),
    ],
)
def test_groups_are_the_same_whatever_their_type(
    train: Any, validation: Any, tmp_path: Path
) -> None:
    data = three(Split(images(9, 0), labels(9), train), Split(images(6, 1), labels(6), validation))
    frame = manifest_of(data, tmp_path)
    assert frame.index[frame["splits_of_group"] == 2].tolist() == [8, 9]


def test_examples_without_a_group_stand_for_themselves(tmp_path: Path) -> None:
    group = np.array([None, None, "a", "a"], dtype=object)
    frame = manifest_of(three(Split(images(4, 0), labels(4), group)), tmp_path)
    assert frame["group"].nunique() == 3 + 6 + 6
    assert set(frame["splits_of_group"]) == {1}


def test_labels_keep_their_type(tmp_path: Path) -> None:
    text = np.array(["cat", "dög", None, "cat"], dtype=object)
    frame = manifest_of(
        three(
            Split(images(4, 0), text),
            Split(images(2, 1), np.array(["emu", "cat"])),
            Split(images(1, 2), np.array(["dög"])),
        ),
        tmp_path,
    )
    assert frame["label"].tolist() == ["cat", "dög", None, "cat", "emu", "cat", "dög"]
    assert frame["label_in_train"].tolist() == [True, True, True, True, False, True, True]
    assert frame["rows_of_label"].tolist() == [2, 1, 0, 2, 1, 1, 1]


def test_whole_numbers_stay_so_beside_a_missing_label(tmp_path: Path) -> None:
    y = np.array([1, None, 3], dtype=object)
    frame = manifest_of(three(Split(images(3, 0), y)), tmp_path)
    assert frame["label"].tolist()[:3] == [1, None, 3]
    assert "label_in_train" in frame


def test_measurements_are_no_classes(tmp_path: Path) -> None:
    data = Data(*(Split(images(5, seed), np.linspace(0, seed, 5)) for seed in range(3)))
    frame = manifest_of(data, tmp_path)
    assert "label_in_train" not in frame
    assert "rows_of_label" not in frame


def test_an_answer_that_is_an_array_is_shown_by_its_mean(tmp_path: Path) -> None:
    masks = [images(5, seed) for seed in range(3)]
    masks[0][2, 0, 0] = np.nan
    data = Data(*(Split(images(5, seed), mask) for seed, mask in enumerate(masks)))
    frame = manifest_of(data, tmp_path)
    assert frame["label"][0] == pytest.approx(masks[0][0].mean(), rel=1e-6)
    assert frame["label"].isna().tolist().index(True) == 2


def test_answers_that_are_arrays_of_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyCodeError, match="targets of shape"):
        manifest_of(three(Split(images(2, 0), np.array([["a", "b"], ["c", "d"]]))), tmp_path)


def test_examples_may_differ_in_shape_and_type(tmp_path: Path) -> None:
    x = np.empty(3, dtype=object)
    x[:] = [np.zeros((2, 3)), np.ones((4,), dtype=np.uint8), None]
    frame = manifest_of(three(Split(x, labels(3))), tmp_path)[:3]
    assert frame["shape"].tolist() == ["2x3", "4", "scalar"]
    assert frame["dtype"].tolist() == ["float64", "uint8", "NoneType"]
    assert frame["nan_count"].tolist() == [0, 0, 1]


def test_texts_are_the_same_whatever_the_width_of_their_array(tmp_path: Path) -> None:
    data = Data(
        Split(np.array(["a", "bb"]), labels(2)),
        Split(np.array(["bb", "cccccc"]), labels(2)),
        Split(np.array(["d"]), labels(1)),
    )
    frame = manifest_of(data, tmp_path)
    assert set(frame["dtype"]) == {"str"}
    assert frame["splits_of_hash"].tolist() == [1, 2, 2, 1, 1]


def test_empty_splits_have_no_rows(tmp_path: Path) -> None:
    data = three(Split(images(9, 0), labels(9)))
    frame = manifest_of(data.without_test(), tmp_path)
    assert set(frame["split"]) == {"train", "validation"}
    nothing = Split(images(0, 0), labels(0))
    assert len(manifest_of(Data(nothing, nothing, nothing), tmp_path)) == 0


def table(n: int, first: int = 0) -> pd.DataFrame:
    ids = np.arange(first, first + n)
    return pd.DataFrame(
        {
            "age": ids * 1.5,
            "rooms": pd.array([None if one % 4 == 3 else one for one in ids], dtype="Int64"),
            "town": pd.Categorical([f"town {one % 2}" for one in ids]),
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(ids, unit="D"),
            "file": [f"{one}.txt" for one in ids],  # a name that numpy's savez claims for itself
        }
    )


def tables(*frames: pd.DataFrame) -> Data:
    return Data(*(Split(frame, labels(len(frame))) for frame in frames))


def test_a_table_keeps_its_own_columns(tmp_path: Path) -> None:
    frame = manifest_of(tables(table(5), table(3, 5), table(3, 8)), tmp_path)
    assert own_columns(frame) == ["age", "rooms", "town", "sold", "file"]
    assert frame["age"].tolist() == [one * 1.5 for one in range(11)]
    assert frame["rooms"].isna().tolist()[:5] == [False, False, False, True, False]
    assert frame["rooms"][4] == 4
    assert frame["town"].tolist()[:3] == ["town 0", "town 1", "town 0"]
    assert frame["sold"].tolist()[1] == pd.Timestamp("2020-01-02")
    assert frame["file"].tolist()[10] == "10.txt"
    assert set(frame["splits_of_hash"]) == {1}


def test_the_same_row_of_a_table_has_the_same_hash(tmp_path: Path) -> None:
    frame = manifest_of(tables(table(5), table(3, 4), table(3, 8)), tmp_path)
    assert frame.index[frame["splits_of_hash"] == 2].tolist() == [4, 5]


def test_cells_of_a_table_may_be_lists(tmp_path: Path) -> None:
    frames = [pd.DataFrame({"path": [[seed, 1], [seed, 2, 3]]}) for seed in (0, 1, 0)]
    frame = manifest_of(tables(*frames), tmp_path)
    assert frame["path"].tolist()[:2] == [[0, 1], [0, 2, 3]]
    assert frame["splits_of_hash"].tolist() == [2, 2, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([table(3).rename(columns={"age": "label"})] * 3, "'label'"),
        ([table(3).rename(columns={"age": "town"})] * 3, "'town'"),
        ([table(3), table(3, 3).drop(columns="age"), table(3, 6)], "from split to split"),
    ],
)
def test_tables_that_the_manifest_cannot_hold_are_refused(
    frames: list[pd.DataFrame], message: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyCodeError, match=message) as caught:
        manifest_of(tables(*frames), tmp_path)
    assert caught.value.hint


def test_tables_beside_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyCodeError, match="a table"):
        manifest_of(three(Split(table(3), labels(3))), tmp_path)


def test_writing_the_manifest_of_images_imports_nothing_heavy(root: Path, tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from satisfice.tasks.problem.data import Data, Split\n"
        "from satisfice.tasks.validation.manifest import write_manifest\n"
        "one = Split(np.zeros((3, 2)), np.array(['a', 'b', 'c']))\n"
        f"write_manifest(Data(one, one, one), Path({str(tmp_path / 'm.npz')!r}))\n"
        "print(sorted({'pandas', 'pyarrow', 'great_expectations'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_was_trained_on_before_is_not_unseen(tmp_path: Path) -> None:
    x = images(12, 0)
    group = np.array(["a", "b", "c", "d", "e", "f"])
    new = three(Split(images(9, 3), labels(9)), Split(x[:6], labels(6), group))
    old = three(
        Split(x[[0, 5, 8]], labels(3), np.array(["z", "y", "b"])),  # two examples and a group
        Split(x[2:4], labels(2)),  # chosen by, not trained on
    )
    write_manifest(new, tmp_path / "new.npz")
    write_manifest(old, tmp_path / "old.npz")

    assert unseen(tmp_path / "new.npz", tmp_path / "old.npz").tolist() == [2, 3, 4]
    assert unseen(tmp_path / "old.npz", tmp_path / "new.npz").tolist() == [0, 1]


def test_rows_of_a_table_are_known_again(tmp_path: Path) -> None:
    table = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "town": ["x", "y", "z", "x"]})
    parts = [Split(table.iloc[rows], labels(len(rows))) for rows in ([0, 1], [2, 3], [0])]
    again = [Split(table.iloc[rows], labels(len(rows))) for rows in ([3], [0], [1])]
    write_manifest(Data(*parts), tmp_path / "new.npz")
    write_manifest(Data(*again), tmp_path / "old.npz")

    assert unseen(tmp_path / "new.npz", tmp_path / "old.npz").tolist() == [0]
