"""The process of a flow run that a worker starts: `python -P -m satisfice.flows.engine`.

To import a flow, Prefect puts the working directory first on the path, whatever `-P` says. Imported
here before that, the flows and what they stand on are those that are installed.
"""

from __future__ import annotations

import runpy
from importlib import import_module


def main() -> None:
    """Import the flows, then let Prefect run the one that it was told to."""
    for flow in ("search", "sweep"):
        import_module(f"satisfice.flows.{flow}")
    runpy.run_module("prefect.engine", run_name="__main__")


if __name__ == "__main__":
    main()
