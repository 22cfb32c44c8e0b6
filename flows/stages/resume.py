"""What has to hold before a search begins or goes on."""

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
    """Refuse in a second or two what would be refused once all processes have started.

    Returns:
        The search or sweep that will be resumed.

    Raises:
        UserError: The study is being run, or there is no search of it that could be resumed.
    """
    with open_store() as store, store.lock(study.name):
        return unfinished_search(store, study) if resume else None


def unfinished_search(store: Store, study: Study) -> SearchInfo:
    """Return the search, or the sweep, that `resume` goes on with: the newest unfinished one.

    Raises:
        UserError: There is none, or the study has become another one since.
    """
    found = store.latest(study.name, unfinished=True)
    if found is None:
        raise UserError(
            f"study {study.name!r} has no unfinished search",
            f"`satisfice run {study.folder}` begins one",
        )
    before = recorded_study(found.text, found.folder)
    if study_digest(replace(before, seed=study.seed)) != study_digest(study):
        raise UserError(
            f"study.yaml asks for something else than when search {found.search} began",
            "only the budget, the resources and prose may change; put the rest back to go on, or "
            f"begin anew: `satisfice run {study.folder}`",
        )
    return found


def refuse_other_data(unfinished: SearchInfo, digest: str) -> None:
    """Refuse to go on with a search on other data than it began with.

    Raises:
        UserError: The data's digest is not the one of then.
    """
    facts, _ = events.read(search_folder(unfinished.search) / "journal.jsonl")
    before = {fact["data"]["digest"] for fact in facts if fact["kind"] == "search"}
    if before and digest not in before:
        raise UserError(
            f"the data has changed since search {unfinished.search} began: "
            f"load() returned {', '.join(before)} then, and {digest} now",
            "values on different data cannot be compared; begin anew: "
            f"`satisfice run {unfinished.folder}`",
        )
