"""Everything that can be known of a study before paying: specification, rules, data."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

import click

from flows.backstage import behind
from tasks.studies import read_study
from tasks.validation import validate


def check_study(path: str) -> bool:
    """Print what is known of a study, and tell whether its data passes the gate."""
    study = read_study(path)
    click.echo(_specification(study))
    folder = Path(mkdtemp(prefix="satisfice-check-"))
    try:
        with behind(study, track=False) as backstage:
            ready = backstage.server.ready()
            click.echo(f"\nrules, on {_SAMPLES} random configurations")
            for line in _rules(study, backstage.server.predict):
                click.echo(f"  {line}")
            work = backstage.gate.submit(validate, study, ready.manifest, ready.digest, None)
            data = work.result()
            click.echo(_data(study, data))
            return data.passed
    finally:
        shutil.rmtree(folder, ignore_errors=True)
