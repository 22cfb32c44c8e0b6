"""The command line of Satisfice."""

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
    """Exit codes."""

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
    Exit.DONE: "the search ended, or was skipped (--if-worth)",
    Exit.FAULT: "internal error",
    Exit.USER_ERROR: "error in the study, its code or the command",
    Exit.DATA_GATE_FAILED: "the data does not meet its expectations",
    Exit.NOTHING_AFFORDABLE: "the budget is too small for a single trial",
    Exit.NOTHING_WORKED: "every trial failed",
    Exit.EXTERNAL_SYSTEM_ERROR: "a database, a server or the disk failed",
    Exit.NOTHING_FEASIBLE: "no trial satisfies the soft rules",
    Exit.INTERRUPTED: "interrupted; continue with `satisfice resume STUDY`",
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
    click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Time limit."),
    click.option("--trials", type=click.IntRange(1), help="Limit on the number of trials."),
    click.option("--workers", type=click.IntRange(1, 64), help="Number of parallel trials."),
)


def limited(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that replace limits of the study for one run."""
    for option in reversed(LIMITS):
        command = option(command)
    return command


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("satisfice"), prog_name="satisfice")
def cli() -> None:
    """Hyper-parameter searches that stop when the next trial is no longer worth its price.

    A study is a folder with study.yaml (the search space, the rules, what a gain is worth and what
    resources cost), problem.py (load the data, train a model) and expectations.py (what the data
    must meet). To begin:

    \b
      satisfice check studies/digits     check the study without training anything
      satisfice run studies/digits       search until the next trial is not worth its price
      satisfice sweep studies/digits depth=1,2,4 lr=1e-4..1e-1:log:4
      satisfice why studies/digits       show how the search decided
    """  # noqa: D301 - click reads the backspace


@cli.command()
@STUDY
@limited
@click.option("--seed", type=int, help="Seed of the proposals.")
@click.option("--if-worth", is_flag=True, help="Start only if the expected gain exceeds the cost.")
def run(study: str, **options: Any) -> None:
    """Start a new search of STUDY.

    With --if-worth, as in a scheduled run, a search starts only if its expected gain exceeds its
    cost, judged by earlier searches of the study. If nothing has changed since and no number of
    further trials would pay for itself, nothing is run and the exit code is 0. On new data the
    budget is capped at the expected gain.

    Ctrl-C checkpoints running trials and exits; `satisfice resume STUDY` continues. A second Ctrl-C
    exits at once; what was recorded by then is kept.
    """
    from satisfice.flows.cli.run import run_flow

    _end(run_flow(study, resume=False, leave=_leave, **options))


@cli.command()
@STUDY
@click.argument("parameters", nargs=-1, required=True, metavar="NAME=VALUES...")
@click.option("--grid", "whole", is_flag=True, help="Train all combinations (the default).")
@click.option("--random", type=click.IntRange(1), help="Draw this many points at random instead.")
@click.option("--again", is_flag=True, help="Also train what was trained before.")
@click.option("--confirm", is_flag=True, help="Confirm the leaders and register the winner.")
@click.option("--dry-run", is_flag=True, help="Show what would run, then exit.")
@limited
@click.option("--seed", type=int, help="Seed of the random points.")
def sweep(study: str, parameters: tuple[str, ...], **options: Any) -> None:
    """Train chosen values of some parameters. The other parameters keep their defaults.

    \b
      groups=1,2,4           these values
      depth=1..4:4           4 values from 1 to 4, evenly spaced
      lr=1e-4..1e-1:log:7    7 values, evenly spaced on a logarithmic scale
      lr=1e-4..1e-1          any value in this range, with --random

    The study's rules, data gate and budget apply as in a search. The plan is printed first: what
    will run, what the rules exclude, what was trained before and is skipped, and the expected cost.
    Every point is trained to its last epoch. Whether a search would have stopped is recorded, but
    does not stop the sweep. Nothing is confirmed or registered without --confirm. `satisfice resume
    STUDY` continues a sweep that was interrupted.
    """  # noqa: D301 - click reads the backspace
    from satisfice.domain.sweep.plan import SweepRequest

    asked = SweepRequest(
        parameters, options.pop("random"), options.pop("again"), options.pop("confirm")
    )
    if options.pop("whole") and asked.random is not None:
        raise UserError("--grid and --random exclude each other", "Give one of them")
    if options.pop("dry_run"):
        from satisfice.domain.study import Overrides
        from satisfice.flows.stages.sweep_plan import show_plan

        for line in show_plan(study, asked, Overrides(**options)):
            click.echo(line)
        return
    from satisfice.flows.cli.run import run_flow

    _end(run_flow(study, resume=False, leave=_leave, asked=asked, **options))


@cli.command()
@STUDY
@limited
def resume(study: str, **options: Any) -> None:
    """Continue the last unfinished search of STUDY. A sweep is continued likewise."""
    from satisfice.flows.cli.run import run_flow

    _end(run_flow(study, resume=True, leave=_leave, **options))


@cli.command()
@STUDY
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead of text.")
def check(study: str, as_json: bool) -> None:
    """Check STUDY without training anything.

    Shows the specification, the rules, and whether the data meets its expectations. For each rule,
    it shows how much of the space the rule allows, a configuration that it forbids, and the nearest
    one that is allowed. If rules contradict each other, the exit code is 2.
    """
    from satisfice.flows.stages.preflight import check_study

    sys.exit(Exit.DONE if check_study(study, as_json) else Exit.DATA_GATE_FAILED)


@cli.command()
@STUDY
def report(study: str) -> None:
    """Write the HTML report of the last search of STUDY again."""
    from satisfice.flows.cli.status import rewrite_report

    click.echo(rewrite_report(study))


@cli.command()
@STUDY
@click.option("--search", help="A search other than the last one, such as digits-3.")
@click.option("--worth", help="Decide again at this worth, such as '20 min per point'.")
@click.option(
    "--price-hour", type=click.FloatRange(0), help="Decide again at this price of an hour."
)
@click.option(
    "--until",
    type=click.IntRange(1),
    metavar="N",
    help="Show the decision after N trials, and what later trials gained. Beyond the end of the "
    "search: show what trials up to N are expected to gain and cost.",
)
@click.option("--calibration", is_flag=True, help="Compare forecast gains with realised gains.")
@click.option("--all", "every", is_flag=True, help="Show all rows of the table.")
def why(
    study: str,
    search: str | None,
    worth: str | None,
    price_hour: float | None,
    until: int | None,
    calibration: bool,
    every: bool,
) -> None:
    """Show how a search of STUDY decided.

    Every decision is replayed from the store, with what was known at that moment: the number of
    trials, the best value, the expected gain of more trials with its interval, their expected cost,
    and the decision. With another --worth or --price-hour, it shows when the search would have
    stopped and what it would have found. --until looks at one moment; --calibration shows how far
    the forecasts can be trusted.
    """
    from satisfice.flows.cli.why import WhatIf, explain

    asked = WhatIf(worth, price_hour, until)
    explain(study, search, asked, calibration=calibration, every=every)


@cli.command()
def status() -> None:
    """List all searches and their states."""
    from satisfice.flows.cli.status import list_searches

    list_searches()


def _control(command: Command, doc: str) -> Callable[[str], None]:
    def control(study: str) -> None:
        from satisfice.flows.cli.status import command_search

        click.echo(command_search(study, command))

    control.__doc__ = doc
    return control


cli.command("pause")(STUDY(_control("pause", "Pause the running search of STUDY and its clock.")))
cli.command("continue")(STUDY(_control("run", "Continue a paused search of STUDY.")))
cli.command("stop")(STUDY(_control("stop", "End the search of STUDY now, and report its results.")))


@cli.command()
@click.option("--prefect-port", default=PREFECT_PORT, show_default=True, help="Port of Prefect.")
@click.option("--mlflow-port", default=MLFLOW_PORT, show_default=True, help="Port of MLflow.")
def ui(prefect_port: int, mlflow_port: int) -> None:
    """Serve the web pages of Prefect and MLflow. They run on this machine until Ctrl-C."""
    from satisfice.tasks.processes.signals import interrupt_when_told
    from satisfice.tasks.servers.pages import pages

    interrupt_when_told()
    try:
        click.echo("starting; this takes half a minute the first time ...")
        with pages(prefect_port, mlflow_port) as addresses:
            click.echo(f"Prefect  {addresses.prefect}\nMLflow   {addresses.mlflow}")
            click.echo("searches that start from now on appear there; Ctrl-C ends both")
            while True:
                signal.pause()
    except KeyboardInterrupt:
        click.echo("stopped")


@cli.command()
@STUDY
@click.option("--cron", default="0 2 * * *", show_default=True, help="Time of the nightly search.")
@click.option(
    "--timezone",
    default="UTC",
    show_default=True,
    help="Time zone of --cron.",
)
def deploy(study: str, cron: str, timezone: str) -> None:
    """Deploy STUDY to Prefect.

    Creates or updates three deployments: a nightly search, a search on demand and a sweep. They go
    to the server of `satisfice ui` or of PREFECT_API_URL, and run with this home and in this
    working directory while `satisfice worker` is running. The nightly search starts only if its
    expected gain exceeds its cost (`satisfice run --if-worth`).
    """
    from satisfice.flows.cli.deploy import deploy as deploy_study

    for name in deploy_study(study, cron, timezone):
        click.echo(f"deployed {name}")
    click.echo("start `satisfice worker` to run them")


@cli.command()
def worker() -> None:
    """Run deployed searches until Ctrl-C.

    They run one at a time, when Prefect schedules them. Ctrl-C checkpoints the trials of a running
    search, as in `satisfice run`. A second Ctrl-C exits at once.
    """
    from satisfice.flows.cli.worker import work

    sys.exit(Exit.FAULT if work() else Exit.DONE)


@cli.command()
def schema() -> None:
    """Print the JSON schema of study.yaml, for editors."""
    import json

    from satisfice.tasks.spec.schema import schema as of_study

    click.echo(json.dumps(of_study(), indent=2))


def _end(ending: Ending | None) -> NoReturn:
    from satisfice.tasks.servers.addresses import reaches_prefect

    if not reaches_prefect():  # Prefect would retry for minutes at exit
        _leave(ending)
    sys.exit(_code(ending))


def _leave(ending: Ending | None) -> NoReturn:
    """End at once, without the exit handlers of libraries."""
    sys.stdout.flush()
    os._exit(_code(ending))


def _code(ending: Ending | None) -> Exit:
    return Exit.DONE if ending is None else _OF_ENDING.get(ending, Exit.DONE)


def main() -> None:
    """Run the command line; an error is printed in a few lines, never as a traceback."""
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
        click.echo("\ninterrupted; what was recorded is kept, see `satisfice status`", err=True)
        # At once, without exit handlers; the processes of the search end when this one is gone.
        sys.stdout.flush()
        os._exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
