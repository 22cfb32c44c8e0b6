"""The model registry: the winner of a search becomes challenger, and champion if it is better.

Runs in the tracking companion. The first registration in a process imports torch and MLflow's
PyTorch flavour, which takes seconds; `warm_up` does that ahead of time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from satisfice.domain.decisions.confirmation import Confirmed
from satisfice.domain.economics.worth import Direction
from satisfice.domain.errors import ExternalSystemError, UserError
from satisfice.domain.quality import GateResult
from satisfice.domain.statistics import welch
from satisfice.domain.study import Study
from satisfice.domain.summary import Registration, SearchSummary
from satisfice.tasks.tracking.connection import away, in_short, is_refusal, open_client, pointed_at
from satisfice.tasks.tracking.shipping import ship

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous-champion"
NOISE = 0.05  # the probability that a champion is replaced by luck alone


def warm_up() -> None:
    """Import what a registration needs, so that the end of a search does not wait for it."""
    import mlflow.pytorch  # noqa: F401


def register(
    uri: str, folder: Path, study: Study, summary: SearchSummary, model: Path
) -> Registration:
    """Register the winner of a search as a version of its study's model, if it passed the gates.

    It becomes `challenger`, and `champion` if there is no champion or if it beats the champion on
    the same test data by more than noise. Calling this again registers nothing twice.

    Args:
        uri: The address of MLflow.
        folder: The folder of the search.
        study: The specification.
        summary: The search, with its winner and the results of the gates.
        model: The file in which the winner's training saved its model.

    Returns:
        The version and its alias; without an alias if it was not registered, with the reason.

    Raises:
        ExternalSystemError: MLflow is unreachable.
    """
    winner = summary.winner
    refusal = _refusal(study, summary, winner)
    if winner is None or refusal:
        return Registration(study.name, "", "", refusal)
    shipped = ship(folder, uri)
    if shipped.behind or not shipped.run:
        raise ExternalSystemError(
            shipped.reason or f"MLflow at {uri} has no run of this search", _HINT
        )
    client = open_client(uri)
    note = ""
    try:
        version = _registered(client, study.name, shipped.run)
        if version is None:
            with pointed_at(uri):
                version, note = _add(client, study, summary, winner, shipped.run, model)
        alias, reason = _rank(client, study.name, version)
    except away() as error:
        raise ExternalSystemError(f"MLflow at {uri}: {in_short(error)}", _HINT) from error
    return Registration(study.name, str(version.version), alias, f"{reason}{note}")


def restore(uri: str, model: str, version: str) -> Registration:
    """Make a version the champion again; the one that it replaces can be restored as well.

    Args:
        uri: The address of MLflow.
        model: Name of the registered model.
        version: The version.

    Raises:
        UserError: There is no such version.
        ExternalSystemError: MLflow is unreachable.
    """
    client = open_client(uri)
    try:
        try:
            chosen = client.get_model_version(model, version)
        except away() as error:
            if not is_refusal(error):
                raise
            known = [str(one.version) for one in client.search_model_versions(f"name='{model}'")]
            hint = f"its versions are: {', '.join(known)}" if known else "no model has that name"
            raise UserError(f"model {model!r} has no version {version}", hint) from error
        old = _with_alias(client, model, CHAMPION)
        if old is not None and str(old.version) == str(chosen.version):
            return Registration(model, version, CHAMPION, f"version {version} is already champion")
        _crown(client, model, chosen, old)
    except away() as error:
        raise ExternalSystemError(f"MLflow at {uri}: {in_short(error)}", _HINT) from error
    instead = f" in place of version {old.version}" if old is not None else ""
    reason = f"restored version {version} as champion{instead}"
    return Registration(model, version, CHAMPION, reason)


_HINT = "check that MLflow is reachable; registering again later is safe"


def _refusal(study: Study, summary: SearchSummary, winner: Confirmed | None) -> str:
    """Return why the winner may not be registered; empty if it may."""
    if winner is None:
        return "no model was registered: the search has no confirmed winner"
    failed = [one for one in summary.gates if not one.passed]
    if failed:
        return f"no model was registered: {'; '.join(map(_failure, failed))}"
    if len(summary.gates) < len(study.gates):
        judged = {one.gate for one in summary.gates}
        open_ = [one.require.text for one in study.gates if one.require.text not in judged]
        return f"no model was registered: gate '{open_[0]}' was not measured"
    return ""


def _failure(result: GateResult) -> str:
    measured = ", ".join(f"{name} = {value:.6g}" for name, value in result.measured.items())
    return f"gate '{result.gate}' failed ({measured or 'not measured'})"


# -- a version in the registry --------------------------------------------------------------------


def _registered(client: MlflowClient, name: str, run: str) -> ModelVersion | None:
    """Return the version that an earlier call registered for this run."""
    versions = client.search_model_versions(f"name='{name}' and run_id='{run}'")
    return next(iter(versions), None)


def _add(
    client: MlflowClient,
    study: Study,
    summary: SearchSummary,
    winner: Confirmed,
    run: str,
    model: Path,
) -> tuple[ModelVersion, str]:
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    from satisfice.tasks.tracking.model_package import package

    tags = {
        "satisfice.search": summary.search,
        "satisfice.winner": winner.name,
        "satisfice.params": json.dumps(dict(winner.params)),
        "satisfice.metric": study.objective.metric,
        "satisfice.direction": study.objective.direction,
        "satisfice.test": json.dumps(winner.test),
        "satisfice.data": summary.data.digest if summary.data else "",
    }
    params = {name: str(value) for name, value in winner.params.items()}
    experiment = client.get_run(run).info.experiment_id
    logged = client.create_logged_model(experiment, study.name, run, params=params)
    with TemporaryDirectory() as scratch:
        packed = Path(scratch) / "model"
        card = Model(
            artifact_path=logged.artifact_location,
            model_uuid=logged.model_id,
            run_id=run,
            model_id=logged.model_id,
        )
        note = package(Path(study.folder), study.problem, model, packed, card)
        client.log_model_artifacts(logged.model_id, str(packed))
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run, [LoggedModelOutput(logged.model_id, step=0)])
    try:
        client.create_registered_model(study.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    description = (
        f"{winner.name} of search {summary.search}: {study.objective.metric} {winner.mean:.4g} "
        f"({winner.low:.4g} to {winner.high:.4g}, {len(winner.numbers)} seeds)"
    )
    source = f"models:/{logged.model_id}"
    version = client.create_model_version(
        study.name, source, run, tags, description=description, model_id=logged.model_id
    )
    return version, note


# -- champion and challenger ----------------------------------------------------------------------


def _rank(client: MlflowClient, name: str, version: ModelVersion) -> tuple[str, str]:
    """Give a version its alias; return the alias and the reason."""
    champion, number = _with_alias(client, name, CHAMPION), version.version
    if champion is not None and champion.version == number:
        return CHAMPION, f"version {number} is champion"
    client.set_registered_model_alias(name, CHALLENGER, number)
    if champion is None:
        _crown(client, name, version, None)
        return CHAMPION, f"registered version {number} as champion (no previous champion)"
    better, reason = compare(version.tags, champion.tags)
    if better:
        _crown(client, name, version, champion)
        return CHAMPION, f"version {number} replaces champion {champion.version}: {reason}"
    return CHALLENGER, f"version {number} stays challenger: {reason}"


def compare(challenger: Mapping[str, str], champion: Mapping[str, str]) -> tuple[bool, str]:
    """Tell whether a challenger beats the champion by more than noise, and why.

    Welch's t-test, two-sided, on the test values of each model's seeds (Welch 1947, "The
    generalization of Student's problem when several different population variances are involved").

    Args:
        challenger: The tags of its version: `satisfice.test` (JSON list), `satisfice.data`,
            `satisfice.metric`, `satisfice.direction`.
        champion: Those of the champion.
    """
    for tag, what in (("data", "data"), ("metric", "metrics"), ("direction", "directions")):
        one, other = (tags.get(f"satisfice.{tag}", "") for tags in (challenger, champion))
        if one != other or not one:
            words = f"{one or 'unknown'} against the champion's {other or 'unknown'}"
            return False, f"the two cannot be compared: their {what} differ ({words})"
    new, old = (json.loads(tags.get("satisfice.test", "[]")) for tags in (challenger, champion))
    if min(len(new), len(old)) < 2:
        return False, f"{len(new)} and {len(old)} seeds are too few to tell a gain from noise"
    sign = Direction(challenger["satisfice.direction"]).sign
    gain, p = sign * (fmean(new) - fmean(old)), welch(new, old)
    metric = challenger["satisfice.metric"]
    figures = (
        f"{metric} {fmean(new):.4g} against {fmean(old):.4g} on the same test data, p = {p:.2g}"
    )
    if gain > 0 and p < NOISE:
        return True, figures
    return False, f"{'within noise' if gain > 0 else 'not better'} ({figures})"


def _with_alias(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    # From the model, since asking MLflow for an alias that is not set raises an error.
    aliases: Any = client.get_registered_model(name).aliases
    return client.get_model_version(name, aliases[alias]) if alias in aliases else None


def _crown(client: MlflowClient, name: str, new: ModelVersion, old: ModelVersion | None) -> None:
    # In this order, a crash in between never leaves the model without a champion.
    if old is not None:
        client.set_registered_model_alias(name, PREVIOUS, old.version)
    client.set_registered_model_alias(name, CHAMPION, new.version)
    challenger = _with_alias(client, name, CHALLENGER)
    if challenger is not None and challenger.version == new.version:
        client.delete_registered_model_alias(name, CHALLENGER)
