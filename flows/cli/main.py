"""The command line: `satisfice run STUDY` and what belongs to it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from enum import IntEnum
from importlib.metadata import version
from typing import Any, NoReturn

import click

from satisfice.domain.errors import ExternalSystemError, SatisficeError, StudyCodeError, UserError
from satisfice.domain.summary import Ending
from satisfice.tasks.files.control import Command
from satisfice.tasks.servers.addresses import MLFLOW_PORT, PREFECT_PORT


class Exit(IntEnum):
    """What the process ends with."""

    DONE = 0
    FAULT = 1
    USER_ERROR = 2
    DATA_GATE_FAILED = 3
    NOTHING_AFFORDABLE = 4
    NOTHING_WORKED = 5
    EXTERNAL_SYSTEM_ERROR = 6
    NOTHING_FEASIBLE = 7
    INTERRUPTED = 130


_MEANING = {
    Exit.DONE: "the search came to its end, or was not worth beginning (--if-worth)",
    Exit.FAULT: "a fault of Satisfice itself",
    Exit.USER_ERROR: "a mistake in the study, its code or the command",
    Exit.DATA_GATE_FAILED: "the data did not pass its expectations",
    Exit.NOTHING_AFFORDABLE: "the budget does not pay for a single trial",
    Exit.NOTHING_WORKED: "every trial failed",
    Exit.EXTERNAL_SYSTEM_ERROR: "a database, a server or the disk failed",
    Exit.NOTHING_FEASIBLE: "no trial fulfilled the soft rules",
    Exit.INTERRUPTED: "interrupted; `satisfice resume STUDY` goes on",
}
_OF_ENDING = {
    Ending.DATA_GATE_FAILED: Exit.DATA_GATE_FAILED,
    Ending.NOTHING_AFFORDABLE: Exit.NOTHING_AFFORDABLE,
    Ending.NOTHING_WORKED: Exit.NOTHING_WORKED,
    Ending.NOTHING_FEASIBLE: Exit.NOTHING_FEASIBLE,
    Ending.INTERRUPTED: Exit.INTERRUPTED,
}
_OF_ERROR: dict[type[SatisficeError], Exit] = {
    UserError: Exit.USER_ERROR,
    StudyCodeError: Exit.USER_ERROR,
    ExternalSystemError: Exit.EXTERNAL_SYSTEM_ERROR,
}
_EPILOG = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:>3}  {meaning}" for code, meaning in _MEANING.items()
)

STUDY = click.argument("study", type=click.Path())
LIMITS = (
    click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Limit on the time."),
    click.option("--trials", type=click.IntRange(1), help="Limit on the number of trials."),
    click.option("--workers", type=click.IntRange(1, 64), help="Trials at the same time."),
)


def limited(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that narrow a study for one run."""
    for option in reversed(LIMITS):
        command = option(command)
    return command


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("satisfice"), prog_name="satisfice")
def cli() -> None:
    """Hyper-parameter searches that stop when the next trial is no longer worth its price.

    A study is a folder with study.yaml (the space, the rules, what a gain is worth, what resources
    cost), problem.py (load the data, train a model) and expectations.py (what must hold of the
    data). Begin with:

    \b
      satisfice check studies/digits     everything that can be known before paying
      satisfice run studies/digits       search until it is no longer worth it
      satisfice sweep studies/digits depth=1,2,4 lr=1e-4..1e-1:log:4
      satisfice why studies/digits       how it decided, and what if
    """  # noqa: D301 - click reads the backspace


@cli.command()
@STUDY
@limited
@click.option("--seed", type=int, help="Seed of the proposals, in place of the study's.")
@click.option("--if-worth", is_flag=True, help="As scheduled: only if it is worth it tonight.")
def run(study: str, **options: Any) -> None:
    """Begin a new search of STUDY.

    With --if-worth nothing is begun, and the exit code is 0, where the data, the code and the space
    are those of earlier searches and no number of further trials would pay for itself; new data is
    searched for no more than it is expected to be worth.

    Ctrl-C lets what runs save itself and ends; `satisfice resume STUDY` goes on. A second Ctrl-C
    ends at once, and what was recorded until then is kept.
    """
    from satisfice.flows.cli.run import run_flow

    _end(run_flow(study, resume=False, leave=_leave, **options))


@cli.command()
@STUDY
@click.argument("parameters", nargs=-1, required=True, metavar="NAME=VALUES...")
@click.option("--grid", "whole", is_flag=True, help="Take all combinations (this is the default).")
@click.option("--random", type=click.IntRange(1), help="Draw this many points instead.")
@click.option("--again", is_flag=True, help="Train again what was trained before.")
@click.option("--confirm", is_flag=True, help="Confirm the leaders, and register the winner.")
@click.option("--dry-run", is_flag=True, help="Show what would run, and run nothing.")
@limited
@click.option("--seed", type=int, help="Seed of what is drawn, in place of the study's.")
def sweep(study: str, parameters: tuple[str, ...], **options: Any) -> None:
    """Train chosen values of some parameters of STUDY, the others at their defaults.

    \b
      groups=1,2,4           these values
      depth=1..4:4           4 values from 1 to 4, evenly spaced
      lr=1e-4..1e-1:log:7    7 values, evenly spaced in their logarithm
      lr=1e-4..1e-1          anything in between, with --random

    The study's rules, data gate and budget hold as for a search. First it says what will run, what
    the rules exclude, what was trained before and is not trained again, and what it is expected to
    cost. It trains all of its plan, each trial to its last epoch: whether a search would have
    stopped is recorded, and does not stop it. Nothing is confirmed or registered without --confirm.
    `satisfice resume STUDY` goes on with a sweep that was interrupted.
    """  # noqa: D301 - click reads the backspace
    from satisfice.domain.sweep.plan import SweepRequest

    asked = SweepRequest(
        parameters, options.pop("random"), options.pop("again"), options.pop("confirm")
    )
    if options.pop("whole") and asked.random is not None:
        raise UserError("--grid takes all combinations, and --random draws some", "Ask for one")
    if options.pop("dry_run"):
        from satisfice.flows.stages.overrides import Limits
        from satisfice.flows.stages.sweep_plan import show_plan

        for line in show_plan(study, asked, Limits(**options)):
            click.echo(line)
        return
    from satisfice.flows.cli.run import run_flow

    _end(run_flow(study, resume=False, leave=_leave, asked=asked, **options))


@cli.command()
@STUDY
@limited
def resume(study: str, **options: Any) -> None:
    """Go on with the last unfinished search or sweep of STUDY: the same one, the same trials."""
    from satisfice.flows.cli.run import run_flow

    _end(run_flow(study, resume=True, leave=_leave, **options))


@cli.command()
@STUDY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of text.")
def check(study: str, as_json: bool) -> None:
    """Show everything that can be known of STUDY before paying: specification, rules, data.

    Of each rule: how much of the space it allows, something that it forbids, and the nearest that
    is allowed. Rules that contradict each other are a mistake in the study: exit code 2.
    """
    from satisfice.flows.stages.preflight import check_study

    sys.exit(Exit.DONE if check_study(study, as_json) else Exit.DATA_GATE_FAILED)


@cli.command()
@STUDY
def report(study: str) -> None:
    """Write the report page of the last search of STUDY again, from what is recorded."""
    from satisfice.flows.cli.status import report_again

    click.echo(report_again(study))


@cli.command()
@STUDY
@click.option("--search", help="Another search than the last one, such as digits-3.")
@click.option("--worth", help="What if a gain were worth this, such as '20 min per point'?")
@click.option("--price-hour", type=click.FloatRange(0), help="What if an hour cost this?")
@click.option(
    "--until",
    type=click.IntRange(1),
    metavar="N",
    help="What was known and what would have been decided after N trials, and what came of it? "
    "Beyond the end of the search: what is expected until there?",
)
@click.option(
    "--calibration", is_flag=True, help="How did forecasts of gains compare with what then came?"
)
@click.option("--all", "every", is_flag=True, help="Show rows in which nothing changed, too.")
def why(
    study: str,
    search: str | None,
    worth: str | None,
    price_hour: float | None,
    until: int | None,
    calibration: bool,
    every: bool,
) -> None:
    """Show how a search of STUDY decided, and decide again: what if?

    Everything is decided anew from the store, by what was known at each moment: trials, best, the
    expected gain of more trials with its interval, their expected cost, and the decision. At
    another --worth or price it says when the search would have stopped, with what. --until asks
    at one moment, --calibration how far the forecasts can be trusted.
    """
    from satisfice.flows.cli.why import WhatIf, explain

    asked = WhatIf(worth, price_hour, until)
    explain(study, search, asked, calibration=calibration, every=every)


@cli.command()
def status() -> None:
    """List all searches and how they stand."""
    from satisfice.flows.cli.status import list_searches

    list_searches()


def _give(command: Command, doc: str) -> Callable[[str], None]:
    def give(study: str) -> None:
        from satisfice.flows.cli.status import tell_running

        click.echo(tell_running(study, command))

    give.__doc__ = doc
    return give


cli.command("pause")(STUDY(_give("pause", "Let the running search of STUDY wait; no clock runs.")))
cli.command("continue")(STUDY(_give("run", "Let a paused search of STUDY go on.")))
cli.command("stop")(STUDY(_give("stop", "Let the running search of STUDY conclude now.")))


@cli.command()
@click.option("--prefect-port", default=PREFECT_PORT, show_default=True, help="For Prefect's.")
@click.option("--mlflow-port", default=MLFLOW_PORT, show_default=True, help="For MLflow's.")
def ui(prefect_port: int, mlflow_port: int) -> None:
    """Serve Prefect's and MLflow's pages on this machine until Ctrl-C."""
    from satisfice.tasks.processes.signals import interrupt_when_told
    from satisfice.tasks.servers.pages import pages

    interrupt_when_told()
    try:
        click.echo("starting; the first time takes half a minute ...")
        with pages(prefect_port, mlflow_port) as addresses:
            click.echo(f"Prefect  {addresses.prefect}\nMLflow   {addresses.mlflow}")
            click.echo("searches that begin now appear there; Ctrl-C ends both")
            while True:
                signal.pause()
    except KeyboardInterrupt:
        click.echo("the pages are no longer served")


@cli.command()
@STUDY
@click.option("--cron", default="0 2 * * *", show_default=True, help="When the nightly one begins.")
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
def deploy(study: str, cron: str, timezone: str) -> None:
    """Deploy a nightly search of STUDY, one on demand and a sweep to Prefect; again: change them.

    They go to the server of `satisfice ui`, or to that of PREFECT_API_URL, and run with this home
    and in this working directory once `satisfice worker` is running. The nightly one begins only if
    that is worth it (`satisfice run --if-worth`).
    """
    from satisfice.flows.cli.deploy import deploy as deploy_study

    for name in deploy_study(study, cron, timezone):
        click.echo(f"deployed {name}")
    click.echo("`satisfice worker` runs what is due")


@cli.command()
def worker() -> None:
    """Run the searches that Prefect's schedules and forms ask for, one at a time, until Ctrl-C.

    Ctrl-C lets a search that runs save itself, as it does for `satisfice run`. A second Ctrl-C ends
    at once.
    """
    from satisfice.flows.cli.worker import work

    sys.exit(Exit.FAULT if work() else Exit.DONE)


@cli.command()
def schema() -> None:
    """Print the JSON Schema of study.yaml, for editors."""
    import json

    from satisfice.tasks.spec.schema import schema as of_study

    click.echo(json.dumps(of_study(), indent=2))


def _end(ending: Ending | None) -> NoReturn:
    from satisfice.tasks.servers.addresses import reaches_prefect

    if not reaches_prefect():  # Prefect would try for minutes to tell it the rest
        _leave(ending)
    sys.exit(_code(ending))


def _leave(ending: Ending | None) -> NoReturn:
    """End at once: no farewell of a library."""
    sys.stdout.flush()
    os._exit(_code(ending))


def _code(ending: Ending | None) -> Exit:
    return Exit.DONE if ending is None else _OF_ENDING.get(ending, Exit.DONE)


def main() -> None:
    """Run the command line; a mistake is told in a few lines, never as a traceback."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USER_ERROR)
    except SatisficeError as error:
        click.echo(f"satisfice: {error}", err=True)
        kinds = [code for kind, code in _OF_ERROR.items() if isinstance(error, kind)]
        sys.exit(kinds[0] if kinds else Exit.FAULT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted; what was recorded is kept: see `satisfice status`", err=True)
        # At once: no farewell of a library, and the processes behind us end when we are gone.
        sys.stdout.flush()
        os._exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
