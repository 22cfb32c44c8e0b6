"""A worker process that nobody gave a server starts its own, once a search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from satisfice.domain.economics.cost import Prices
from satisfice.domain.errors import UserError
from satisfice.domain.trials.history import TrialState
from satisfice.tasks.trial_server.client import TrialServer, register, server_for
from satisfice.tasks.trial_server.supervisor import run_order
from tests.faults.acts import write_study

STUDY = """
study: own
problem: problem.py
data: {source: made up}
objective: {metric: accuracy, direction: maximize}
worth: 1 min per point
space:
  act: {choice: [learn, crash]}
"""


def test_a_worker_keeps_a_server_of_its_own(tmp_path: Path, home: Path, give: Any) -> None:
    study = write_study(tmp_path / "own")
    (tmp_path / "own" / "study.yaml").write_text(STUDY)
    order = replace(give("learn"), study=study.folder, search="own-1")
    own = server_for(order)
    with own:
        assert run_order(order, Prices()).state is TrialState.COMPLETE
        assert server_for(replace(order, number=1)) is own


def test_a_registered_server_is_used(give: Any, server: TrialServer) -> None:
    register(server)
    assert server_for(give("learn")) is server
    assert run_order(give("learn"), Prices()).state is TrialState.COMPLETE


def test_a_study_that_is_gone_is_a_users_mistake(tmp_path: Path, give: Any) -> None:
    with pytest.raises(UserError):
        server_for(replace(give("learn"), study=str(tmp_path / "nowhere")))
