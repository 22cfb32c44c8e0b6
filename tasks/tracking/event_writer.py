"""Writes a search's events to MLflow: one run for the search, one nested run for each trial.

Runs in the tracking companion: MLflow is imported where it is used.
"""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satisfice.domain.economics.worth import Direction
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import Failure, Purpose, TrialState
from satisfice.tasks.files.events import Event, read
from satisfice.tasks.tracking.connection import (
    Batch,
    away,
    in_short,
    is_refusal,
    open_experiment,
)
from satisfice.tasks.tracking.spool import OpenTrial, Spool, numbers, trial_log

if TYPE_CHECKING:
    from mlflow import MlflowClient

COST = "cost/"
_STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED"}
_ENDED = {
    Ending.NOT_WORTH_CONTINUING: "FINISHED",
    Ending.BUDGET_SPENT: "FINISHED",
    Ending.NOTHING_ALLOWED: "FINISHED",
    Ending.PLAN_DONE: "FINISHED",
    Ending.STOPPED_BY_HAND: "KILLED",
    Ending.INTERRUPTED: "KILLED",
}


class EventWriter:
    """Writes one slice of the journal, and what the logs of running trials have gained.

    Args:
        client: The MLflow client.
        uri: The address of MLflow.
        folder: The folder of the search.
        spool: How far MLflow has come; it is updated.
        known: Whether the spool knows all runs on the server; otherwise the server is asked before
            a run is created.
    """

    def __init__(
        self, client: MlflowClient, uri: str, folder: Path, spool: Spool, *, known: bool
    ) -> None:
        self.client = client
        self.uri = uri
        self.folder = folder
        self.spool = spool
        self.parent = Batch()
        self.batches: dict[str, Batch] = {}
        self.results: dict[str, Event] = {}
        self.ending: Event | None = None
        self.known = known

    def write(self, events: list[Event]) -> None:
        """Write these events of the journal, and the trials' own."""
        take = {
            "search": self._search,
            "trial": self._trial,
            "result": self._result,
            "decision": self._decision,
            "end": self._end,
        }
        for event in events:
            if event["kind"] == "search" or self.spool.run:
                take.get(event["kind"], _pass_over)(event)
        for number in list(self.spool.open):
            self._send_trial(number)
        if self.spool.run:
            self.parent.send(self.client, self.spool.run)
        if self.ending is not None:
            self._close(self.ending)

    # -- the journal --------------------------------------------------------------------------

    def _search(self, event: Event) -> None:
        spool = self.spool
        if spool.run:  # the search was resumed
            self.client.update_run(spool.run, status="RUNNING")
            return
        spool.experiment = open_experiment(self.client, self.uri, event["study"])
        spool.metric, spool.sign = _objective(event["text"])
        began = repr(event["at"])  # two homes on one server may each have a search `digits-3`
        tags = {"satisfice.search": event["search"], "satisfice.began": began, **_source(event)}
        spool.run = self._found(**{"satisfice.began": began, "satisfice.search": event["search"]})
        if not spool.run:
            run = self.client.create_run(
                spool.experiment, int(event["at"] * 1000), tags, event["search"]
            )
            spool.run = run.info.run_id
        environment, rules, data = event["environment"], event["rules"], event.get("data")
        self.parent.tags |= {f"environment.{name}": text for name, text in environment.items()}
        self.parent.tags |= {f"rule.{one['id']}": _rule(one) for one in rules}
        self.client.log_text(spool.run, event["text"], "study.yaml")
        self.client.log_text(spool.run, json.dumps(environment, indent=2), "environment.json")
        if rules:
            self.client.log_text(spool.run, json.dumps(rules, indent=2), "rules.json")
        if data:
            self._log_data(spool.run, data, environment.get("commit", ""))

    def _log_data(self, run: str, data: dict[str, Any], commit: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        # The data is what the study's `load()` returned; the digest is computed from its values.
        source = {
            "tags": {"mlflow.source.name": data["source"], "mlflow.source.git.commit": commit}
        }
        profile = {"rows": data["rows"]}
        dataset = Dataset(
            data["source"], data["digest"], "code", json.dumps(source), None, json.dumps(profile)
        )
        tag = InputTag("mlflow.data.context", "search")
        self.client.log_inputs(run, [DatasetInput(dataset, [tag])])

    def _trial(self, event: Event) -> None:
        spool, number = self.spool, str(event["number"])
        trial = spool.open.get(number)
        if trial is not None:  # the trial was resumed
            self.client.update_run(trial.run, status="RUNNING")
            return
        spool.open[number] = OpenTrial(self._trial_run(event), purpose=event["purpose"])
        spool.highest = max(spool.highest, event["number"])
        batch = self.batches[number] = Batch(params=dict(event["params"]))
        verdict = event["verdict"]
        batch.measure(numbers(verdict["margins"], "margin/"), event["at"], 0)
        batch.measure(numbers(verdict["predicted"]), event["at"], 0)
        for name, forecast in verdict.get("forecasts", {}).items():
            batch.measure(numbers(forecast, f"{name}/"), event["at"], 0)

    def _trial_run(self, event: Event) -> str:
        number, purpose = event["number"], event["purpose"]
        searching = purpose == Purpose.SEARCH
        family = {"mlflow.parentRunId": self.spool.run, "satisfice.trial": str(number)}
        if not self.known or number <= self.spool.highest:
            found = self._found(**family)
            if found:
                return found
            # Runs are created in journal order: if one is missing, so are all later ones.
            self.known = self.known or number > self.spool.highest
        tags = {**family, "satisfice.purpose": purpose, "satisfice.seed": str(event["seed"])}
        if event.get("audit"):
            tags["satisfice.audits"] = event["audit"]["rule"]
        name = f"trial {number}" if searching else f"trial {number}, {purpose}"
        run = self.client.create_run(
            self.spool.experiment, int(event["at"] * 1000), {**tags, **_USER}, name
        )
        return str(run.info.run_id)

    def _found(self, **tags: str) -> str:
        condition = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        runs = self.client.search_runs([self.spool.experiment], condition, max_results=1)
        return str(runs[0].info.run_id) if runs else ""

    def _result(self, event: Event) -> None:
        number, spool = str(event["number"]), self.spool
        trial = spool.open.get(number)
        if trial is None:
            return
        self.results[number] = event
        for name, value in numbers(event["cost"]):
            spool.spent[name] = spool.spent.get(name, 0.0) + value
        if not Purpose(trial.purpose).competes:
            return
        spool.finished += 1
        value = event["value"]
        if event["state"] == TrialState.COMPLETE and value is not None:
            if not any(margin < 0 for _, margin in numbers(event.get("margins"))):
                best = value if spool.incumbent is None else spool.incumbent
                spool.incumbent = max(best, value, key=lambda one: spool.sign * one)
            self.parent.measure([("search/value", value)], event["at"], spool.finished)
        progress = {f"search/spent_{name}": spent for name, spent in spool.spent.items()}
        if spool.incumbent is not None:
            progress["search/incumbent"] = spool.incumbent
        self.parent.measure(progress.items(), event["at"], spool.finished)

    def _decision(self, event: Event) -> None:
        place = "" if event["place"] == "search" else f"{event['place']}/"
        evidence = numbers(event["evidence"], f"decision/{place}")
        self.parent.measure(evidence, event["at"], event["after"])
        self.parent.tags["satisfice.decision"] = event["reason"]

    def _end(self, event: Event) -> None:
        self.ending = event
        self.parent.tags["satisfice.ending"] = event["ending"]
        self.parent.tags["satisfice.reason"] = event["reason"]
        self.parent.measure(
            numbers(event.get("totals"), "total/"), event["at"], self.spool.finished
        )

    def _close(self, event: Event) -> None:
        at = int(event["at"] * 1000)
        # An interrupted search may be resumed, and its trials with it.
        left = "SCHEDULED" if event["ending"] == Ending.INTERRUPTED else "KILLED"
        for trial in self.spool.open.values():
            self.client.set_terminated(trial.run, left, at)
        self.client.set_terminated(self.spool.run, _ENDED.get(event["ending"], "FAILED"), at)

    # -- the trials' logs ---------------------------------------------------------------------

    def _send_trial(self, number: str) -> None:
        try:
            self._write_trial(number, self.spool.open[number])
        except away() as error:
            if not is_refusal(error):
                raise
            # The run was deleted, for example: that must not block the others.
            self.spool.refused.append(f"trial {number}: {in_short(error)}")
            del self.spool.open[number]

    def _write_trial(self, number: str, trial: OpenTrial) -> None:
        events, trial.offset = read(trial_log(self.folder, number), trial.offset)
        batch = self.batches.get(number) or Batch()
        for event in events:
            if event["kind"] == "epoch" and event["epoch"] > trial.epoch:
                trial.epoch = event["epoch"]
                curve = {self.spool.metric: event["value"], **event["metrics"]}
                trial.curves = sorted({*trial.curves, *curve})
                batch.measure(numbers(curve), event["at"], trial.epoch)
            elif event["kind"] == "failed" and event.get("traceback"):
                self.client.log_text(trial.run, event["traceback"], "traceback.txt")
        result = self.results.get(number)
        if result is not None:
            _add_result(batch, result, trial)
        batch.send(self.client, trial.run)
        if result is not None:
            status = _STATUS.get(result["state"], "FAILED")
            if result["failure"] == Failure.STOPPED:
                status = "KILLED"
            self.client.set_terminated(trial.run, status, int(result["at"] * 1000))
            del self.spool.open[number]


def _add_result(batch: Batch, result: Event, trial: OpenTrial) -> None:
    # Metrics that were reported by epoch have their last point already.
    rest = {name: one for name, one in result["metrics"].items() if name not in trial.curves}
    batch.measure(numbers(rest), result["at"], trial.epoch)
    batch.measure(numbers(result["cost"], COST), result["at"], trial.epoch)
    batch.measure(numbers(result.get("measured", {}), "measured/"), result["at"], trial.epoch)
    batch.measure(numbers(result.get("margins", {}), "margin/"), result["at"], trial.epoch)
    batch.tags |= {
        "satisfice.state": result["state"],
        "satisfice.energy_mode": result["cost"]["energy"],
        **({"satisfice.failure": result["failure"]} if result["failure"] else {}),
        **({"satisfice.reason": result["reason"]} if result["reason"] else {}),
    }


def _pass_over(_event: Event) -> None:
    """Skip a kind of event that is not recorded in MLflow."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user id may have no name
        return "unknown"


_USER = {"mlflow.user": _user()}


def _source(event: Event) -> dict[str, str]:
    commit = event["environment"].get("commit", "")
    source = {"mlflow.source.name": "satisfice", "mlflow.source.type": "LOCAL", **_USER}
    return source | ({"mlflow.source.git.commit": commit} if " " not in commit else {})


def _rule(rule: dict[str, str]) -> str:
    because = f" because {rule['because']}" if rule.get("because") else ""
    return f"{rule['require']}{because}"


def _objective(text: str) -> tuple[str, float]:
    """Return the objective's metric and the sign of its direction, as `study.yaml` states them."""
    from ruamel.yaml import YAML

    objective = YAML(typ="safe").load(text)["objective"]
    return objective["metric"], Direction(objective["direction"]).sign
