"""The data gate on real data, through the real Great Expectations.

All that needs it stands in this one file and one group, so that its import is paid for once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.study import DataSource, Study
from satisfice.domain.summary import DataReport, ExpectationResult
from satisfice.tasks.problem.data import Data, Split
from satisfice.tasks.processes.companion import Companion
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.validation.gate import validate
from satisfice.tasks.validation.manifest import write_manifest

Gate = Callable[..., DataReport]


@pytest.fixture(scope="module")
def digits() -> Data:
    """The digits as `studies/digits` prepares them, with a split of our own: every fifth."""
    digits = load_digits()
    x = digits.images[:, None].astype("float32") / 16
    _, first = np.unique(x.reshape(len(x), -1), axis=0, return_index=True)
    assert len(first) == len(x)  # no twins among them: what the tests below add is all there is
    fifth = np.arange(len(x)) % 5
    parts = [fifth < 3, fifth == 3, fifth == 4]
    return Data(*(Split(x[part], digits.target[part]) for part in parts))


@pytest.fixture(scope="module")
def study(request: pytest.FixtureRequest) -> Study:
    return read_study(request.config.rootpath / "studies" / "digits")


@pytest.fixture
def gate(study: Study, tmp_path: Path) -> Gate:
    """Judge data by the built-in expectations, or by those of a study written for the test."""

    def judge(data: Data, text: str | None = None, docs: Path | None = None) -> DataReport:
        path = tmp_path / "manifest.npz"
        write_manifest(data, path)
        source = DataSource("test data", None if text is None else "expectations.py")
        if text is not None:
            (tmp_path / "expectations.py").write_text(text)
        of_test = replace(study, folder=str(tmp_path), data=source)
        return validate(of_test, path, data.digest(), docs)

    return judge


def changed(data: Data, split: str, **parts: Any) -> Data:
    return replace(data, **{split: replace(getattr(data, split), **parts)})


def failures(report: DataReport) -> dict[str, ExpectationResult]:
    return {one.name: one for one in report.results if not one.passed}


def the_failure(report: DataReport, name: str) -> ExpectationResult:
    assert list(failures(report)) == [name]
    return failures(report)[name]


def expecting(*expectations: str) -> str:
    return (
        "import great_expectations.expectations as gxe\n"
        "from great_expectations.expectations.row_conditions import Column\n\n\n"
        f"def expectations():\n    return [{', '.join(expectations)}]\n"
    )


def text_of(page: Path) -> str:
    """Return what a reader of a page sees, without its tags and styles."""
    body = page.read_text().partition("<body")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def assert_self_contained(page: Path) -> None:
    source = page.read_text()
    assert not re.findall(r"https?:|//[a-z]|url\(|@import|<script|<link|<img", source)
    assert all(one.startswith("#") for one in re.findall(r'(?:href|src)="([^"]*)"', source))


def test_the_digits_pass_through_a_companion(study: Study, digits: Data, tmp_path: Path) -> None:
    path = tmp_path / "data" / "manifest.npz"
    write_manifest(digits, path)
    with Companion("great_expectations") as companion:
        work = companion.submit(validate, study, path, digits.digest(), tmp_path / "data" / "docs")
        report = work.result()
    assert report.passed, failures(report)
    assert report.digest == digits.digest()
    assert report.rows == {"train": 1079, "validation": 359, "test": 359}
    names = [one.name for one in report.results]
    assert len(set(names)) == len(names)
    assert names[0] == "no split is empty"
    assert "no image is blank" in names
    assert report.seconds > 0
    page = Path(report.docs)
    assert page == tmp_path / "data" / "docs" / "index.html"
    assert_self_contained(page)
    text = text_of(page)
    assert "Status: Succeeded" in text
    assert "test 359" in text
    for name in names:
        assert name in text


def test_the_gate_is_silent(
    gate: Gate, digits: Data, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = expecting("gxe.ExpectColumnMeanToBeBetween(column='split', max_value=1)")
    assert not gate(digits, own, tmp_path / "docs").passed
    assert capfd.readouterr() == ("", "")


def test_no_page_is_written_unasked(gate: Gate, digits: Data) -> None:
    assert gate(digits).docs == ""


def test_a_twin_across_splits(gate: Gate, digits: Data) -> None:
    x = digits.validation.x.copy()
    x[4] = digits.train.x[17]
    report = gate(changed(digits, "validation", x=x))
    failure = the_failure(report, "no example occurs in two splits")
    assert failure.unexpected == 2
    assert len(failure.examples) == 1
    assert failure.examples[0].endswith("train row 17 = validation row 4")


def test_a_group_across_splits(gate: Gate, digits: Data) -> None:
    groups = {
        name: np.array([f"{name} {row // 10}" for row in range(len(split))])
        for name, split in digits.splits.items()
    }
    groups["test"][100:102] = "train 7"
    data = Data(*(replace(split, group=groups[name]) for name, split in digits.splits.items()))
    failure = the_failure(gate(data), "no group occurs in two splits")
    assert failure.unexpected == 10 + 2
    assert failure.examples == ("group train 7: train row 70 = test row 100",)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_no_number(value: float, gate: Gate, digits: Data) -> None:
    x = digits.test.x.copy()
    x[9, 0, 2, 2:4] = value
    failure = the_failure(
        gate(changed(digits, "test", x=x)), "no example contains NaN or an infinite value"
    )
    assert failure.unexpected == 1
    assert failure.examples == ("test row 9: nan_count 2",)


def test_a_pixel_out_of_range(gate: Gate, study: Study, digits: Data) -> None:
    x = digits.train.x.copy()
    x[3, 0, 0, 0] = 17
    own = Path(study.folder, "expectations.py").read_text()
    report = gate(changed(digits, "train", x=x), own)
    (failure,) = failures(report).values()
    assert "maximum" in failure.name
    assert "less than or equal to 1" in failure.name
    assert failure.unexpected == 1
    assert failure.examples == ("train row 3: maximum 17",)


def test_a_class_that_train_lacks(gate: Gate, digits: Data) -> None:
    rows = np.flatnonzero(digits.train.y != 3)
    report = gate(replace(digits, train=digits.train.take(rows)))
    failure = the_failure(report, "every label of validation and test occurs in train")
    threes = [np.flatnonzero(split.y == 3) for split in (digits.validation, digits.test)]
    assert failure.unexpected == sum(map(len, threes))
    assert len(failure.examples) == 5
    assert failure.examples[0] == f"validation row {threes[0][0]}: label 3"


def test_examples_of_another_shape_and_type(gate: Gate, digits: Data) -> None:
    x = digits.test.x.reshape(len(digits.test), 8, 8).astype("float64")
    found = failures(gate(changed(digits, "test", x=x)))
    assert list(found) == [
        "every example has the shape 1x8x8",
        "every example has the type float32",
    ]
    assert {one.unexpected for one in found.values()} == {359}
    assert [one.examples[0] for one in found.values()] == [
        "test row 0: shape 8x8",
        "test row 0: dtype float64",
    ]


def test_an_empty_split(gate: Gate, digits: Data) -> None:
    report = gate(digits.without_test())
    failure = the_failure(report, "no split is empty")
    assert failure.unexpected == 1
    assert failure.examples == ("missing: test",)
    assert report.rows["test"] == 0


def test_no_data_at_all(gate: Gate, digits: Data) -> None:
    nothing = digits.train.take(np.arange(0))
    report = gate(Data(nothing, nothing, nothing))
    assert the_failure(report, "no split is empty").unexpected == 3


def test_a_label_that_is_missing(gate: Gate, digits: Data) -> None:
    y = digits.validation.y.astype(object)
    y[7] = None
    failure = the_failure(gate(changed(digits, "validation", y=y)), "every example has a label")
    assert failure.unexpected == 1
    assert failure.examples == ("validation row 7: label missing",)


def test_measurements_may_be_new(gate: Gate, digits: Data) -> None:
    data = Data(
        *(replace(split, y=split.y + at / 10) for at, split in enumerate(digits.splits.values()))
    )
    assert gate(data).passed


def test_expectations_of_the_study(gate: Gate, digits: Data, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    report = gate(
        digits,
        expecting(
            "gxe.ExpectColumnValuesToBeBetween(column='label', max_value=8)",
            "gxe.ExpectColumnValuesToBeBetween(column='label', max_value=8,"
            " row_condition=Column('split') == 'test',"
            " description='no $9 $column < <b>in</b> test')",
            "gxe.ExpectColumnMeanToBeBetween(column='std', max_value=0.1)",
            "gxe.ExpectColumnDistinctValuesToEqualSet(column='label', value_set=[*range(2, 12)])",
            "gxe.ExpectColumnToExist(column='writer')",
            "gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A='maximum', column_B='minimum')",
        ),
        docs,
    )
    nines = [int((split.y == 9).sum()) for split in digits.splits.values()]
    found = failures(report)
    assert {name: one.unexpected for name, one in found.items()} == {
        "label values must be less than or equal to 8": sum(nines),
        "no $9 $column < <b>in</b> test": nines[2],
        "std mean must be less than or equal to 0.1": 0,
        "label distinct values must match this set: 2 3 4 5 6 7 8 9 10 11": 4,
        "writer is a required field": 0,
    }
    assert [one.examples for one in list(found.values())[2:4]] == [
        (f"observed: {np.mean([one.std() for one in all_x(digits)]):.6g}",),
        ("missing: 10, 11", "unexpected: 0, 1"),
    ]
    assert_self_contained(docs / "index.html")
    text = text_of(docs / "index.html")
    assert "Status: Failed" in text
    for one in report.results:
        assert one.name in text
        assert all(example in text for example in one.examples)


def all_x(data: Data) -> Any:
    return np.concatenate([split.x for split in data.splits.values()])


def test_what_great_expectations_cannot_evaluate_has_failed(gate: Gate, digits: Data) -> None:
    report = gate(
        digits,
        expecting(
            "gxe.ExpectColumnValuesToMatchRegex(column='split', regex='(')",
            "gxe.ExpectColumnMeanToBeBetween(column='split', max_value=1)",
        ),
    )
    found = list(failures(report).values())
    assert len(found) == 2
    assert "regular expression" in found[0].examples[0]
    assert "mean" in found[1].examples[0]


def test_an_expectation_of_the_study_takes_the_place_of_a_built_in_one(
    gate: Gate, digits: Data
) -> None:
    x = digits.validation.x.copy()
    x[4] = digits.train.x[17]
    data = changed(digits, "validation", x=x)
    lenient = "gxe.ExpectColumnValuesToBeBetween(column='splits_of_hash', max_value=1, mostly=0.99)"
    strict = "gxe.ExpectColumnValuesToBeInSet(column='splits_of_hash', value_set=[1])"
    assert gate(data, expecting(lenient)).passed
    assert len(failures(gate(data, expecting(strict)))) == 2


def test_expectations_may_be_asked_for_twice(gate: Gate, digits: Data, tmp_path: Path) -> None:
    (tmp_path / "kept.py").write_text(
        "import great_expectations.expectations as gxe\n"
        "KEPT = [gxe.ExpectTableRowCountToEqual(value=1797)] * 2\n"
    )
    text = "from kept import KEPT\n\n\ndef expectations():\n    return KEPT\n"
    first, second = gate(digits, text), gate(digits, text)
    assert first.passed
    assert first.results == second.results


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("def expectations(:\n", 1, "invalid syntax", "in the line: def expectations(:"),
        ("\nimport no_such_package\n", 2, "no_such_package", "in the line: import no_such_package"),
        ("x = 1\n", None, "does not define a function `expectations`", "def expectations"),
        ("def expectations():\n    pass\n", 1, "NoneType, not a list", "returns a list"),
        ("\ndef expectations():\n    return ['unique']\n", 2, "'unique'", "great_expectations"),
        ("def expectations(n):\n    return []\n", 1, "missing 1 required", "in the line"),
        (
            "def more():\n    return 1 / 0\n\n\ndef expectations():\n    return [more()]\n",
            2,
            "ZeroDivisionError: division by zero",
            "in the line: return 1 / 0",
        ),
        (
            expecting("\n        gxe.ExpectColumnValuesToBeBetween(column=7)"),
            7,
            "ValidationError",
            "in the line: gxe.ExpectColumnValuesToBeBetween(column=7)",
        ),
        (
            expecting("\n        gxe.ExpectColumnValuesToBeUnique(column='lable')"),
            7,
            "unknown column 'lable'",
            "did you mean 'label'? The columns are: row, split, label",
        ),
        (
            expecting("*(gxe.ExpectColumnValuesToBeUnique(column='x' + n) for n in 'yz')"),
            5,
            "unknown column 'xy'",
            "The columns are: row",
        ),
    ],
)
def test_broken_expectations(
    text: str, line: int | None, message: str, hint: str, gate: Gate, digits: Data, tmp_path: Path
) -> None:
    with pytest.raises(StudyCodeError) as caught:
        gate(digits, text)
    place = f"{tmp_path / 'expectations.py'}:{line}: " if line else str(tmp_path)
    assert caught.value.message.startswith(place)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_expectations_that_are_not_there(study: Study, digits: Data, tmp_path: Path) -> None:
    write_manifest(digits, tmp_path / "manifest.npz")
    elsewhere = replace(study, folder=str(tmp_path))
    with pytest.raises(StudyCodeError, match=r"expectations\.py: there is no such file"):
        validate(elsewhere, tmp_path / "manifest.npz", "", None)


def houses(first: int, n: int) -> Split:
    ids = np.arange(first, first + n)
    x = pd.DataFrame({"area": ids * 1.5, "town": [f"town {one % 3}" for one in ids]})
    return Split(x, ids * 1000.0)


def test_a_table(gate: Gate) -> None:
    data = Data(houses(0, 20), houses(20, 6), houses(26, 6))
    own = expecting("gxe.ExpectColumnValuesToBeBetween(column='area', min_value=1)")
    report = gate(data, own)
    failure = the_failure(report, "area values must be greater than or equal to 1")
    assert failure.examples == ("train row 0: area 0",)
    assert "no value of town is missing" in [one.name for one in report.results]


def test_a_table_with_gaps_and_twins(gate: Gate) -> None:
    train, test = houses(0, 20), houses(19, 6)
    train.x.loc[3, "area"] = np.nan
    train.x.loc[5, "town"] = None
    data = Data(train, houses(26, 6), test)
    found = failures(gate(data))
    assert {name: one.examples for name, one in found.items()} == {
        "no value of area is missing": ("train row 3: area missing",),
        "no value of town is missing": ("train row 5: town missing",),
        "no example occurs in two splits": (found["no example occurs in two splits"].examples[0],),
    }
    assert "train row 19 = test row 0" in found["no example occurs in two splits"].examples[0]
    allowed = expecting("gxe.ExpectColumnValuesToNotBeNull(column='area', mostly=0.9)")
    assert "no value of area is missing" not in failures(gate(data, allowed))


def test_values_of_the_data_cannot_write_the_page(gate: Gate, tmp_path: Path) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    frames = [pd.DataFrame({"name": [f"{attack}{at}"]}) for at in range(3)]
    data = Data(*(Split(frame, np.array([0])) for frame in frames))
    own = expecting("gxe.ExpectColumnValuesToBeInSet(column='name', value_set=['a'])")
    report = gate(data, own, tmp_path / "docs")
    assert not report.passed
    assert_self_contained(tmp_path / "docs" / "index.html")
