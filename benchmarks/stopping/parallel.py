"""Searches with several workers: when each result comes in, some trials are still in flight.

Trials are given in the order of the trace and end when their seconds are over. A stop drains: what
is in flight is paid and counts. So a search is its first trials, as many as were given. The TPE
orders are those of sequential searches: what a sampler loses by not knowing what is in flight is
not in them, neither in ours nor in the oracle's.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush

import numpy as np

from benchmarks.stopping.policies import LEAST, Offer, searches
from satisfice.domain.arrays import Floats
from satisfice.domain.decisions.forecast import ForecastConstants
from satisfice.domain.decisions.situation import Pending
from satisfice.domain.decisions.stopping import StoppingPolicy, decide
from satisfice.domain.economics.cost import NOTHING


def given_out(given: Offer, workers: int, taught: ForecastConstants) -> int:
    """Return how many trials are given before our decision stops a search.

    Args:
        given: The search; what a trial took is also how long it ran.
        workers: Number of trials that run at the same time.
        taught: What the decision knows of searches in general.
    """
    policy = StoppingPolicy(LEAST, constants=taught)
    whole = list(searches(given))[-1]
    records, length = whole.history.trials, len(given.values)
    running: list[tuple[float, int, float]] = []  # when it ends, its number, when it began
    for number in range(workers):
        heappush(running, (float(given.money[number]), number, 0.0))
    finished, out = [], workers
    while running:
        now, number, _ = heappop(running)
        finished.append(records[number])
        pending = tuple(Pending(each, {}, NOTHING, now - begun) for _, each, begun in running)
        history = replace(whole.history, trials=tuple(finished))
        situation = replace(whole, history=history, pending=pending, workers=workers)
        if out == length or (len(finished) >= LEAST and decide(situation, policy).stop):
            break
        heappush(running, (now + float(given.money[out]), out, now))
        out += 1
    return out


def oracle(utility: Floats, workers: int) -> float:
    """Return the best that stopping in hindsight reaches with as many workers, all of them busy."""
    return float(np.max(utility[LEAST + workers - 2 :]))
