"""Reading a study: what is understood, and what each mistake is told like."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent

import jsonschema
import pytest
from ruamel.yaml import YAML

from satisfice.domain.economics.cost import Budget, Prices
from satisfice.domain.economics.worth import Direction, Per, Worth
from satisfice.domain.errors import UserError
from satisfice.domain.expressions.expression import Expression
from satisfice.domain.space.space import Choice, Float, Int
from satisfice.domain.study import Confirming, Resources
from satisfice.tasks.spec.digest import study_digest
from satisfice.tasks.spec.reader import read_study, recorded_study
from satisfice.tasks.spec.schema import mistakes, schema

STUDY = """\
study: digits
problem: problem.py
data: {source: digits, expectations: expectations.py}
objective: {metric: accuracy, direction: maximize}
worth: 10 min per point
prices: {hour: 0.60 EUR, kwh: 0.28 EUR}
budget: {time: 4 min, trials: 200}
space:
  channels: {int: [8, 128], log: true, default: 16}
  groups: {int: [1, 16], default: 1}
  lr: {float: [1.0e-4, 1.0e-1], log: true, default: 1.0e-2}
  optimizer: {choice: [sgd, adamw], default: sgd}
  momentum: {float: [0.0, 0.99], when: optimizer == 'sgd', default: 0.9}
rules:
  - id: groups-divide-channels
    require: channels % groups == 0
gates:
  - latency_ms_p95 <= 20
"""

# Lists that end many hints.
LISTS = {
    "{KEYS}": "study, problem, data, objective, worth, prices, budget, space, rules, gates,"
    " confirm, resources, sampler, seed",
    "{NAMES}": "The space has: channels, groups, lr, optimizer, momentum; predicted:"
    " predicted.parameters, predicted.macs, predicted.size_bytes, {LEARNT}; measured after"
    " training: measured.memory_mb, measured.checkpoint_bytes, measured.epoch_seconds,"
    " measured.epoch_money, measured.latency_ms_p50, measured.latency_ms_p95,"
    " measured.energy_wh_per_1000, measured.seconds, measured.kwh, measured.kgco2e,"
    " measured.money; reported by train(): metrics.NAME",
    "{LEARNT}": "predicted.memory_mb, predicted.checkpoint_bytes, predicted.epoch_seconds,"
    " predicted.epoch_money, predicted.latency_ms_p50, predicted.latency_ms_p95,"
    " predicted.energy_wh_per_1000",
    "{TIMES}": "s, sec, second, seconds, min, mins, minute, minutes, h, hour, hours, d, day, days",
    "{MONEYS}": "€, euro, euros, $, dollar, dollars, £, pound, pounds, or a currency such as EUR",
}


@dataclass(frozen=True)
class Wrong:
    name: str
    found_by: str
    edits: dict[str, str]
    message: str

    def apply(self) -> str:
        text = STUDY
        for old, new in self.edits.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text


WRONG = tuple(
    Wrong(**one)
    for one in YAML(typ="safe", pure=True).load(Path(__file__).with_name("wrong_studies.yaml"))
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study folder; it is the working directory, so that messages name `study.yaml` alone."""
    for name, text in (("study.yaml", STUDY), ("problem.py", ""), ("expectations.py", "")):
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(folder: Path, text: str) -> str:
    (folder / "study.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError) as caught:
        read_study("study.yaml")
    return str(caught.value)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_mistake_is_told_in_full(wrong: Wrong, folder: Path) -> None:
    expected = wrong.message
    for short, full in LISTS.items():
        expected = expected.replace(short, full)
    assert told(folder, wrong.apply()) == expected


@pytest.mark.parametrize(
    "wrong", [one for one in WRONG if one.found_by != "yaml"], ids=lambda wrong: wrong.name
)
def test_the_schema_refuses_what_the_table_of_keys_refuses(wrong: Wrong) -> None:
    document = YAML(typ="safe", pure=True).load(wrong.apply())
    refused = wrong.found_by == "table"
    assert bool(mistakes(document)) == refused
    assert jsonschema.Draft202012Validator(schema()).is_valid(document) != refused


def test_a_study_is_read_in_full(folder: Path) -> None:
    study = read_study(folder)
    assert (study.name, study.problem, study.folder) == ("digits", "problem.py", str(folder))
    assert (study.data.source, study.data.expectations) == ("digits", "expectations.py")
    assert (study.objective.metric, study.objective.direction) == ("accuracy", Direction.MAXIMIZE)
    assert study.worth == Worth(pytest.approx(0.10), Per.POINT, None, "10 min per point")  # type: ignore[arg-type]
    assert study.prices == Prices("EUR", hour=0.60, kwh=0.28)
    assert study.budget == Budget(trials=200, seconds=240.0)
    domains = {one.name: one.domain for one in study.space.parameters}
    assert domains == {
        "channels": Int(8, 128, log=True),
        "groups": Int(1, 16),
        "lr": Float(1e-4, 1e-1, log=True),
        "optimizer": Choice(("sgd", "adamw")),
        "momentum": Float(0.0, 0.99),
    }
    assert str(study.space["momentum"].when) == str(Expression("optimizer == 'sgd'"))
    assert study.space.defaults() == {
        "channels": 16,
        "groups": 1,
        "lr": 0.01,
        "optimizer": "sgd",
        "momentum": 0.9,
    }
    assert [rule.id for rule in study.rules.rules] == ["groups-divide-channels"]
    assert [gate.require.text for gate in study.gates] == ["latency_ms_p95 <= 20"]
    assert (study.confirming, study.resources, study.seed) == (Confirming(), Resources(), 0)
    assert study.text == STUDY


def test_what_may_be_stated_besides_is_read(folder: Path) -> None:
    extra = dedent("""\
        confirm: {leaders: 3, seeds: 5, share: 0.5}
        resources: {workers: 2, threads: 4, memory: 2 GB, watts_per_core: 12}
        seed: 7
    """)
    (folder / "study.yaml").write_text(STUDY + extra)
    study = read_study(folder)
    assert study.confirming == Confirming(leaders=3, seeds=5, share=0.5)
    assert study.resources == Resources(workers=2, threads=4, memory_mb=2000, watts_per_core=12.0)
    assert study.seed == 7


@pytest.mark.parametrize(
    ("prices", "worth", "expected", "money"),
    [
        ("{hour: 0.60 EUR}", "half an hour per point", Prices("EUR", hour=0.6), 0.3),
        ("{hour: 3 €, kwh: 0.5 EUR}", "0.5 euros per unit", Prices("EUR", hour=3.0, kwh=0.5), 0.5),
        ("{kwh: 0.28 CHF}", "2 kWh per halving", Prices("CHF", hour=0.0, kwh=0.28), 0.56),
        (
            "{hour: 1 USD, carbon: 400 g/kWh, kgco2e: 0.1 USD}",
            "$",
            Prices("USD", hour=1.0, kgco2e_per_kwh=0.4, kgco2e=0.1),
            2.0,
        ),
        (None, "90 s per point", Prices("h"), 0.025),
        (None, "2 kWh per point", Prices("kWh", hour=0.0, kwh=1.0), 2.0),
        ("{carbon: 0.4 kg/kWh}", "1 h per point", Prices("h", kgco2e_per_kwh=0.4), 1.0),
    ],
)
def test_amounts_meet_in_one_unit_of_money(
    prices: str | None, worth: str, expected: Prices, money: float, folder: Path
) -> None:
    stated = "" if prices is None else f"prices: {prices}\n"
    text = STUDY.replace("prices: {hour: 0.60 EUR, kwh: 0.28 EUR}\n", stated)
    text = text.replace("10 min per point", "2 $ per point" if worth == "$" else worth)
    (folder / "study.yaml").write_text(text, "utf-8")
    study = read_study(folder)
    assert study.prices == expected
    assert study.worth.money == pytest.approx(money)


@pytest.mark.parametrize(
    ("prices", "money", "limit"),
    [
        ("prices: {hour: 0.60 EUR}\n", "3 EUR", 3.0),
        ("", "90 min", 1.5),  # without prices, money is counted in hours of the machine
    ],
)
def test_a_budget_of_money_is_in_the_unit_of_the_study(
    prices: str, money: str, limit: float, folder: Path
) -> None:
    text = STUDY.replace("prices: {hour: 0.60 EUR, kwh: 0.28 EUR}\n", prices)
    text = text.replace("trials: 200", f"money: {money}, energy: 0.2 kWh")
    (folder / "study.yaml").write_text(text)
    assert read_study(folder).budget == Budget(seconds=240.0, kwh=0.2, money=limit)


def test_a_target_and_words_for_numbers_are_read(folder: Path) -> None:
    stated = "three quarters of an hour per halving of the error, up to 0.99"
    (folder / "study.yaml").write_text(STUDY.replace("10 min per point", stated))
    worth = read_study(folder).worth
    assert (worth.per, worth.target, worth.stated) == (Per.HALVING, 0.99, stated)
    assert worth.money == pytest.approx(0.45)


def test_yaml_is_read_by_version_1_2(folder: Path) -> None:
    text = STUDY.replace("1.0e-4, 1.0e-1", "1e-4, 1e-1").replace(
        "[sgd, adamw]", "[sgd, no, off, 1]"
    )
    (folder / "study.yaml").write_text(text.replace("study: digits", "study: 2026-11-21"))
    study = read_study(folder)
    assert study.space["lr"].domain == Float(1e-4, 1e-1, log=True)
    assert study.space["optimizer"].domain == Choice(("sgd", "no", "off", 1))
    assert study.name == "2026-11-21"


def test_whole_numbers_stay_whole_and_others_become_floats(folder: Path) -> None:
    text = STUDY.replace("[8, 128]", "[8.0, 128]").replace("[0.0, 0.99]", "[0, 1]")
    (folder / "study.yaml").write_text(text.replace("default: 0.9", "default: 1"))
    space = read_study(folder).space
    channels, momentum = space["channels"].domain, space["momentum"]
    assert isinstance(channels, Int)
    assert isinstance(channels.low, int)
    assert isinstance(momentum.domain, Float)
    assert isinstance(momentum.domain.high, float)
    assert isinstance(momentum.default, float)


def test_a_condition_without_a_result_leaves_its_parameter_out(folder: Path) -> None:
    text = STUDY.replace("when: optimizer == 'sgd'", "when: 1 / (channels - 16) > 0")
    (folder / "study.yaml").write_text(text)
    assert "momentum" not in (read_study(folder).space.defaults() or {})


@pytest.mark.parametrize("name", ["", "study.yaml"])
def test_a_study_is_named_by_its_folder_or_its_file(name: str, folder: Path) -> None:
    assert read_study(folder / name) == read_study(str(folder))


def test_a_missing_study_names_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("digits", "wine"):
        (tmp_path / "studies" / name).mkdir(parents=True)
        (tmp_path / "studies" / name / "study.yaml").write_text(STUDY)
    (tmp_path / "studies" / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    expected = {
        "studies/digts": "studies/digts: there is no such study\n"
        "  did you mean 'studies/digits'? There are: studies/digits, studies/wine",
        "studies/empty": "studies/empty: there is no study.yaml in this folder\n"
        "  There are: studies/digits, studies/wine",
        "wine": "wine: there is no such study\n"
        "  did you mean 'studies/wine'? There are: studies/digits, studies/wine",
        "studies/digts/study.yml": "studies/digts/study.yml: there is no such study\n"
        "  did you mean 'studies/digits'? There are: studies/digits, studies/wine",
    }
    for wanted, message in expected.items():
        with pytest.raises(UserError) as caught:
            read_study(wanted)
        assert str(caught.value) == message


def test_nowhere_is_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no such study\n  a study is a folder with study\.yaml"):
        read_study("digits")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"study: digits\nworth: \xff\n", "study.yaml:2: expected text in UTF-8"),
        (b"study: digits\nworth: \x00\n", "study.yaml:2: unacceptable character #x0000"),
        (b"", "study.yaml:1: the file is empty, expected a study"),
        (b"# nothing yet\n", "study.yaml:1: the file is empty, expected a study"),
        (b"- study\n", "study.yaml:1: the file is a list, expected a section with the keys of"),
        (b"a: " + b"[" * 700, "study.yaml: it is nested too deeply for a study"),
        (b"&a [*a]: 1\n", "study.yaml:1: unknown key a tuple"),
        (b"study: &a [*a]\n", "study.yaml:1: study is a list, expected a name of"),
        (b"seed: " + b"9" * 5000, "study.yaml: this is not YAML: Exceeds the limit"),
        (b"seed: 1" + b"0" * 400, "study.yaml:1: seed is 1000"),
    ],
)
def test_no_file_gets_past_the_reader(written: bytes, message: str, folder: Path) -> None:
    (folder / "study.yaml").write_bytes(written)
    with pytest.raises(UserError) as caught:
        read_study("study.yaml")
    assert message in str(caught.value)


def test_a_mark_of_byte_order_is_no_mistake(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY, "utf-8-sig")
    assert read_study(folder).text == STUDY


def test_the_schema_accepts_a_study_and_is_json() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    document = YAML(typ="safe", pure=True).load(STUDY)
    jsonschema.validate(document, json.loads(json.dumps(schema())))


def test_a_past_study_is_read_from_its_record_without_its_folder(folder: Path) -> None:
    study = read_study(folder)
    (folder / "problem.py").unlink()
    (folder / "study.yaml").unlink()
    again = recorded_study(study.text, study.folder)
    assert again == study
    assert study_digest(again) == study_digest(study)


def test_the_study_of_the_demo_is_read(root: Path) -> None:
    assert read_study(root / "studies" / "digits").name == "digits"


SAME = {
    "a comment": ("gates:", "# what a model has to meet\ngates:"),
    "another notation": ("1.0e-4", "0.0001"),
    "a reason": ("== 0", "== 0\n    because: it splits evenly"),
    "a larger budget": ("trials: 200", "trials: 300"),
    "more workers": ("gates:", "resources: {workers: 4}\ngates:"),
    "the same worth in other words": ("10 min per", "600 s per"),
}
OTHER = {
    "a soft rule": ("channels % groups == 0", "metrics.gap < groups"),
    "a bound": ("[8, 128]", "[8, 64]"),
    "a scale": ("log: true, default: 16", "default: 16"),
    "a default": ("default: 16", "default: 32"),
    "a condition": ("optimizer == 'sgd'", "optimizer != 'sgd'"),
    "a choice": ("[sgd, adamw]", "[sgd, adam]"),
    "a rule": ("channels % groups == 0", "channels > groups"),
    "a gate": ("<= 20", "<= 10"),
    "the worth": ("10 min per", "11 min per"),
    "a price": ("0.28", "0.29"),
    "the metric": ("metric: accuracy", "metric: f1"),
    "the direction": ("maximize", "minimize"),
    "the seed": ("gates:", "seed: 1\ngates:"),
    "the confirmation": ("gates:", "confirm: {seeds: 9}\ngates:"),
}


def digest(folder: Path, old: str = "", new: str = "") -> str:
    assert not old or STUDY.count(old) == 1
    (folder / "study.yaml").write_text(STUDY.replace(old, new) if old else STUDY)
    return study_digest(read_study(folder))


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_the_digest_is_blind_to(edit: tuple[str, str], folder: Path) -> None:
    assert digest(folder, *edit) == digest(folder)


@pytest.mark.parametrize("edit", OTHER.values(), ids=OTHER)
def test_the_digest_sees(edit: tuple[str, str], folder: Path) -> None:
    assert digest(folder, *edit) != digest(folder)


def test_the_digest_does_not_depend_on_where_the_study_lies(folder: Path) -> None:
    study = read_study(folder)
    assert study_digest(replace(study, folder="/elsewhere")) == study_digest(study)
    assert len(study_digest(study)) == 16
    assert int(study_digest(study), 16) >= 0


def test_a_rule_may_ask_for_confidence(folder: Path) -> None:
    plain = "require: channels % groups == 0"
    asking = "require: predicted.memory_mb <= 4000"
    texts = (plain, asking, f"{asking}\n    confidence: 0.9", f"{asking}\n    confidence: 0.95")
    studies = []
    for text in texts:
        (folder / "study.yaml").write_text(STUDY.replace(plain, text), "utf-8")
        studies.append(read_study(folder))
    assert [one.rules.rules[0].confidence for one in studies] == [None, None, 0.9, 0.95]
    assert len({study_digest(one) for one in studies}) == 4


def test_a_rule_is_hard_or_soft_by_what_it_names(folder: Path) -> None:
    rules = [
        "{id: fast-enough, require: measured.latency_ms_p95 <= 2 * groups}",
        "{id: fair, require: metrics.gap <= 0.1, when: optimizer == 'sgd'}",
        "{id: last, require: groups <= channels}",
    ]
    listed = "".join(f"  - {rule}\n" for rule in rules)
    (folder / "study.yaml").write_text(STUDY.replace("gates:", f"{listed}gates:"), "utf-8")
    study = read_study(folder)
    assert [rule.id for rule in study.rules.rules] == ["groups-divide-channels", "last"]
    assert [rule.id for rule in study.soft_rules.rules] == ["fast-enough", "fair"]
    assert study.rules.predictions == ()


def test_a_default_that_breaks_a_rule_below_a_soft_one_is_told_in_its_line(folder: Path) -> None:
    rules = "  - {id: fair, require: metrics.gap < 1}\n  - {id: many, require: groups > 1}\n"
    message = told(folder, STUDY.replace("gates:", f"{rules}gates:"))
    assert message.startswith("study.yaml:18: the default configuration breaks rule 'many'")


@pytest.mark.parametrize(
    ("stated", "share"), [("5%", 0.05), ("5 %", 0.05), ("2.5%", 0.025), ("0.05", 0.05), ("0", 0.0)]
)
def test_a_rule_may_ask_for_an_audit(stated: str, share: float, folder: Path) -> None:
    plain = "require: channels % groups == 0"
    text = STUDY.replace(plain, f"{plain}\n    audit: {stated}")
    (folder / "study.yaml").write_text(text, "utf-8")
    rule = read_study(folder).rules.rules[0]
    assert (rule.audit, rule.safety) == (pytest.approx(share), False)
    assert (digest(folder, plain, f"{plain}\n    audit: {stated}") != digest(folder)) == bool(share)


def test_a_rule_may_be_marked_as_safety(folder: Path) -> None:
    text = STUDY.replace("== 0\n", "== 0\n    safety: true\n    audit: 0\n")
    (folder / "study.yaml").write_text(text, "utf-8")
    assert read_study(folder).rules.rules[0].safety


def test_reading_a_study_imports_nothing_heavy(root: Path) -> None:
    heavy = {"pandas", "optuna", "torch", "prefect", "mlflow", "sklearn", "jsonschema", "numpy"}
    code = (
        "import sys; from satisfice.tasks.spec.reader import read_study;"
        f"read_study('studies/digits'); print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
