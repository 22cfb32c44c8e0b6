"""What must hold before a search starts or is resumed."""

from __future__ import annotations

from dataclasses import replace

from satisfice.domain.errors import UserError
from satisfice.domain.study import Study
from satisfice.tasks.files import events
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.spec.digest import study_digest
from satisfice.tasks.spec.reader import recorded_study
from satisfice.tasks.storage.store import SearchInfo, Store, open_store


def look_ahead(study: Study, resume: bool) -> SearchInfo | None:
    """Check before all processes have started what would be refused then, seconds later.

    Returns:
        The search or sweep that will be resumed.

    Raises:
        UserError: The study is running already, or has no search that can be resumed.
    """
    with open_store() as store, store.lock(study.name):
        return unfinished_search(store, study) if resume else None


def unfinished_search(store: Store, study: Study) -> SearchInfo:
    """Return the search or sweep that `resume` continues: the newest unfinished one.

    Raises:
        UserError: There is none, or the study has changed since.
    """
    found = store.latest(study.name, unfinished=True)
    if found is None:
        raise UserError(
            f"study {study.name!r} has no unfinished search",
            f"`satisfice run {study.folder}` starts one",
        )
    before = recorded_study(found.text, found.folder)
    if study_digest(replace(before, seed=study.seed)) != study_digest(study):
        raise UserError(
            f"study.yaml has changed since search {found.search} started",
            "only the budget, the resources and descriptions may change; undo the other changes to "
            f"resume it, or start a new search: `satisfice run {study.folder}`",
        )
    return found


def refuse_other_data(unfinished: SearchInfo, digest: str) -> None:
    """Refuse to resume a search on other data than it started with.

    Raises:
        UserError: The digest of the data has changed.
    """
    facts, _ = events.read(search_folder(unfinished.search) / "journal.jsonl")
    before = {fact["data"]["digest"] for fact in facts if fact["kind"] == "search"}
    if before and digest not in before:
        raise UserError(
            f"the data has changed since search {unfinished.search} started: "
            f"load() returned {', '.join(before)} then and {digest} now",
            "values on different data cannot be compared; start a new search: "
            f"`satisfice run {unfinished.folder}`",
        )
