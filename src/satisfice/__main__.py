"""The entry point of `satisfice` and of `python -m satisfice`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line in an interpreter that does not import from the working directory."""
    if not sys.flags.safe_path:
        # On the command line, since processes that multiprocessing spawns inherit it from there.
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606
    from satisfice.flows.cli import main as command_line

    command_line.main()


if __name__ == "__main__":
    main()
