"""A study's own code is imported by its path; a fault in it is shown in the user's own words."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from satisfice.domain.errors import StudyCodeError
from satisfice.tasks.problem.contract import load_data, load_problem
from satisfice.tasks.problem.data import Data

WHOLE = """
import numpy as np
from satisfice.tasks.problem.data import Data, Split

class Thing:
    size = 3

def load():
    split = Split(np.zeros((4, 2), "float64"), np.zeros(4))
    return Data(split, split, split)

def train(trial, data):
    pass
"""


def _study(folder: Path, text: str, **beside: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "problem.py").write_text(text)
    for name, content in beside.items():
        (folder / f"{name}.py").write_text(content)
    return folder


def test_a_whole_problem(tmp_path: Path) -> None:
    problem = load_problem(_study(tmp_path / "whole", WHOLE), "problem.py")
    assert isinstance(load_data(problem), Data)
    assert (problem.build, problem.example_input, problem.evaluate) == (None, None, None)


def test_pickles_of_its_classes_load_in_another_process(tmp_path: Path, root: Path) -> None:
    folder = _study(tmp_path / "with-dash", WHOLE)
    load_problem(folder, "problem.py")
    kind = sys.modules["problem_with_dash_problem"].Thing
    (tmp_path / "pickle").write_bytes(pickle.dumps(kind()))
    script = f"""
import pickle
from pathlib import Path
from satisfice.tasks.problem.contract import load_problem
load_problem(Path({str(folder)!r}), "problem.py")
print(pickle.loads(Path({str(tmp_path / "pickle")!r}).read_bytes()).size)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, check=True)
    assert done.stdout.split() == [b"3"]


def test_the_example_is_a_batch_of_one_in_single_precision(tmp_path: Path) -> None:
    import torch

    problem = load_problem(_study(tmp_path / "example", WHOLE), "problem.py")
    assert problem.input_for({}) is None
    object.__setattr__(problem, "example", np.ones((1, 2)))
    assert problem.input_for({}).dtype is torch.float32
    object.__setattr__(problem, "example", np.array([["a text"]], dtype=object))
    assert problem.input_for({}) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHOLE + "\n1 / 0\n", "problem.py:15: ZeroDivisionError: division by zero"),
        (WHOLE + "\nimport nowhere_at_all\n", "problem.py:15: ModuleNotFoundError"),
        ("def load(:\n    pass\n", "problem.py:1: SyntaxError"),
        ("raise SystemExit\n", "problem.py:1: SystemExit"),
        ("def train(trial, data):\n    pass\n", "problem.py: load is missing"),
        (WHOLE.replace("def train(trial, data)", "def train(trial)"), "train(trial) cannot be"),
        (WHOLE + "\nbuild = 3\n", "build is not a function"),
        (WHOLE + "\ndef evaluate(model):\n    pass\n", "problem.py:15: evaluate(model) cannot be"),
    ],
)
def test_what_is_wrong_names_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StudyCodeError) as caught:
        load_problem(_study(tmp_path / "wrong", text), "problem.py")
    assert said in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyCodeError, match=r"nothing\.py: there is no such file"):
        load_problem(tmp_path, "nothing.py")


def test_a_fault_in_a_helper_names_the_helpers_line(tmp_path: Path) -> None:
    folder = _study(tmp_path / "deep", "import faulty_helper\n", faulty_helper="\n\nint('x')\n")
    with pytest.raises(StudyCodeError, match=r"faulty_helper\.py:3: ValueError"):
        load_problem(folder, "problem.py")


def test_load_has_to_return_data(tmp_path: Path) -> None:
    text = WHOLE.replace("return Data(split, split, split)", "return split, split")
    problem = load_problem(_study(tmp_path / "other", text), "problem.py")
    with pytest.raises(StudyCodeError, match=r"problem.py:8: load\(\) returned tuple, not Data"):
        load_data(problem)


def test_what_load_raises_names_the_line(tmp_path: Path) -> None:
    text = WHOLE.replace("return Data(split, split, split)", "return {}['digits']")
    problem = load_problem(_study(tmp_path / "raising", text), "problem.py")
    with pytest.raises(StudyCodeError) as caught:
        load_data(problem)
    assert "problem.py:10: KeyError: 'digits'" in caught.value.message
    assert "return {}['digits']" in caught.value.message
