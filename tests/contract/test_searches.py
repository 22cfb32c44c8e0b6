"""Searches in a store, on every backend."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
import sqlalchemy

from satisfice.domain.economics.worth import Direction
from satisfice.domain.errors import UserError
from satisfice.domain.summary import Ending
from satisfice.domain.sweep.plan import Known, Sweep, SweepRequest
from satisfice.tasks.storage.store import Search, SearchInfo, Store, open_store
from satisfice.tasks.storage.sweep_records import read_sweep, write_sweep
from tests.contract.records import driver_url, study_named


def test_searches_are_counted_for_each_study_and_the_newest_is_the_last(store: Store) -> None:
    names = [store.begin(study_named(name)).info.search for name in ("a", "b", "a", "a-1")]
    assert names == ["a-1", "b-1", "a-2", "a-1-1"]
    assert [info.search for info in store.searches()] == names
    assert [info.search for info in store.searches("a")] == ["a-1", "a-2"]


def test_a_search_is_found_again_as_it_was_begun(store_url: str) -> None:
    study = study_named()
    with open_store(store_url) as store:
        info = store.begin(study).info
    assert info == SearchInfo(
        "digits-1", "digits", study.folder, study.text, study.seed, info.started, 0.0, ""
    )
    with open_store(store_url) as store:
        assert store.open("digits-1").info == info
        assert store.searches() == (info,)


def test_a_sweep_is_found_again_with_its_plan_and_its_ground(store_url: str) -> None:
    points = ({"depth": 2**53 - 1, "kind": True}, {"depth": 1, "lr": 0.1, "kind": "größte 🙂"})
    known = (Known("digits-1, trial 7", {"depth": 7, "kind": 2.5}, 0.75),)
    sweep = Sweep(SweepRequest(("depth=1..9:3", "kind=true"), 5, confirm=True), points, known)
    with open_store(store_url) as store:
        search = store.begin(study_named(), "d1g35t", "c0de")
        swept = store.begin(study_named(), "d1g35t", "c0de", write_sweep(sweep))
    with open_store(store_url) as store:
        assert store.searches() == (search.info, swept.info)
        assert (swept.info.data, swept.info.code) == ("d1g35t", "c0de")
        assert repr(read_sweep(store.open("digits-2").info.sweep)) == repr(sweep)
        assert read_sweep(store.open("digits-1").info.sweep) is None


def test_a_store_from_before_there_were_sweeps_opens_as_it_is(store_url: str) -> None:
    with open_store(store_url) as store:
        before = store.begin(study_named(), "d1g35t", "c0de").info
        with store.database.engine.begin() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE satisfice_grounds"))
    with open_store(store_url) as store:
        assert store.searches() == (replace(before, data="", code=""),)
        assert store.begin(study_named(), "d1g35t").info.data == "d1g35t"


def test_the_end_of_a_search_is_kept(store_url: str) -> None:
    with open_store(store_url) as store:
        first, second = (store.begin(study_named()) for _ in range(2))
        first.advance(1.5)
        second.end(Ending.NOT_WORTH_CONTINUING, 62.5)
        assert (second.info.ending, second.info.elapsed) == ("Not worth continuing", 62.5)
    with open_store(store_url) as store:
        assert store.searches() == (first.info, second.info)
        assert store.latest("digits") == second.info
        assert store.latest("digits", unfinished=True) == first.info
        assert store.latest("letters") is None
        assert first.info.elapsed == 1.5


def test_an_unknown_search_is_told_with_those_that_there_are(store: Store) -> None:
    with pytest.raises(UserError, match="satisfice run"):
        store.open("digits-1")
    store.begin(study_named())
    with pytest.raises(UserError, match="no search 'digit-1'") as caught:
        store.open("digit-1")
    assert "did you mean 'digits-1'" in caught.value.hint


def test_a_study_that_was_deleted_behind_our_back_is_told(store_url: str, search: Search) -> None:
    optuna.delete_study(study_name="digits-1", storage=driver_url(store_url))
    with open_store(store_url) as store:
        with pytest.raises(UserError, match="deleted"):
            store.open("digits-1")
        assert store.begin(study_named()).info.search == "digits-2"


def test_a_number_that_somebody_took_in_optuna_is_skipped(store_url: str, store: Store) -> None:
    optuna.create_study(study_name="digits-1", storage=driver_url(store_url), direction="minimize")
    search = store.begin(study_named())
    assert search.info.search == "digits-2"
    assert search.history().direction is Direction.MAXIMIZE
