"""Where the command `satisfice` begins, also as `python -m satisfice`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line, in an interpreter that never imports from the working directory."""
    if not sys.flags.safe_path:
        # What multiprocessing spawns later inherits the flag, but only from the command line.
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606
    from satisfice.flows.cli import main as command_line

    command_line.main()


if __name__ == "__main__":
    main()
