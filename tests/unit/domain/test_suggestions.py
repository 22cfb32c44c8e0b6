"""The nearest known name."""

from __future__ import annotations

from satisfice.domain.suggestions import did_you_mean, nearest


def test_the_nearest_is_proposed_before_the_rest_of_the_hint() -> None:
    known = ["channels", "depth"]
    assert nearest("chanels", known) == "channels"
    assert did_you_mean("chanels", known) == "did you mean 'channels'?"
    assert did_you_mean("chanels", known, "The space has: ...") == (
        "did you mean 'channels'? The space has: ..."
    )


def test_what_is_too_far_off_is_not_proposed() -> None:
    assert nearest("x", ["channels"]) is None
    assert nearest("chain", ["channels"]) == "channels"
    assert nearest("chain", ["channels"], cutoff=0.7) is None
    assert did_you_mean("x", ["channels"], "The space has: channels") == "The space has: channels"
    assert did_you_mean("x", ["channels"]) == ""
