"""What an earlier version computed from its home comes out the same today."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.data import numbers
from tests.data.old_home import NUMBERS, unpack

THEN: dict[str, Any] = json.loads(NUMBERS.read_text())
ENDINGS = {"Worthwhile stop": "Not worth continuing"}  # by what the home calls it


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The numbers of the unpacked home."""
    old = unpack(tmp_path_factory.mktemp("old"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SATISFICE_HOME", str(old.home))
        return numbers.of_home(old)


def test_all_searches_are_there(now: dict[str, Any]) -> None:
    assert list(now) == list(THEN["searches"])


@pytest.mark.parametrize("search", THEN["searches"])
@pytest.mark.parametrize("fact", next(iter(THEN["searches"].values())))
def test_a_fact_of_a_search_is_what_it_was(now: dict[str, Any], search: str, fact: str) -> None:
    then = THEN["searches"][search][fact]
    assert_same(now[search][fact], ENDINGS.get(then, then) if fact == "ending" else then)


def test_decisions_are_replayed_to_what_was_recorded(now: dict[str, Any]) -> None:
    for search in now.values():
        recorded = search["decisions"]["search"]
        assert len(recorded) == len(search["replayed"])
        for one, again in zip(recorded, search["replayed"], strict=True):
            assert one["stop"] == again["stop"]
            common = again["evidence"].keys() & one["evidence"].keys()
            assert_same(
                *({name: each["evidence"][name] for name in common} for each in (one, again))
            )


def test_the_digest_of_a_study_is_what_it_was() -> None:
    assert numbers.digests() == THEN["digests"]


def assert_same(found: Any, expected: Any, where: str = "") -> None:
    """Compare whatever JSON holds; numbers up to what another machine's arithmetic may change."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for name, value in expected.items():
            assert_same(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for at, value in enumerate(expected):
            assert_same(found[at], value, f"{where}[{at}]")
    elif isinstance(expected, float):
        assert math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-12), where
    else:
        assert found == expected, where
