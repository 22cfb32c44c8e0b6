"""Several processes at one store, and processes that are killed, on every backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from satisfice.domain.errors import StudyBusy
from satisfice.tasks.storage.store import Store, open_store
from tests.contract.processes import Process
from tests.contract.records import begin, record

BEGIN_FIVE = """
say("ready")
heard()
with open_store(url) as store:
    for _ in range(5):
        say(store.begin(study_named()).info.search)
"""


def test_processes_that_begin_searches_at_once_get_different_ids(store_url: str) -> None:
    with Process(BEGIN_FIVE, store_url) as one, Process(BEGIN_FIVE, store_url) as two:
        for process in (one, two):
            assert process.hear() == "ready"
        for process in (one, two):
            process.say()
        ids = [process.hear() for process in (one, two) for _ in range(5)]
    assert sorted(ids) == sorted(f"digits-{n}" for n in range(1, 11))
    with open_store(store_url) as store:
        assert sorted(info.search for info in store.searches()) == sorted(ids)


HOLD = """
with open_store(url) as store, store.lock("digits"):
    if os.fork() == 0:  # a child that outlives its parent must not keep the lock
        heard()
        os._exit(0)
    say(os.getpid())
    heard()
"""
WAIT = """
with open_store(url) as store:
    say("waiting")
    with store.lock("digits", wait=True):
        say("got it")
"""


def test_the_lock_of_a_study_excludes_others_until_its_holder_is_killed(
    store_url: str, store: Store
) -> None:
    with Process(HOLD, store_url) as holder:
        pid = holder.hear()
        assert store.is_locked("digits")
        assert not store.is_locked("letters")
        with store.lock("letters"):
            pass
        with pytest.raises(StudyBusy) as caught, store.lock("digits"):
            pass
        assert f"process {pid} on" in caught.value.message
        assert f"kill -INT {pid}" in caught.value.hint
        with Process(WAIT, store_url) as waiter:
            assert waiter.hear() == "waiting"
            holder.kill()
            assert waiter.hear() == "got it"
        assert not store.is_locked("digits")
        with store.lock("digits"):
            assert store.is_locked("digits")
        assert not store.is_locked("digits")


def test_an_error_of_the_holder_is_its_own_and_frees_the_lock(store: Store) -> None:
    with pytest.raises(FileNotFoundError), store.lock("digits"):
        Path("/no/such/file").read_text()
    assert not store.is_locked("digits")


BEGIN_AND_HANG = """
with open_store(url) as store:
    search = store.begin(study_named())
    begin(search)
    say("begun")
    heard()
"""


def test_a_trial_whose_coordinator_is_killed_still_runs_for_the_next(store_url: str) -> None:
    with Process(BEGIN_AND_HANG, store_url) as process:
        assert process.hear() == "begun"
        process.kill()
    with open_store(store_url) as store:
        search = store.open("digits-1")
        assert [one.number for one in search.running()] == [0]
        search.tell(record(0))
        assert search.running() == ()
        assert begin(search) == 1


TELL_FOR_EVER = """
with open_store(url) as store:
    search = store.begin(study_named())
    while True:
        number = begin(search)
        search.tell(record(number))
        search.decide(DecisionRecord("search", number, Decision.to_continue("on"), 0.0))
        say(number)
"""


@pytest.mark.parametrize("trials", [1, 7])
def test_nothing_that_was_written_is_lost_when_the_writer_is_killed(
    store_url: str, trials: int
) -> None:
    with Process(TELL_FOR_EVER, store_url) as process:
        last = [process.hear() for _ in range(trials)][-1]
        process.kill()
        written = process.stdout.read().split()
    last = written[-1] if written else last
    with open_store(store_url) as store:
        search = store.open("digits-1")
        finished = search.history().trials
        assert finished == tuple(record(number) for number in range(len(finished)))
        assert int(last) + 1 <= len(finished) <= int(last) + 2
        assert len(finished) - 1 <= len(search.decisions()) <= len(finished)
        assert len(search.running()) <= 1
        assert begin(search) == len(finished) + len(search.running()) - 1
