"""A training of nothing: what every training does for the first time is done before its order."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from satisfice.domain.rules.rule import Verdict
from satisfice.domain.trials.history import Purpose
from satisfice.domain.trials.orders import TrialOrder
from satisfice.tasks.files.codec import decode, encode
from satisfice.tasks.problem.contract import Problem
from satisfice.tasks.problem.data import Data
from satisfice.tasks.trial.attempt import run
from satisfice.tasks.trial.trial import Trial
from satisfice.tasks.trial_server.channel import Setting

EPOCHS = 2


def rehearse(problem: Problem, data: Data, setting: Setting) -> None:
    """Train nothing for two epochs, in a folder that goes away.

    It spares a training some milliseconds: Python specialises code as it runs, libraries prepare
    what is called for the first time, and of the memory that a fork shares, each page is copied
    when it is first written to. The random generators are left as a training leaves them, which
    sets all of them itself.
    """
    import torch

    def train(trial: Trial, _data: Data) -> None:
        for epoch in trial.epochs(EPOCHS):
            trial.report(**{setting.metric: float(epoch)})

    # Where the disk is full, what follows will say so.
    with suppress(OSError), TemporaryDirectory(dir=setting.scratch) as folder:
        order = TrialOrder(
            search="",
            number=0,
            attempt=1,
            study=setting.folder,
            folder=folder,
            control=str(Path(folder) / "control.json"),
            params={},
            seed=0,
            purpose=Purpose.SEARCH,
            verdict=Verdict({}, {}),
            data_digest="",
            epoch_seconds=1.0,  # no energy counter is opened, which might not survive a fork
        )
        run(decode(TrialOrder, encode(order)), replace(problem, train=train), data, setting)
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
