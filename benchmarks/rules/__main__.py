"""What the rules promise, measured: `python -m benchmarks.rules`.

--part safety   0 forbidden proposals over random spaces and rules (`safety.py`)
--part speed    what a proposal and an expression cost (`speed.py`)
--part quality  the best after 50 trainings, against other ways to obey rules (`quality.py`)

At full size (the default) this takes about an hour and a half of one core; OMP_NUM_THREADS=1 keeps
it on one. With --into, what each piece of a part found goes to a file: the same command goes on
where it was cut off, and --report makes the tables from such files. `--proposals`, `--seeds`,
`--slow-proposals`, `--sampler`, `--space` and `--method` make it small. The extra `bench` has the
measured tables and ConfigSpace; what needs a package that is not there is left out, and says so.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.rules import pieces, quality, safety, speed
from benchmarks.rules.engine import SAMPLERS
from benchmarks.rules.methods import METHODS
from benchmarks.rules.problems import NAMES

_PARTS = {"safety": safety, "speed": speed, "quality": quality}


def main() -> None:
    """Run the parts that were asked for, as far as they have not been run before."""
    options = _options()
    into: Path | None = options.into
    found = pieces.read(options.report or ([into] if into and into.exists() else []))
    for name in options.part or _PARTS:
        part = _PARTS[name]
        if not options.report:
            todo = [one for rest in part.pieces(options) if (one := (name, *rest)) not in found]
            workers = 1 if part is speed else options.workers
            found.update(pieces.run(part.work, todo, workers, into))
        print(*part.tables(pieces.of(name, found)), sep="\n", end="\n\n", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rules",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", choices=_PARTS, action="append", help="all without it")
    parser.add_argument("--proposals", type=int, default=1_000_000, help="safety, random sampler")
    parser.add_argument("--slow-proposals", type=int, default=20_000, help="safety, each other one")
    parser.add_argument("--seeds", type=int, default=20, help="quality: searches of each method")
    parser.add_argument("--seed", type=int, default=0, help="safety: of the random spaces")
    parser.add_argument("--sampler", choices=SAMPLERS, action="append", help="safety and speed")
    parser.add_argument("--space", choices=NAMES, action="append", help="quality")
    parser.add_argument("--method", choices=METHODS, action="append", help="quality, beside ours")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="but for speed")
    parser.add_argument("--into", type=Path, metavar="FILE", help="keep what each piece found")
    parser.add_argument("--report", type=Path, nargs="+", metavar="FILE", help="only the tables")
    return parser.parse_args()


if __name__ == "__main__":
    main()
