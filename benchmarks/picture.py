"""Draw the figures of the documentation from the last search of a study.

    satisfice run studies/digits
    python benchmarks/picture.py studies/digits docs/_static

What it gained and what more would bring (`forecast.svg`), when it would have been best to stop
(`hindsight.svg`), and how its forecasts compare with the realised gains (`calibration.svg`).
`report.png` beside them shows the report of the same search, 1,000 by 1,350 pixels in a browser.
"""

from __future__ import annotations

import sys
from pathlib import Path

from satisfice.flows.stages.calibration import calibrate
from satisfice.flows.stages.records import latest, recorded
from satisfice.tasks.reporting.forecast_figures import calibration_plot, fan, utility
from satisfice.tasks.storage.store import open_store

_PAPER = '<rect width="100%" height="100%" fill="#ffffff"/>'  # the README may be read in the dark


def main(study: str, folder: str) -> None:
    """Write the pictures of a study's last search to a folder."""
    with open_store() as store:
        info = latest(store, study)
        summary = recorded(store.open(info.search))
        compared = calibrate(store, summary.study, info, summary.history)
    pictures = {
        "forecast": fan(summary),
        "hindsight": utility(summary),
        "calibration": calibration_plot(compared, summary.study.prices.currency),
    }
    for name, drawn in pictures.items():
        if not drawn:
            sys.exit(f"{summary.search} has too few values for {name}.svg: search longer")
        head, _, rest = drawn.partition("<metadata>")
        Path(folder, f"{name}.svg").write_text(f"{head}{_PAPER}\n <metadata>{rest}")


if __name__ == "__main__":
    main(*sys.argv[1:])
