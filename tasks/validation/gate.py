"""The data gate: Great Expectations on the manifest of the data that training reads.

It runs in a companion process, since Great Expectations takes seconds to import. The validation
itself takes a fraction of a second: its context is ephemeral, so that it reads and writes no files,
and its only batch is the manifest in memory.
"""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from satisfice.domain.study import Study
from satisfice.domain.summary import DataReport, ExpectationResult
from satisfice.tasks.validation.data_docs import write_docs
from satisfice.tasks.validation.expectations import suite_of
from satisfice.tasks.validation.manifest import read_manifest

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.expectations.expectation import Expectation
    from pandas import DataFrame

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when it is imported

SPLITS = ("train", "validation", "test")
EXAMPLES = 5  # unexpected rows to name

# Columns that describe a row better than the column that was checked.
TELLING = {
    "label_in_train": ("label",),
    "rows_of_label": ("label", "rows_of_label"),
}
# Columns that count splits, and the column that they count for.
COUNTED = {"splits_of_hash": "hash", "splits_of_group": "group"}


def validate(study: Study, manifest: Path, digest: str, docs: Path | None) -> DataReport:
    """Validate a study's data with the built-in expectations and those of the study.

    Args:
        study: The specification.
        manifest: The manifest of the data.
        digest: Digest of that data.
        docs: Folder for the data docs page; None: no page is written.

    Returns:
        The report with one result for each expectation, the built-in ones first. One that Great
        Expectations cannot evaluate has failed, and the reason is among its examples.

    Raises:
        StudyCodeError: The study's `expectations.py` fails; the message names the line.
    """
    began = time.perf_counter()
    frame = read_manifest(manifest)
    name = study.data.expectations
    expectations = suite_of(frame, Path(study.folder) / name if name else None)
    for expectation in expectations:
        expectation.description = expectation.description or _in_words(expectation)
    outcome = _run(study.name, expectations, frame)
    results = tuple(_result(one, frame) for one in outcome.results)
    rows = {split: int((frame["split"] == split).sum()) for split in SPLITS}
    page = ""
    if docs is not None:
        counts = ", ".join(f"{split} {count}" for split, count in rows.items())
        about = {"data_asset_name": study.data.source, "digest": digest, "rows": counts}
        page = str(write_docs(outcome, results, about, docs))
    return DataReport(
        digest=digest,
        rows=rows,
        results=results,
        docs=page,
        seconds=time.perf_counter() - began,
    )


def _run(
    name: str, expectations: list[Expectation], frame: DataFrame
) -> ExpectationSuiteValidationResult:
    """Validate, and return the results in the order of the expectations."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    source = context.data_sources.add_pandas("manifest").add_dataframe_asset(name)
    suite = context.suites.add(gx.ExpectationSuite(name, expectations=expectations))
    gate = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=name, data=source.add_batch_definition_whole_dataframe(name), suite=suite
        )
    )
    with warnings.catch_warnings(action="ignore"):
        outcome = gate.run(
            batch_parameters={"dataframe": frame},
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": EXAMPLES,
                "unexpected_index_column_names": ["split", "row"],
            },
        )
    order = [expectation.id for expectation in suite.expectations]
    outcome.results.sort(key=lambda one: order.index(one.expectation_config.id))
    return outcome


def _in_words(expectation: Expectation) -> str:
    """Return Great Expectations' own description, such as `label values must be unique`."""
    from great_expectations.expectations.registry import get_renderer_impl

    configuration = expectation.configuration
    words = []
    found = get_renderer_impl(configuration.type, "renderer.prescriptive")
    for part in found[1](configuration=configuration) if found else ():
        text = part.to_json_dict().get("string_template")
        if text:
            words.append(Template(text["template"]).safe_substitute(text["params"]))
    # Limits are stored as floats: 8.0 for 8.
    sentence = re.sub(r"(?<=\d)\.0(?!\d)", "", " ".join(words)).rstrip(".")
    return sentence or configuration.type.replace("_", " ")


def _result(one: ExpectationValidationResult, frame: DataFrame) -> ExpectationResult:
    return ExpectationResult(
        name=one.expectation_config.description,
        passed=bool(one.success),
        unexpected=0 if one.success else _count(one.result),
        examples=() if one.success else tuple(_examples(one, frame))[:EXAMPLES],
    )


def _count(found: Mapping[str, Any]) -> int:
    """Return the number of unexpected rows; for sets, of unexpected and missing values."""
    missing = found["missing_count"] if "partial_missing_list" in found else 0
    return int(found.get("unexpected_count", 0) + missing)


def _examples(one: ExpectationValidationResult, frame: DataFrame) -> Iterator[str]:
    yield from dict.fromkeys(_raised(one.exception_info or {}))
    found: Mapping[str, Any] = one.result
    column = one.expectation_config.kwargs.get("column")
    if column in COUNTED:
        yield from _shared(frame, column)
    elif rows := found.get("partial_unexpected_index_list"):
        for row in rows:
            yield _row(row, TELLING.get(column, ()), frame)
    else:
        if missing := found.get("partial_missing_list"):
            yield f"missing: {_listed(missing)}"
        if unexpected := found.get("partial_unexpected_list"):
            yield f"unexpected: {_listed(unexpected)}"
        if found.get("observed_value") is not None:
            yield f"observed: {_shown(found['observed_value'])}"


def _raised(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield the messages of errors: one, or one for each metric that failed."""
    for one in (info, *(value for value in info.values() if isinstance(value, dict))):
        if one.get("raised_exception"):
            yield " ".join(str(one["exception_message"]).split())


def _shared(frame: DataFrame, column: str) -> Iterator[str]:
    """Yield the values that several splits share, each with its first row in every split."""
    name = COUNTED[column]
    shared = frame[frame[column] > 1].drop_duplicates([name, "split"])
    for value, rows in shared.groupby(name, sort=False):
        pairs = zip(rows["split"], rows["row"], strict=True)
        yield f"{name} {value}: " + " = ".join(f"{split} row {row}" for split, row in pairs)


def _row(row: Mapping[str, Any], telling: tuple[str, ...], frame: DataFrame) -> str:
    if telling:
        at = frame[(frame["split"] == row["split"]) & (frame["row"] == row["row"])].iloc[0]
        shown = {name: at[name] for name in telling}
    else:
        shown = {name: value for name, value in row.items() if name not in ("split", "row")}
    values = ", ".join(f"{name} {_shown(value)}" for name, value in shown.items())
    return f"{row['split']} row {row['row']}: {values}"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(_shown(one) for one in sorted(values, key=_place))


def _place(value: Any) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, Real) else (float("inf"), str(value))


def _shown(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
