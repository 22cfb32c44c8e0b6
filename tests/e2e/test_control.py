"""Only one search of a study runs at a time; other processes can pause, continue and stop it."""

from __future__ import annotations

from tests.e2e.service import Service, until


def test_pause_continue_and_stop_from_other_processes(service: Service) -> None:
    study = service.study(worth="1 EUR per point", workers=2, seconds=0.02, seeds=2)
    process = service.start("run", study)
    search = service.search()
    until(lambda: len(search.journal("result")) >= 3, process)

    paused = service.run("pause", study)
    assert paused.code == 0, paused.output
    assert paused.output.startswith("tiny-1: pause requested")
    until(lambda: _trials_are_paused(service), process)
    epochs = search.epochs()

    busy = service.run("run", study)
    assert busy.code == 2, busy.output
    assert f"study 'tiny' is being run by process {process.pid} on " in busy.output
    assert "Traceback" not in busy.output

    elapsed = _elapsed(service)
    status = service.run("status")
    assert "running" in status.output
    assert _elapsed(service) == elapsed
    assert search.epochs() == epochs

    resumed = service.run("continue", study)
    assert resumed.code == 0, resumed.output
    until(lambda: search.epochs() > epochs, process)
    until(lambda: _elapsed(service) > elapsed, process)

    stopped = service.run("stop", study)
    assert stopped.code == 0, stopped.output
    ended = service.end(process)
    assert ended.code == 0, ended.output
    assert "tiny-1: Stopped by hand" in ended.output
    with service.store() as store:
        assert [one.search for one in store.searches()] == ["tiny-1"]
        opened = store.open("tiny-1")
        assert opened.info.ending == "Stopped by hand"
        assert opened.running() == ()
        assert len(opened.confirmations()) == 4

    nobody = service.run("stop", study)
    assert nobody.code == 2
    assert "no search of study 'tiny' is running" in nobody.output


def _trials_are_paused(service: Service) -> bool:
    search = service.search()
    ended = {one["number"] for one in search.journal("result")}
    flying = {one["number"] for one in search.journal("trial")} - ended
    return all(search.log(number, "paused") for number in flying)


def _elapsed(service: Service) -> float:
    with service.store() as store:
        return store.open("tiny-1").info.elapsed
