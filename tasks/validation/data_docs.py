"""Great Expectations' page on a validation, made to work offline.

The original loads styles, scripts and images from seven servers and is hardly readable without
them. Here these are removed, and a small style sheet of ours is added.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satisfice.domain.summary import ExpectationResult

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
    )

STYLES = Path(__file__).with_name("data_docs.css")
VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})  # elements without an end tag
LEFT_OUT = frozenset({"footer", "iframe", "img", "link", "object", "script", "style", "title"})
TOP_BAR = "sticky-top"  # the bar with the logo and links to pages that we do not build
# All other attributes load or run something, or are for scripts that are removed.
KEPT = frozenset(
    {"charset", "checked", "class", "colspan", "content", "hidden", "href", "id", "name", "style"}
    | {"type"}
)


def write_docs(
    outcome: ExpectationSuiteValidationResult,
    results: Sequence[ExpectationResult],
    about: Mapping[str, str],
    folder: Path,
) -> Path:
    """Write the data docs of a validation as one self-contained page.

    Args:
        outcome: The result of Great Expectations.
        results: Our results in the same order; their examples are shown on the page.
        about: Facts about the data by name; `data_asset_name` is in the title.
        folder: The folder for `index.html`; it is created if needed.

    Returns:
        The path of the page.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    document = ValidationResultsPageRenderer().render(_for_page(outcome, results, about))
    page = offline(
        DefaultJinjaPageView().render(document), f"Data docs: {about['data_asset_name']}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def offline(page: str, title: str) -> str:
    """Return a page of Great Expectations without anything that it would fetch or run."""
    styles = STYLES.read_text(encoding="utf-8")
    parser = _Offline(f"<title>{html.escape(title)}</title>\n<style>\n{styles}</style>\n")
    parser.feed(page)
    parser.close()
    # The templates leave many empty lines.
    return "\n".join(line for line in "".join(parser.parts).splitlines() if line.strip()) + "\n"


def _for_page(
    outcome: ExpectationSuiteValidationResult,
    results: Iterable[ExpectationResult],
    about: Mapping[str, str],
) -> ExpectationSuiteValidationResult:
    """Return a copy with plain JSON values and our examples, without addresses of objects."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResultSchema,
    )

    facts = json.loads(json.dumps(outcome.to_json_dict(), default=str))
    facts["meta"] = {
        "great_expectations_version": facts["meta"]["great_expectations_version"],
        "run_id": facts["meta"]["run_id"],
        "batch_kwargs": dict(about),
    }
    for one, ours in zip(facts["results"], results, strict=True):
        # the page takes descriptions for HTML
        one["expectation_config"]["description"] = html.escape(ours.name)
        if not one["success"]:
            one["result"] = _with_examples(one["result"], ours.examples)
    copy: ExpectationSuiteValidationResult = ExpectationSuiteValidationResultSchema().load(facts)
    return copy


def _with_examples(found: dict[str, Any], examples: tuple[str, ...]) -> dict[str, Any]:
    if "unexpected_percent" in found:  # checked row by row
        listed = {"partial_unexpected_list": list(examples), "partial_unexpected_counts": []}
        return {**found, **listed}
    # The page cannot render the results of some expectations on whole columns.
    return {"observed_value": "; ".join(examples)} if found else {}


class _Offline(HTMLParser):
    """Copies a page into `parts` without elements and attributes that load or run something."""

    def __init__(self, head: str) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._head = head
        self._skipping: list[str] = []  # the open elements that are left out

    def handle_decl(self, decl: str) -> None:
        self.parts.append(f"<!{decl}>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping or tag in LEFT_OUT or TOP_BAR in (dict(attrs).get("class") or ""):
            if tag not in VOID:
                self._skipping.append(tag)
            return
        kept = "".join(_attribute(name, value) for name, value in attrs if _is_kept(name, value))
        self.parts.append(f"<{tag}{kept}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # HTML ignores the slash

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            # an unmatched end tag closes nothing; a matched one closes everything inside it
            while tag in self._skipping and self._skipping.pop() != tag:
                pass
            return
        self.parts.append(f"{self._head}</head>" if tag == "head" else f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._copy(data)

    def handle_entityref(self, name: str) -> None:
        self._copy(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._copy(f"&#{name};")

    def _copy(self, text: str) -> None:
        if not self._skipping:
            self.parts.append(text)


def _is_kept(name: str, value: str | None) -> bool:
    if name == "href":
        return (value or "").startswith("#")
    return name in KEPT and "url(" not in (value or "")


def _attribute(name: str, value: str | None) -> str:
    return f" {name}" if value is None else f' {name}="{html.escape(value)}"'
