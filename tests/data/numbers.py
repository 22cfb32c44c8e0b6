"""What a home holds and what is computed from it, as numbers; prose may change.

With the version that wrote the home (and its imports), this made `home-f5450b0.json`:

    python -m tests.data.numbers
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from satisfice.domain.decisions.decision import Decision
from satisfice.domain.decisions.replay import replay
from satisfice.domain.summary import DecisionRecord
from satisfice.flows.cli.status import recorded
from satisfice.tasks.sampling.warm_start import known_before
from satisfice.tasks.spec.digest import study_digest
from satisfice.tasks.spec.reader import recorded_study
from satisfice.tasks.storage.store import Search, Store, open_store
from satisfice.tasks.storage.sweep_records import read_sweep
from tests.data.old_home import DATA, NUMBERS, OldHome, unpack

ROOT = DATA.parents[1]
PLACES = ("search", "schedule")  # of the questions whose answers the store keeps
STUDIES = ("studies/*/study.yaml", "tests/data/digests/study.yaml")

Numbers = dict[str, Any]


def of_home(old: OldHome) -> dict[str, Numbers]:
    """Return the numbers of each search of a home, which `SATISFICE_HOME` has to name as well."""
    with open_store(f"sqlite:///{old.home / 'optuna.db'}") as store:
        return {one.search: _of_search(store, store.open(one.search)) for one in store.searches()}


def digests() -> dict[str, str]:
    """Return the digest of each study of the repository, and of one that uses all there is."""
    files = sorted(file for pattern in STUDIES for file in ROOT.glob(pattern))
    return {
        str(file.relative_to(ROOT)): study_digest(recorded_study(file.read_text(), "anywhere"))
        for file in files
    }


def _of_search(store: Store, search: Search) -> Numbers:
    info, history = search.info, search.history()
    study = recorded_study(info.text, info.folder)
    records, known = search.decisions(), known_before(store, study, search)
    terms = (study.worth, study.prices)
    replayed = replay(history, records, *terms, before=known, space=study.space)
    summary, best = recorded(search), history.best
    winner, model = summary.winner, summary.registration
    return {
        "kind": "search" if read_sweep(info.sweep) is None else "sweep",
        "ending": info.ending,
        "digest": study_digest(study),
        "trials": [[one.number, one.state.value, one.value, one.seed] for one in history.trials],
        "running": [one.number for one in search.running()],
        "confirmations": [[one.number, one.value] for one in search.confirmations()],
        "best": None if best is None else [best.number, best.value],
        "winner": None if winner is None else [winner.name, winner.mean, winner.low, winner.high],
        "registered": None if model is None else [model.version, model.alias],
        "decisions": {
            place: [_of_record(one) for one in search.decisions(place)] for place in PLACES
        },
        "replayed": [_of_decision(one.again) for one in replayed],
    }


def _of_record(record: DecisionRecord) -> Numbers:
    return {"after": record.after, **_of_decision(record.decision)}


def _of_decision(decision: Decision) -> Numbers:
    return {"stop": decision.stop, "evidence": dict(decision.evidence)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        unpacked = unpack(Path(made))
        os.environ["SATISFICE_HOME"] = str(unpacked.home)
        found = {"searches": of_home(unpacked), "digests": digests()}
    NUMBERS.write_text(json.dumps(found, indent=1) + "\n")
