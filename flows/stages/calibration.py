"""How the forecasts of a search and of earlier ones compare with the realised gains."""

from __future__ import annotations

from satisfice.domain.decisions.calibration import Calibration, Window, compare
from satisfice.domain.decisions.replay import priced
from satisfice.domain.decisions.situation import Situation
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History
from satisfice.tasks.sampling.warm_start import open_comparable
from satisfice.tasks.storage.store import SearchInfo, Store

_MOST = 10  # earlier searches, the newest: some tenths of a second each


def calibrate(store: Store, study: Study, info: SearchInfo, history: History) -> Calibration:
    """Compare the forecasts of a search, and of earlier ones, with the realised gains.

    Earlier searches have the same study and objective. Sweeps are left out, because they propose
    nothing. All are priced as this one is.

    Args:
        store: All searches.
        study: The specification, with the worth and the prices that apply.
        info: The search.
        history: Its trials.
    """
    earlier: list[tuple[Window, ...]] = []
    for one in reversed(store.searches(study.name)):
        if len(earlier) == _MOST:
            break
        if one.sweep or one.started >= info.started:
            continue
        search = open_comparable(store, one, study)
        found = tuple(compare(_end(study, search.history()))) if search is not None else ()
        if found:
            earlier.append(found)
    together = tuple(window for found in earlier for window in found)
    return Calibration(tuple(compare(_end(study, history))), together, len(earlier))


def _end(study: Study, history: History) -> Situation:
    return Situation(priced(history, study.prices), study.worth, study.prices, space=study.space)
