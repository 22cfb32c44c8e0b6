"""A newcomer's study: a copy of the digits with fewer than 30 changed lines."""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path

from tests.e2e.service import Service

# What a newcomer changes to search a network for 569 tumours of 30 measurements each.
CHANGES = {
    "study.yaml": [
        ("study: digits", "study: tumours"),
        ("{source: sklearn-digits,", "{source: sklearn-breast-cancer,"),
        ("  channels: {int: [4, 128], log: true, default: 8}\n", ""),
        (
            "  groups: {int: [1, 16], default: 1}\n",
            "  width: {int: [4, 64], log: true, default: 8}\n",
        ),
        (
            (
                "  - id: groups-divide-channels\n"
                "    require: channels % groups == 0\n"
                "    because: a grouped convolution splits its channels evenly\n"
            ),
            "",
        ),
        ("<= 64_000", "<= 5_000"),
    ],
    "problem.py": [
        (
            "from sklearn.datasets import load_digits",
            "from sklearn.datasets import load_breast_cancer",
        ),
        (
            (
                "    digits = load_digits()\n"
                '    images = digits.images[:, None].astype("float32") / 16'
                "  # n, 1, 8, 8 between 0 and 1\n"
                "    return split(images, digits.target, seed=0)\n"
            ),
            (
                "    table = load_breast_cancer()\n"
                '    return split(table.data.astype("float32"), table.target, seed=0)\n'
            ),
        ),
        (
            (
                '    channels = params["channels"]\n'
                "    layers = [nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]\n"
            ),
            (
                '    width = params["width"]\n'
                "    layers = [nn.BatchNorm1d(30), nn.Linear(30, width), nn.ReLU()]\n"
            ),
        ),
        (
            (
                "        grouped = nn.Conv2d(channels, channels, 3, padding=1,"
                ' groups=params["groups"])\n'
                "        layers += [grouped, nn.BatchNorm2d(channels), nn.ReLU()]\n"
                "    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(),"
                " nn.Linear(4 * channels, 10))\n"
            ),
            (
                "        layers += [nn.Linear(width, width), nn.ReLU()]\n"
                "    return nn.Sequential(*layers, nn.Linear(width, 2))\n"
            ),
        ),
    ],
    "expectations.py": [
        ("list(range(10))", "[0, 1]"),
        ('column="minimum", min_value=0, max_value=1', 'column="minimum", min_value=0'),
        ('column="maximum", min_value=0, max_value=1', 'column="maximum", max_value=5000'),
        ('value_set=["1x8x8"]', 'value_set=["30"]'),
        ('value=1797, description="all 1,797 digits', 'value=569, description="all 569 tumours'),
    ],
}


def test_a_copied_study_with_few_changed_lines_is_searched(service: Service, root: Path) -> None:
    study = service.folder / "tumours"
    shutil.copytree(root / "studies" / "digits", study, ignore=lambda *_: ["__pycache__"])
    for file, changes in CHANGES.items():
        text = (study / file).read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{file} of the digits has changed: {old!r}"
            text = text.replace(old, new)
        (study / file).write_text(text)
    assert _changed(root / "studies" / "digits", study) < 30

    ended = service.run("run", study, "--trials", "4")
    assert ended.code == 0, ended.output
    assert "tumours-1: Budget spent" in ended.output
    assert "test accuracy 0.9" in ended.output
    assert "no model was saved" not in ended.output
    assert "could not" not in ended.output
    page = (service.search("tumours-1").folder / "report.html").read_text()
    assert "fits-the-device" in page
    with service.store() as store:
        opened = store.open("tumours-1")
        assert [one.value for one in opened.history().complete if (one.value or 0.0) > 0.85]
        assert opened.confirmations()

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{service.home / 'mlflow.db'}")
    assert [one.name for one in client.search_registered_models()] == ["tumours"]


def _changed(before: Path, after: Path) -> int:
    """Count the lines that were changed, added or taken away."""
    count = 0
    for file in sorted(after.iterdir()):
        old, new = ((at / file.name).read_text().splitlines() for at in (before, after))
        for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new).get_opcodes():
            count += max(j - i, m - k) if tag != "equal" else 0
    return count
