"""The expectations on the data: the built-in ones, and those of the study.

A study's `expectations.py` defines one function, which returns a list of Great Expectations'
expectations on the columns of the manifest (see `tasks.validation.manifest`):

    import great_expectations.expectations as gxe

    def expectations():
        return [
            gxe.ExpectColumnValuesToBeBetween(column="minimum", min_value=0),
            gxe.ExpectColumnValuesToBeInSet(column="label", value_set=["cat", "dog"]),
        ]

The `description` is the name of an expectation in reports. An expectation replaces a built-in one
of the same type on the same column, so that a study can allow more, as in
`ExpectColumnValuesToNotBeNull(column="age", mostly=0.9)`.

Great Expectations takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.suggestions import did_you_mean
from satisfice.tasks.problem.siblings import importable
from satisfice.tasks.validation.manifest import is_of_arrays, own_columns

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation
    from pandas import DataFrame

SHAPE_OF_FILE = "expectations.py defines `def expectations():` and returns a list of expectations"


def suite_of(frame: DataFrame, file: Path | None) -> list[Expectation]:
    """Return all expectations on a manifest: the built-in ones, then those of the study.

    Args:
        frame: The manifest.
        file: The study's `expectations.py`; None if it has none.

    Raises:
        StudyCodeError: The file raises, returns something else, or uses an unknown column.
    """
    own: list[Expectation] = []
    if file is not None:
        with importable(file.parent):
            own = list(_read(file, frame))
    replaced = {_subject(one) for one in own}
    return [one for one in built_in(frame) if _subject(one) not in replaced] + own


def built_in(frame: DataFrame) -> Iterator[Expectation]:
    """Yield the expectations on the data of every study."""
    import great_expectations.expectations as gxe

    yield gxe.ExpectColumnDistinctValuesToContainSet(
        column="split",
        value_set=["train", "validation", "test"],
        description="no split is empty",
    )
    yield gxe.ExpectColumnValuesToNotBeNull(column="label", description="every example has a label")
    if "label_in_train" in frame:
        yield gxe.ExpectColumnValuesToBeInSet(
            column="label_in_train",
            value_set=[True],
            description="every label of validation and test occurs in train",
        )
    yield from _of_arrays(frame) if is_of_arrays(frame) else _of_tables(frame)
    for column, what in (("splits_of_hash", "example"), ("splits_of_group", "group")):
        yield gxe.ExpectColumnValuesToBeBetween(
            column=column, max_value=1, description=f"no {what} occurs in two splits"
        )


def _of_arrays(frame: DataFrame) -> Iterator[Expectation]:
    import great_expectations.expectations as gxe

    yield gxe.ExpectColumnValuesToBeBetween(
        column="nan_count", max_value=0, description="no example contains NaN or an infinite value"
    )
    for column, what in (("shape", "shape"), ("dtype", "type")):
        for usual in frame[column].mode()[:1]:
            yield gxe.ExpectColumnValuesToBeInSet(
                column=column,
                value_set=[usual],
                description=f"every example has the {what} {usual}",
            )


def _of_tables(frame: DataFrame) -> Iterator[Expectation]:
    import great_expectations.expectations as gxe

    for column in own_columns(frame):
        yield gxe.ExpectColumnValuesToNotBeNull(
            column=column, description=f"no value of {column} is missing"
        )


def _subject(expectation: Expectation) -> tuple[type, tuple[str, ...]]:
    return type(expectation), tuple(_columns(expectation))


def _columns(expectation: Expectation) -> Iterator[str]:
    for name in ("column", "column_A", "column_B"):
        if hasattr(expectation, name):
            yield getattr(expectation, name)
    yield from getattr(expectation, "column_list", None) or ()


def _read(file: Path, frame: DataFrame) -> Iterator[Expectation]:
    from great_expectations.expectations.core import ExpectColumnToExist
    from great_expectations.expectations.expectation import Expectation

    for one in _returned(file):
        if not isinstance(one, Expectation):
            raise StudyCodeError(
                f"{file}:{_line_of_function(file)}: expectations() returned {one!r} in its list,"
                " which is not an expectation",
                "use instances of the classes in great_expectations.expectations",
            )
        # a copy, since an expectation belongs to one suite
        yield one.copy(update={"id": None})
        if not isinstance(one, ExpectColumnToExist):
            _refuse_unknown(file, _columns(one), list(frame.columns))


def _returned(file: Path) -> Iterable[object]:
    function = getattr(_run(file), "expectations", None)
    if not callable(function):
        raise StudyCodeError(f"{file}: it does not define a function `expectations`", SHAPE_OF_FILE)
    with _reported_errors(file):
        returned = function()
    if not isinstance(returned, list | tuple):
        raise StudyCodeError(
            f"{file}:{_line_of_function(file)}: expectations() returned"
            f" {type(returned).__name__}, not a list",
            SHAPE_OF_FILE,
        )
    return returned


def _run(file: Path) -> ModuleType:
    module = ModuleType(file.stem)
    module.__file__ = str(file)
    with _reported_errors(file):
        exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)  # noqa: S102
    return module


@contextmanager
def _reported_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if error.filename != str(file):
            raise _error(file, error) from error
        raise StudyCodeError(
            f"{file}: there is no such file",
            "it is named by `data: {expectations: ...}` in study.yaml",
        ) from error
    except SyntaxError as error:
        found = (error.text or "").strip()
        raise StudyCodeError(
            f"{error.filename}:{error.lineno}: {error.msg}", f"in the line: {found}"
        ) from error
    except Exception as error:  # anything that the study's code raises
        raise _error(file, error) from error


def _error(file: Path, error: Exception) -> StudyCodeError:
    frames = traceback.extract_tb(error.__traceback__)
    line = next((one.lineno for one in reversed(frames) if one.filename == str(file)), 1)
    text = " ".join(str(error).split())
    source = file.read_text().splitlines()[(line or 1) - 1].strip()
    return StudyCodeError(
        f"{file}:{line}: {type(error).__name__}: {text}", f"in the line: {source}"
    )


def _refuse_unknown(file: Path, columns: Iterable[str], known: list[str]) -> None:
    for column in columns:
        if column not in known:
            raise StudyCodeError(
                f"{file}:{_line_of_text(file, column)}: unknown column {column!r}",
                did_you_mean(column, known, f"The columns are: {', '.join(known)}"),
            )


def _line_of_text(file: Path, text: str) -> int:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Constant) and node.value == text:
            return node.lineno
    return _line_of_function(file)


def _line_of_function(file: Path) -> int:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.FunctionDef) and node.name == "expectations":
            return node.lineno
    return 1
