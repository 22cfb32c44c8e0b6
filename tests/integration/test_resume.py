"""What must hold before a search starts or is resumed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from satisfice.domain.errors import StudyBusy, UserError
from satisfice.domain.study import Study
from satisfice.domain.summary import Ending
from satisfice.flows.stages.resume import look_ahead, refuse_other_data, unfinished_search
from satisfice.tasks.files.events import EventLog
from satisfice.tasks.files.home import search_folder
from satisfice.tasks.spec.reader import read_study
from satisfice.tasks.storage.store import Store, open_store
from tests.e2e.service import write_study


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return read_study(write_study(tmp_path / "tiny"))


def changed(study: Study, old: str, new: str) -> Study:
    file = Path(study.folder) / "study.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return read_study(study.folder)


def test_a_study_without_an_unfinished_search_has_nothing_to_resume(
    store: Store, study: Study
) -> None:
    store.begin(study).end(Ending.NOT_WORTH_CONTINUING, 1.0)
    with pytest.raises(UserError, match="study 'tiny' has no unfinished search"):
        unfinished_search(store, study)
    with pytest.raises(UserError, match="no unfinished search"):
        look_ahead(study, resume=True)
    look_ahead(study, resume=False)


def test_the_newest_unfinished_search_is_resumed(store: Store, study: Study) -> None:
    for _ in range(2):
        store.begin(study)
    store.begin(study).end(Ending.BUDGET_SPENT, 1.0)
    assert unfinished_search(store, study).search == "tiny-2"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("time: 10 min, trials: 200", "time: 3 h"),
        ("resources: {workers: 1}", "resources: {workers: 3}"),
        ("objective:", "# what it is about\nobjective:"),
    ],
)
def test_budget_resources_and_descriptions_may_change(
    store: Store, study: Study, old: str, new: str
) -> None:
    store.begin(study)
    assert unfinished_search(store, changed(study, old, new)).search == "tiny-1"


@pytest.mark.parametrize(
    ("old", "new"),
    [("[0.0, 1.0]", "[0.0, 2.0]"), ("hour: 3.60 EUR", "hour: 36 EUR"), ("maximize", "minimize")],
)
def test_a_study_that_has_changed_is_not_resumed(
    store: Store, study: Study, old: str, new: str
) -> None:
    store.begin(study)
    with pytest.raises(UserError, match="has changed since search tiny-1"):
        unfinished_search(store, changed(study, old, new))


def test_a_search_is_resumed_only_on_its_own_data(store: Store, study: Study) -> None:
    info = store.begin(study).info
    refuse_other_data(info, "abc")  # nothing is known of a search that was killed before its gate
    journal = EventLog(search_folder(info.search) / "journal.jsonl")
    journal.append("search", data={"digest": "abc"})
    journal.close()
    refuse_other_data(info, "abc")
    with pytest.raises(UserError, match="load\\(\\) returned abc then and def now"):
        refuse_other_data(info, "def")


def test_a_study_that_is_running_is_refused_at_once(store: Store, study: Study) -> None:
    with store.lock(study.name), pytest.raises(StudyBusy, match="is being run by process"):
        look_ahead(study, resume=False)
