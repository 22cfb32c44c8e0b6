"""Everything that can be known of a study before paying: specification, rules, data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import click
import numpy as np
from rich.console import Console
from rich.text import Text

from domain import finite
from domain.checking import Findings, contradiction, examine
from domain.clashes import Clash
from domain.errors import NoAllowedConfiguration
from domain.judging import Judge
from domain.rules import Predict
from domain.space import Params
from domain.study import Study
from domain.summary import DataReport
from flows import check_view
from flows.waiting import waiting
from tasks.companion import Companion
from tasks.drawing import random_configurations
from tasks.predicting import Predictor
from tasks.server import TrialServer
from tasks.studies import read_study, rule_lines
from tasks.validation import validate

SAMPLES = 4000  # configurations; their share is known to 1.6 percentage points
_LOOKS = 100  # at random: mostly one is allowed among them, and then nothing has to be proven


def check_study(path: str, as_json: bool = False) -> bool:
    """Print what is known of a study, and tell whether its data passes the gate.

    Args:
        path: The study folder.
        as_json: Whether to print one JSON document in place of text.

    Raises:
        NoAllowedConfiguration: Rules contradict each other; what they do is printed all the same.
    """
    study = read_study(path)
    screen = Console(quiet=as_json, soft_wrap=True, highlight=False)

    def show(lines: Iterable[Text]) -> None:
        for line in lines:
            screen.print(line)

    show(check_view.specification(study))
    data = None
    with TrialServer(study) as server:
        if study.rules.needs_prediction:
            with waiting("loading the data and the code that builds models"):
                server.ready()
        findings = _examined(study, Judge(study.rules, Predictor(study, server.predict)))
        show(check_view.rules(findings))
        show(check_view.soft_rules(study))
        if findings.clash is None:
            data = _validated(study, server)
            show(check_view.data(study, data))
    if as_json:
        click.echo(json.dumps(check_view.document(study, findings, data), indent=2))
    if findings.clash is not None:
        raise _refusal(study, findings.clash)
    return data is not None and bool(data.passed)


def refuse_contradictions(study: Study, predict: Predict) -> None:
    """Refuse a study whose rules contradict each other, before anything is begun.

    Raises:
        NoAllowedConfiguration: Names a smallest set of rules that nothing fulfils.
    """
    drawn = random_configurations(study.space, _LOOKS, study.seed)
    clash = contradiction(study.space, Judge(study.rules, predict), drawn)
    if clash is not None:
        raise _refusal(study, clash)


def _refusal(study: Study, clash: Clash) -> NoAllowedConfiguration:
    return NoAllowedConfiguration(*check_view.clash(study.rules, clash, rule_lines(study)))


def _examined(study: Study, judge: Judge) -> Findings:
    """Hold the rules against all configurations where these are few, else against a sample."""
    whole, count = finite.count(study.space) <= SAMPLES, SAMPLES
    configurations: Iterable[Params] = random_configurations(study.space, SAMPLES, study.seed)
    if whole:
        every = list(finite.every_configuration(study.space))
        chance = np.random.default_rng(study.seed)  # predictions may end before the list does
        count, configurations = len(every), [every[at] for at in chance.permutation(len(every))]
    with waiting("holding the rules against configurations", count) as advance:

        def one_by_one() -> Iterator[Params]:
            for params in configurations:
                yield params
                advance()

        return examine(study.space, judge, one_by_one(), whole)


def _validated(study: Study, server: TrialServer) -> DataReport:
    # Not before: what is refused for its rules need not wait until Great Expectations is imported.
    with waiting("loading and validating the data"), Companion("great_expectations") as gate:
        ready = server.ready()
        data = gate.run(validate, study, ready.manifest, ready.digest, None)
        ready.manifest.unlink(missing_ok=True)
    return data
