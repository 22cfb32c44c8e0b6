"""Checkpoints of a trial: written atomically, checked by digest, loaded without running code.

A checkpoint is trusted if its digest is in the trial's event log. The digest is logged before the
file is renamed into place, and the previous checkpoint is kept, so that a crash at any moment
leaves one of the two.
"""

from __future__ import annotations

import hashlib
import io
import random
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satisfice.tasks.files.atomic import sync_folder, write_beside

CURRENT = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"

SHARE = 0.05  # of the training time, the most that saving may take
FIRST_AFTER = 1.0  # seconds of training before the first checkpoint


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training between two epochs.

    Attributes:
        epoch: The last complete epoch.
        metrics: The last report.
        states: The `state_dict()` of every tracked object by its name.
        randomness: The states of the random generators.
    """

    epoch: int
    metrics: Mapping[str, float]
    states: Mapping[str, Any]
    randomness: Mapping[str, Any]


def save(folder: Path, checkpoint: Checkpoint, announce: Callable[[str], object]) -> None:
    """Make a checkpoint the current one, and the current one the previous one.

    Args:
        folder: The trial's folder.
        checkpoint: The checkpoint.
        announce: Called with the digest once the content is on the disk, before it is renamed.
    """
    import torch

    content = io.BytesIO()
    torch.save(dict(vars(checkpoint)), content)
    text = content.getbuffer()
    current = folder / CURRENT
    temporary = write_beside(current, text)
    announce(hashlib.sha256(text).hexdigest())
    if current.exists():
        current.replace(folder / PREVIOUS)
    temporary.replace(current)
    sync_folder(folder)


def load(
    folder: Path, digests: set[str], refuse: Callable[[str, str], object]
) -> Checkpoint | None:
    """Load the latest intact checkpoint.

    Args:
        folder: The trial's folder.
        digests: The digests in the event log.
        refuse: Called with the name of each rejected file and the reason.

    Returns:
        The checkpoint; None if none can be trusted, so that the training starts from scratch.
    """
    for name in (CURRENT, PREVIOUS):
        try:
            text = (folder / name).read_bytes()
        except FileNotFoundError:
            continue
        digest = hashlib.sha256(text).hexdigest()
        if digest not in digests:
            refuse(name, f"its digest {digest[:16]} is not in the event log")
            continue
        try:
            return _read(text)
        except Exception as error:  # noqa: BLE001 - torch raises many kinds of errors
            refuse(name, f"it does not load: {error}")
    return None


def tracked_bytes(tracked: Mapping[str, Any]) -> dict[str, float]:
    """Return `checkpoint_bytes`, the size of all tensors in a checkpoint of these objects.

    Args:
        tracked: Objects with a `state_dict()`, by name; without any, the result is empty.
    """
    if not tracked:
        return {}
    return {"checkpoint_bytes": float(sum(_bytes(one.state_dict()) for one in tracked.values()))}


def _bytes(state: Any) -> int:
    """Return the size of the tensors in nested mappings and lists."""
    if isinstance(state, Mapping):
        return sum(map(_bytes, state.values()))
    if isinstance(state, list | tuple):
        return sum(map(_bytes, state))
    return int(getattr(state, "nbytes", 0))


def remove(folder: Path) -> None:
    """Delete the checkpoints of a trial that will not be resumed."""
    for name in (CURRENT, PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def randomness() -> dict[str, Any]:
    """Return the states of Python's, NumPy's and PyTorch's global random generators."""
    import numpy as np
    import torch

    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002
    state = {
        "python": random.getstate(),
        "numpy": (name, [int(key) for key in keys], position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_randomness(state: Mapping[str, Any]) -> None:
    """Put the global random generators back into the states that `randomness` returned."""
    import numpy as np
    import torch

    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


@dataclass
class Throttle:
    """Tells when the next checkpoint is due.

    Attributes:
        clock: Returns seconds; only differences are used.
    """

    clock: Callable[[], float] = time.monotonic
    _since: float = field(init=False)
    _took: float = 0.0

    def __post_init__(self) -> None:
        self._since = self.clock()

    def due(self) -> bool:
        """Tell whether enough time has passed since the last checkpoint."""
        return self.clock() - self._since >= max(FIRST_AFTER, self._took / SHARE)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measure how long saving a checkpoint takes."""
        began = self.clock()
        yield
        self._since = self.clock()
        self._took = self._since - began


def _read(text: bytes) -> Checkpoint:
    import torch

    with torch.serialization.safe_globals([*_numpy(), Counter, OrderedDict, defaultdict]):
        return Checkpoint(**torch.load(io.BytesIO(text), map_location="cpu", weights_only=True))


def _numpy() -> list[Any]:
    """Return the types and functions that pickles of NumPy arrays and numbers refer to."""
    import numpy as np

    dtypes = {type(np.dtype(code)) for code in np.typecodes["All"]}
    makers = [np.zeros(1).__reduce__()[0], np.float64().__reduce__()[0]]
    return [np.ndarray, np.dtype, *dtypes, *makers]
