"""The clock of a search."""

from __future__ import annotations

from satisfice.flows.coordination.clock import SearchClock


def waited(clock: SearchClock) -> float:
    """What a clock shows once it shows more than now."""
    before = clock.elapsed()
    while clock.elapsed() == before:
        pass
    return clock.elapsed()


def test_a_clock_counts_on_from_earlier_processes() -> None:
    clock = SearchClock(100.0)
    assert clock.elapsed() >= 100.0
    assert waited(clock) > 100.0
    assert not clock.paused


def test_a_paused_clock_stands_still() -> None:
    clock, other = SearchClock(), SearchClock()
    clock.pause()
    shown = clock.elapsed()
    waited(other)
    assert clock.paused
    assert clock.elapsed() == shown
    clock.pause()
    assert clock.elapsed() == shown


def test_a_clock_that_goes_on_leaves_the_pause_out() -> None:
    other = SearchClock()
    clock = SearchClock()
    clock.pause()
    shown, began = clock.elapsed(), other.elapsed()
    while other.elapsed() < began + 0.05:
        pass
    clock.go_on()
    assert other.elapsed() - clock.elapsed() >= 0.05
    clock.go_on()
    assert waited(clock) > shown
    assert not clock.paused
