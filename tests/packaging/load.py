"""Load our flows as Prefect does, and our objects in a spawned process; tell of them as JSON."""

from __future__ import annotations

import json
import re
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from prefect.flows import load_flow_from_entrypoint

import satisfice
from satisfice.tasks.spec.reader import read_study


def main() -> None:
    """Read the study that is named on the command line, here and there."""
    flows = [
        load_flow_from_entrypoint(f"satisfice.flows.{name}.{name}") for name in ("search", "sweep")
    ]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(read_study, sys.argv[1]).result()
        error = pool.submit(read_study, "no such folder").exception()
    assert error is not None
    text = "".join(traceback.format_exception(error))  # with that of the other process
    told = {
        "root": str(Path(str(satisfice.__file__)).parent),
        "flows": [one.fn.__module__ for one in flows],
        "same study": there == read_study(sys.argv[1]),
        "paths of the error": re.findall(r'File "(.*/spec/.*)"', text),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
