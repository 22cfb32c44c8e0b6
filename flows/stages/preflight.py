"""What can be checked of a study before paying for a trial: specification, rules, data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.text import Text

from satisfice.domain.errors import NoAllowedConfiguration
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.check import Findings, contradiction, examine
from satisfice.domain.rules.conflicts import Clash
from satisfice.domain.rules.evaluator import RuleEvaluator
from satisfice.domain.rules.rule import Predict
from satisfice.domain.space import enumeration
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.summary import DataReport
from satisfice.flows.terminal import check_text
from satisfice.flows.terminal.spinner import waiting
from satisfice.tasks.problem.siblings import hidden_by
from satisfice.tasks.processes.companion import Companion
from satisfice.tasks.sampling.draws import random_configurations
from satisfice.tasks.spec.reader import read_study, rule_lines
from satisfice.tasks.trial_server.client import TrialServer
from satisfice.tasks.validation.gate import validate

SAMPLES = 4000  # configurations: a share is then known to 1.6 percentage points
_DRAWS = 100  # usually one of them is allowed, and then no contradiction has to be searched for


def check_study(path: str, as_json: bool = False) -> bool:
    """Print what is known of a study; return whether its data passes the gate.

    Args:
        path: The study folder.
        as_json: Whether to print a JSON document instead of text.

    Raises:
        NoAllowedConfiguration: Rules contradict each other. They are printed before it is raised.
    """
    study = read_study(path)
    screen = Console(quiet=as_json, soft_wrap=True, highlight=False)

    def show(lines: Iterable[Text]) -> None:
        for line in lines:
            screen.print(line)

    show(check_text.specification(study))
    hidden = hidden_by((Path(study.folder) / study.problem).parent)
    show(check_text.hidden(hidden))
    data = None
    with TrialServer(study) as server:
        if study.rules.needs_prediction:
            with waiting("loading the data and the code that builds models"):
                server.ready()
        findings = _examined(study, RuleEvaluator(study.rules, Predictor(study, server.predict)))
        show(check_text.rules(findings))
        show(check_text.soft_rules(study))
        if findings.clash is None:
            data = _validated(study, server)
            show(check_text.data(study, data))
    if as_json:
        document = check_text.document(study, findings, data) | {"hides": hidden}
        click.echo(json.dumps(document, indent=2))
    if findings.clash is not None:
        raise _refusal(study, findings.clash)
    return data is not None and bool(data.passed)


def refuse_contradictions(study: Study, predict: Predict) -> None:
    """Refuse a study whose rules contradict each other, before a search starts.

    Raises:
        NoAllowedConfiguration: Names a smallest set of rules that no configuration satisfies.
    """
    drawn = random_configurations(study.space, _DRAWS, study.seed)
    clash = contradiction(study.space, RuleEvaluator(study.rules, predict), drawn)
    if clash is not None:
        raise _refusal(study, clash)


def _refusal(study: Study, clash: Clash) -> NoAllowedConfiguration:
    return NoAllowedConfiguration(*check_text.clash(study.rules, clash, rule_lines(study)))


def _examined(study: Study, judge: RuleEvaluator) -> Findings:
    """Check the rules on all configurations if there are few, otherwise on a sample."""
    whole, count = enumeration.count(study.space) <= SAMPLES, SAMPLES
    configurations: Iterable[Params] = random_configurations(study.space, SAMPLES, study.seed)
    if whole:
        every = list(enumeration.every_configuration(study.space))
        # In random order, since the predictions may end before the list does.
        order = np.random.default_rng(study.seed).permutation(len(every))
        count, configurations = len(every), [every[at] for at in order]
    with waiting("checking the rules on configurations", count) as advance:

        def one_by_one() -> Iterator[Params]:
            for params in configurations:
                yield params
                advance()

        return examine(study.space, judge, one_by_one(), whole)


def _validated(study: Study, server: TrialServer) -> DataReport:
    # Last, so that a study whose rules are refused need not wait for Great Expectations' import.
    with waiting("loading and validating the data"), Companion("great_expectations") as gate:
        ready = server.ready()
        data = gate.run(validate, study, ready.manifest, ready.digest, None)
        ready.manifest.unlink(missing_ok=True)
    return data
