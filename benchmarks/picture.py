"""Draw the README's picture from the last search of a study: what it gained, and what more would.

    satisfice run studies/digits
    python benchmarks/picture.py studies/digits docs/forecast.svg

`docs/report.png` is the report of the same search, 1,000 by 1,350 pixels of it in a browser.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flows.looking import latest, recorded
from tasks.prospects import fan
from tasks.store import open_store

_PAPER = '<rect width="100%" height="100%" fill="#ffffff"/>'  # the README may be read in the dark


def main(study: str, target: str) -> None:
    """Write the picture of a study's last search to a file."""
    with open_store() as store:
        summary = recorded(store.open(latest(store, study).search))
    drawn = fan(summary)
    if not drawn:
        sys.exit(f"{summary.search} has too few values for a forecast: search longer")
    head, _, rest = drawn.partition("<metadata>")
    Path(target).write_text(f"{head}{_PAPER}\n <metadata>{rest}")


if __name__ == "__main__":
    main(*sys.argv[1:])
