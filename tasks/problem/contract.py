"""A study's own code: `problem.py`, imported by its path and checked against its contract."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.problem.data import Data
from satisfice.tasks.problem.siblings import Siblings, hidden_by, siblings_in

TELLING_LINES = 12  # of a traceback, whose end says what went wrong

# What a problem may define: the arguments, and whether it is required.
_CONTRACT: dict[str, tuple[tuple[str, ...], bool]] = {
    "load": ((), True),
    "train": (("trial", "data"), True),
    "build": (("params",), False),
    "example_input": (("params",), False),
    "evaluate": (("model", "split"), False),
}


@dataclass(frozen=True)
class Problem:
    """What `problem.py` defines.

    Attributes:
        file: The file.
        load: `load() -> Data`.
        train: `train(trial, data)`.
        build: `build(params) -> torch.nn.Module`; None if it is not defined.
        example_input: `example_input(params) -> torch.Tensor`, a batch of one; None if it is not
            defined.
        evaluate: `evaluate(model, split) -> {metric: value}`; None if it is not defined.
        example: The first training example as a batch of one, as `load()` returned it; None until
            the data is loaded.
    """

    file: Path
    load: Callable[[], Data]
    train: Callable[[Any, Data], Any]
    build: Callable[[Mapping[str, Any]], Any] | None = None
    example_input: Callable[[Mapping[str, Any]], Any] | None = None
    evaluate: Callable[[Any, Any], Mapping[str, Any]] | None = None
    example: Any = None

    def input_for(self, params: Mapping[str, Any]) -> Any:
        """Return an input tensor, a batch of one, for a model of these parameters, if one is known.

        It is `example_input(params)` if the study defines that, or else the first training example
        as float32.
        """
        import numpy as np
        import torch

        if self.example_input is not None:
            return self.example_input(params)
        if self.example is None:
            return None
        try:
            return torch.as_tensor(np.asarray(self.example, dtype=np.float32))
        except (TypeError, ValueError):  # a table that contains text
            return None


def load_problem(study_folder: Path, file: str) -> Problem:
    """Import a study's code.

    The modules beside it are imported first from then on, also inside its functions, until another
    study is loaded or called. The module goes by the name of its file, so that spawned processes
    can import it. Pickles made by earlier versions name it after its folder, too.

    Args:
        study_folder: The study folder.
        file: The file in it.

    Raises:
        StudyCodeError: The file is missing or raised, or a function is missing or has other
            parameters than expected.
    """
    path = (study_folder / file).resolve()
    if not path.is_file():
        raise StudyCodeError(
            f"{path}: there is no such file",
            "The study's `problem:` names a Python file in the study folder "
            "that defines load() and train(trial, data).",
        )
    own = siblings_in(path.parent)
    module = _import(path, own)
    found = {name: _function(module, name, path, own) for name in _CONTRACT}
    return Problem(path, **found)  # type: ignore[arg-type]


def load_data(problem: Problem) -> Data:
    """Run the problem's `load()`.

    Raises:
        StudyCodeError: It raised, or did not return `Data`.
    """
    try:
        data = problem.load()
    except Exception as error:
        raise study_code_error(error, problem.file, "load() raised") from error
    if isinstance(data, Data):
        return data
    raise StudyCodeError(
        f"{_place(problem.load, problem.file)}: load() returned {type(data).__name__}, not Data",
        "Return satisfice.Data(train=Split(x, y), validation=Split(x, y), test=Split(x, y)).",
    )


def study_code_error(error: BaseException, file: Path, what: str) -> StudyCodeError:
    """Return an error raised by the study's code as one that names the line in it.

    Args:
        error: What was raised.
        file: The study's `problem.py`.
        what: What failed, such as `load() raised`.
    """
    lines = telling_lines(error, file)
    hint = error.hint if isinstance(error, StudyCodeError) else _hint(error, file)
    return StudyCodeError(f"{describe(error, file)}\n{what}:\n{lines}", hint or _HINT)


def describe(error: BaseException, file: Path) -> str:
    """Return in one line what was raised, and where in the study: `problem.py:12: KeyError`."""
    text = str(error).strip().splitlines() or [""]
    said = f"{type(error).__name__}: {text[0]}" if text[0] else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {said}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if Path(one.filename).is_relative_to(file.parent)]
    return f"{own[-1].filename}:{own[-1].lineno}: {said}" if own else f"{file}: {said}"


def telling_lines(error: BaseException, file: Path) -> str:
    """Return the last lines of an error's traceback, starting in the study's code.

    Args:
        error: What was raised.
        file: The study's `problem.py`.
    """
    told = traceback.TracebackException.from_exception(error)
    places = [Path(one.filename).is_relative_to(file.parent) for one in told.stack]
    own = told.stack[places.index(True) :] if any(places) else []
    lines = [*traceback.format_list(own), *told.format_exception_only()]
    return "\n".join("".join(lines).rstrip().splitlines()[-TELLING_LINES:])


_HINT = "Fix the error in the study's code and run again; nothing was trained."
_HINTS: dict[type[BaseException], str] = {
    ModuleNotFoundError: "Install the package beside Satisfice, or put the module into the study "
    "folder.",
    FileNotFoundError: "Relative paths start at the folder in which the command was run; "
    "Path(__file__).parent is the study folder.",
}


def _hint(error: BaseException, file: Path) -> str:
    lacking = getattr(error, "obj", None) if isinstance(error, AttributeError) else error
    module = getattr(lacking, "__name__" if isinstance(lacking, ModuleType) else "name", None)
    for name, library in hidden_by(file.parent).items():
        if str(module).partition(".")[0] == Path(name).stem:
            return f"{name} hides {library}: rename it"
    return _HINTS.get(type(error), "")


def _import(path: Path, own: Siblings) -> ModuleType:
    own.activate()
    old_name = "problem_" + re.sub(r"\W", "_", f"{path.parent.name}_{path.stem}")
    name = path.stem if own.may_be_called(path.stem) else old_name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StudyCodeError(f"{path}: this is not a Python file", "Its name must end in `.py`.")
    module = importlib.util.module_from_spec(spec)
    # Before it runs, since dataclasses and pickles look their module up.
    sys.modules[name] = sys.modules[old_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        for one in {name, old_name}:
            del sys.modules[one]
        raise study_code_error(error, path, "importing it raised") from error
    return module


def _function(
    module: ModuleType, name: str, path: Path, own: Siblings
) -> Callable[..., Any] | None:
    wanted, needed = _CONTRACT[name]
    signature = f"{name}({', '.join(wanted)})"
    function: Any = getattr(module, name, None)
    if function is None and not needed:
        return None
    if not callable(function):
        fault = "is missing" if function is None else "is not a function"
        raise StudyCodeError(f"{path}: {name} {fault}", f"Define `def {signature}:` in this file.")
    try:
        inspect.signature(function).bind(*wanted)
    except TypeError as error:
        takes = f"{name}{inspect.signature(function)}"
        raise StudyCodeError(
            f"{_place(function, path)}: {takes} cannot be called as {signature}: {error}",
            f"Define it as `def {signature}:`.",
        ) from error

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        own.activate()  # another study may have been called meanwhile
        return function(*given, **named)

    return call


def _place(function: Callable[..., Any], path: Path) -> str:
    function = inspect.unwrap(function)
    if isinstance(function, FunctionType):
        return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
    return str(path)
