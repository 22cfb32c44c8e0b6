"""Direct writes to Optuna's tables, where its interface would take a dozen queries for a trial."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, func, select

from satisfice.tasks.storage.optuna_private import table

studies = table("StudyModel")
trials = table("TrialModel")
params = table("TrialParamModel")
values = table("TrialValueModel")
steps = table("TrialIntermediateValueModel")
attributes = table("TrialUserAttributeModel")
system_attributes = table("TrialSystemAttributeModel")


def insert_trial(connection: Connection, study_id: int, trial: FrozenTrial) -> tuple[int, int]:
    """Insert a trial that starts now, as Optuna's `create_new_trial` would.

    Args:
        connection: A connection in a transaction.
        study_id: The id of the Optuna study.
        trial: The trial; only its parameters and attributes are used.

    Returns:
        The trial's id and its number in the study.
    """
    # Locks the row if the database can, so that the next count includes this trial.
    lock = select(studies.c.study_id).where(studies.c.study_id == study_id).with_for_update()
    connection.execute(lock).one()
    number = select(func.count()).where(trials.c.study_id == study_id).scalar_subquery()
    insertion = trials.insert().values(
        study_id=study_id,
        number=number,
        state=TrialState.RUNNING,
        datetime_start=datetime.now(UTC).replace(tzinfo=None),
    )
    new = connection.execute(insertion.returning(trials.c.trial_id, trials.c.number)).one()
    rows = {
        params: [
            {
                "param_name": name,
                "param_value": kind.to_internal_repr(trial.params[name]),
                "distribution_json": distribution_to_json(kind),
            }
            for name, kind in trial.distributions.items()
        ],
        attributes: attribute_rows(trial.user_attrs),
        system_attributes: attribute_rows(trial.system_attrs),
    }
    for one, some in rows.items():
        if some:
            of_it = {"trial_id": new.trial_id}
            connection.execute(one.insert(), [of_it | row for row in some])
    return new.trial_id, new.number


def attribute_rows(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table of attributes."""
    return [{"key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
