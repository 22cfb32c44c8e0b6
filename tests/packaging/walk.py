"""Import all of Satisfice and tell what was found, as JSON: for the interpreter of any install."""

from __future__ import annotations

import json
import sys
import traceback
from collections import defaultdict
from importlib import import_module, resources
from pathlib import Path
from pkgutil import walk_packages
from types import CodeType, ModuleType

import satisfice

DATA = (
    "py.typed",
    "deployments/prefect.yaml",
    "tasks/reporting/report.html",
    "tasks/validation/data_docs.css",
)


def doubled() -> list[list[str]]:
    """Return the names of files of ours that were imported under more than one."""
    ours = {
        Path(str(sys.modules[name].__file__)).resolve() for name in sys.modules if _is_ours(name)
    }
    names: dict[Path, list[str]] = defaultdict(list)
    for name, module in sys.modules.items():
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            names[Path(file).resolve()].append(name)
    return [each for file, each in names.items() if file in ours and len(each) > 1]


def paths(module: ModuleType) -> set[str]:
    """Return the paths that tracebacks through a module name."""
    code = module.__spec__.loader.get_code(module.__name__)  # type: ignore[union-attr]
    return {one.co_filename for one in nested(code)} | {str(module.__file__)}


def nested(code: CodeType) -> list[CodeType]:
    """Return a code object and all that it holds."""
    held = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [code, *(each for one in held for each in nested(one))]


def traced() -> list[str]:
    """Return the paths of an error that goes through our layers."""
    from satisfice.tasks.spec.reader import read_study

    try:
        read_study("there is no such folder")
    except Exception as error:  # noqa: BLE001 - whichever it is, its way is looked at
        return [frame.filename for frame in traceback.extract_tb(error.__traceback__)][1:]
    return []


def main() -> None:
    """Print what was found."""
    root = Path(str(satisfice.__file__)).parent
    names = [one.name for one in walk_packages(satisfice.__path__, "satisfice.", onerror=_refuse)]
    modules = [import_module(name) for name in names]
    told = {
        "root": str(root),
        "modules": names,
        "doubled": doubled(),
        "paths": sorted({path for each in modules for path in paths(each)}),
        "traced": traced(),
        "data": [one for one in DATA if (resources.files("satisfice") / one).is_file()],
    }
    print(json.dumps(told))


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == "satisfice"


def _refuse(name: str) -> None:
    raise ImportError(name)


if __name__ == "__main__":
    main()
