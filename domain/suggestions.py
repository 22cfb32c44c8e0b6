"""Suggestions for a name that is not known: the nearest one that is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that is most similar to a word; None if none is similar enough.

    Args:
        word: The word as written.
        known: The names to choose from.
        cutoff: The least similarity, between 0 and 1 (`difflib.SequenceMatcher.ratio`).
    """
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=cutoff)), None)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint that proposes the nearest known name, if one is near.

    Args:
        word: The word as written.
        known: The names to choose from.
        otherwise: What the hint says in any case, after the proposal.
    """
    near = nearest(word, known)
    return otherwise if near is None else f"did you mean {near!r}? {otherwise}".rstrip()
