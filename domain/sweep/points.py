"""The configurations that a sweep asks for, before the rules are applied."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from satisfice.domain.errors import UserError
from satisfice.domain.expressions.types import Value
from satisfice.domain.study import Study
from satisfice.domain.sweep.notation import read_swept
from satisfice.domain.sweep.plan import MOST, SweepRequest, configuration, grid, refuse_absent

_DRAWS = 50  # for each point that is asked for: the rules may reject most of them
_FEWEST_DRAWS = 200


def refuse_invalid(study: Study, request: SweepRequest) -> None:
    """Refuse a request that cannot be swept, before anything starts.

    Raises:
        UserError: It cannot be read, or does not fit the space.
    """
    if request.random is not None and not 1 <= request.random <= MOST:
        raise UserError(
            f"{request.random} points cannot be drawn", f"Ask for 1 to {MOST:,} of them"
        )
    swept = read_swept(request.parameters, study.space, drawn=request.random is not None)
    some = MOST if request.random is None else _FEWEST_DRAWS
    refuse_absent(swept, study.space, islice(configurations(study, request), some))


def configurations(study: Study, request: SweepRequest) -> Iterator[dict[str, Value]]:
    """Yield all combinations, or points drawn at random with the study's seed.

    More points are drawn than are asked for, because the rules will reject some of them.

    Raises:
        UserError: It cannot be read, or does not fit the space.
    """
    swept = read_swept(request.parameters, study.space, drawn=request.random is not None)
    if request.random is None:
        yield from grid(study.space, swept)
        return
    generator = np.random.default_rng(study.seed)
    for _ in range(max(_DRAWS * request.random, _FEWEST_DRAWS)):
        places = zip(swept, generator.random(len(swept)), strict=True)
        yield configuration(study.space, {one.name: one.at(float(at)) for one, at in places})
