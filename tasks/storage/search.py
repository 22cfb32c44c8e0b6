"""One search in the store: its trials, its decisions and its elapsed time.

Trials are Optuna's, with attributes of ours. Each method writes in one transaction: once it has
returned, its changes survive `kill -9` and a power failure, and an interrupted one changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState
from sqlalchemy import Insert, and_, func, select

from satisfice.domain.decisions.decision import Decision, DecisionRecord
from satisfice.domain.economics.cost import NOTHING, Budget, Ledger
from satisfice.domain.economics.worth import Direction
from satisfice.domain.rules.rule import Verdict
from satisfice.domain.space.space import Params, Space
from satisfice.domain.summary import Ending
from satisfice.domain.trials.history import (
    Audit,
    History,
    Purpose,
    TrialRecord,
    TrialState,
)
from satisfice.tasks.files.codec import decode, to_json
from satisfice.tasks.storage.database import Database, decisions, guarded, searches
from satisfice.tasks.storage.distributions import distributions
from satisfice.tasks.storage.optuna_private import step_columns, study_id, value_columns
from satisfice.tasks.storage.optuna_tables import attribute_rows, insert_trial
from satisfice.tasks.storage.optuna_tables import attributes as _attributes
from satisfice.tasks.storage.optuna_tables import steps as _steps
from satisfice.tasks.storage.optuna_tables import system_attributes as _system_attributes
from satisfice.tasks.storage.optuna_tables import trials as _trials
from satisfice.tasks.storage.optuna_tables import values as _values
from satisfice.tasks.storage.trial_records import (
    ATTEMPT,
    BEGUN,
    RESULT,
    constraints,
    for_optuna,
    outside,
    read_record,
    read_verdict,
    write_begun,
    write_result,
)


@dataclass(frozen=True, slots=True)
class SearchInfo:
    """What the store knows about a search without reading its trials.

    Attributes:
        search: The search's id, `digits-3`; also the name of its Optuna study.
        study: The study's name.
        folder: Path of the study folder.
        text: `study.yaml` as it was when the search began.
        seed: The seed of the proposals.
        started: Seconds since the epoch (UTC).
        elapsed: Wall-clock seconds so far without pauses.
        ending: Why it ended; empty until then.
        data: Digest of its data; empty if none was recorded.
        code: Digest of the study's code; empty if none was recorded.
        sweep: The request and the plan of a sweep (`tasks.storage.sweep_records`); empty for a
            search.
    """

    search: str
    study: str
    folder: str
    text: str
    seed: int
    started: float
    elapsed: float
    ending: str
    data: str = ""
    code: str = ""
    sweep: str = ""


class Search:
    """One search in the store. Only its coordinator writes; any process may read.

    Attributes:
        database: The database.
        info: What is known without the trials; updated by `advance` and `end`.
        optuna_study: The Optuna study with all trials, for samplers. Trials of the default
            configuration, confirmations and audits differ in the purpose in the attribute
            `satisfice`.
    """

    def __init__(self, database: Database, info: SearchInfo, optuna_study: optuna.Study) -> None:
        self.database = database
        self.info = info
        self.optuna_study = optuna_study
        self._engine = database.engine
        self._storage = database.storage
        self._study_id = study_id(optuna_study)
        self._ids: dict[int, int] = {}  # Optuna's ids by number

    @guarded
    def next_number(self) -> int:
        """Return the number of the next trial."""
        query = select(func.count()).where(_trials.c.study_id == self._study_id)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    @guarded
    def begin_trial(
        self,
        params: Params,
        space: Space,
        seed: int,
        purpose: Purpose,
        verdict: Verdict,
        notes: Mapping[str, Any] = MappingProxyType({}),
        audit: Audit | None = None,
    ) -> int:
        """Record that a trial begins, before it runs.

        Args:
            params: The active parameters.
            space: Their space.
            seed: The seed of the training.
            purpose: Its purpose.
            verdict: The verdict of the rules.
            notes: Optuna's system attributes that the sampler wants the trial to have.
            audit: The rule and trial that it is an audit of, if it is one.

        Returns:
            The trial's number, counted from 0.
        """
        kinds = distributions(space, params)
        return self._insert(
            FrozenTrial(
                number=-1,  # number and id are assigned when it is inserted
                trial_id=-1,
                state=OptunaState.RUNNING,
                value=None,
                datetime_start=datetime.now(),  # noqa: DTZ005  Optuna wants naive local time
                datetime_complete=None,
                params={name: params[name] for name in kinds},
                distributions=kinds,
                user_attrs={BEGUN: write_begun(params, seed, purpose, verdict, audit)},
                system_attrs=dict(notes) if audit is None else {**notes, **outside(audit)},
                intermediate_values={},
            )
        )

    @guarded
    def tell(self, record: TrialRecord, decided: DecisionRecord | None = None) -> None:
        """Record how a trial ended; if it was recorded before, nothing changes.

        Args:
            record: The trial.
            decided: The decision after it, to be written together.

        Parameters, seed and purpose stay those that the trial began with. Optuna's interface
        would take a transaction for each point of the curve, so this writes to its tables.

        Raises:
            ValueError: The trial is still running according to the record, or it does not exist.
        """
        if record.state is TrialState.RUNNING:
            raise ValueError(f"trial {record.number} is still running")
        state, value, steps = for_optuna(record)
        trial_id = self._trial_id(record.number)
        ended = (
            _trials.update()
            .where(_trials.c.trial_id == trial_id, _trials.c.state == OptunaState.RUNNING)
            .values(state=state, datetime_complete=datetime.now(UTC).replace(tzinfo=None))
        )
        with self._engine.begin() as connection:
            if connection.execute(ended).rowcount == 0:
                return
            told = {
                _attributes: {RESULT: write_result(record)},
                _system_attributes: constraints(record.margins),
            }
            for table, some in told.items():
                for row in attribute_rows(some):
                    connection.execute(table.insert().values(trial_id=trial_id, **row))
            if value is not None:
                connection.execute(
                    _values.insert().values(trial_id=trial_id, **value_columns(value))
                )
            if steps:
                rows = [step_columns(step, at_step) for step, at_step in steps.items()]
                connection.execute(_steps.insert(), [{"trial_id": trial_id} | row for row in rows])
            if decided is not None:
                connection.execute(self._decision_row(decided))

    @guarded
    def verdict(self, number: int) -> Verdict:
        """Return the verdict of the rules on a trial when it began.

        Raises:
            ValueError: There is no such trial.
        """
        query = select(_attributes.c.value_json).where(
            _attributes.c.trial_id == self._trial_id(number), _attributes.c.key == BEGUN
        )
        with self._engine.connect() as connection:
            return read_verdict(json.loads(connection.execute(query).scalar_one()))

    @guarded
    def verdicts(self) -> dict[int, Verdict]:
        """Return the verdict of the rules on each trial when it began, by number."""
        query = (
            select(_trials.c.number, _attributes.c.value_json)
            .join(_attributes, _attributes.c.trial_id == _trials.c.trial_id)
            .where(_trials.c.study_id == self._study_id, _attributes.c.key == BEGUN)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {number: read_verdict(json.loads(begun)) for number, begun in rows}

    @guarded
    def next_attempt(self, number: int) -> int:
        """Record that a running trial is resumed; return the number of the attempt, from 2.

        Raises:
            ValueError: There is no such trial.
        """
        trial_id = self._trial_id(number)
        query = select(_attributes.c.value_json).where(
            _attributes.c.trial_id == trial_id, _attributes.c.key == ATTEMPT
        )
        with self._engine.connect() as connection:
            last = connection.scalar(query)
        attempt = (1 if last is None else int(last)) + 1
        self._storage.set_trial_user_attr(trial_id, ATTEMPT, attempt)
        return attempt

    def history(self) -> History:
        """Return the finished trials that compete, in the order in which they finished.

        This reads all of them; the coordinator does it once and then keeps its own history.
        """
        direction = Direction(self.optuna_study.direction.name.lower())
        return History(tuple(one for one in self._finished() if one.purpose.competes), direction)

    def confirmations(self) -> tuple[TrialRecord, ...]:
        """Return the finished confirmations, in the order in which they finished."""
        return tuple(one for one in self._finished() if one.purpose is Purpose.CONFIRMATION)

    def audits(self) -> tuple[TrialRecord, ...]:
        """Return the finished audits, in the order in which they finished."""
        return tuple(one for one in self._finished() if one.purpose is Purpose.AUDIT)

    def ledger(self, budget: Budget) -> Ledger:
        """Return what the search has spent so far; running trials are not counted.

        Args:
            budget: The limits. Confirmations do not count towards the number of trials.
        """
        finished = self._finished()
        return Ledger(
            budget,
            spent=sum((one.cost for one in finished), start=NOTHING),
            trials=sum(one.purpose is not Purpose.CONFIRMATION for one in finished),
            elapsed=self.info.elapsed,
        )

    @guarded
    def running(self) -> tuple[TrialRecord, ...]:
        """Return the trials that have begun and not ended, by number."""
        query = (
            select(_trials.c.number, _attributes.c.value_json)
            .join(_attributes, _attributes.c.trial_id == _trials.c.trial_id)
            .where(
                _trials.c.study_id == self._study_id,
                _trials.c.state == OptunaState.RUNNING,
                _attributes.c.key == BEGUN,
            )
            .order_by(_trials.c.number)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(read_record(number, json.loads(begun), None) for number, begun in rows)

    @guarded
    def decide(self, record: DecisionRecord) -> None:
        """Append a decision."""
        with self._engine.begin() as connection:
            connection.execute(self._decision_row(record))

    def _decision_row(self, record: DecisionRecord) -> Insert:
        return decisions.insert().values(
            search=self.info.search,
            place=record.place,
            after=record.after,
            stop=record.decision.stop,
            reason=record.decision.reason,
            evidence=to_json(record.decision.evidence),
            at=record.at,
        )

    @guarded
    def decisions(self, place: str = "search") -> tuple[DecisionRecord, ...]:
        """Return the decisions of one kind, in the order in which they were made.

        Args:
            place: As in `DecisionRecord`. Those of `schedule` are the decision that began this
                search and, since it ended, those not to begin another.
        """
        query = (
            select(decisions)
            .where(decisions.c.search == self.info.search, decisions.c.place == place)
            .order_by(decisions.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            DecisionRecord(
                row.place,
                row.after,
                Decision(
                    row.stop, row.reason, decode(Mapping[str, float], json.loads(row.evidence))
                ),
                row.at,
            )
            for row in rows
        )

    def advance(self, elapsed: float) -> None:
        """Record the wall-clock seconds so far without pauses."""
        self._update(elapsed=elapsed)

    def end(self, ending: Ending, elapsed: float) -> None:
        """Record why the search ended, and its wall-clock seconds."""
        self._update(ending=ending.value, elapsed=elapsed)

    @guarded
    def _update(self, **changes: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                searches.update().where(searches.c.search == self.info.search).values(**changes)
            )
        self.info = replace(self.info, **changes)

    @guarded
    def _finished(self) -> list[TrialRecord]:
        begun, result = _attributes.alias(), _attributes.alias()
        query = (
            select(_trials.c.number, begun.c.value_json, result.c.value_json)
            .join(begun, and_(begun.c.trial_id == _trials.c.trial_id, begun.c.key == BEGUN))
            .join(result, and_(result.c.trial_id == _trials.c.trial_id, result.c.key == RESULT))
            .where(_trials.c.study_id == self._study_id)
            .order_by(result.c.trial_user_attribute_id)  # increases, while a clock may be set back
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [read_record(number, json.loads(one), json.loads(two)) for number, one, two in rows]

    def _insert(self, trial: FrozenTrial) -> int:
        with self._engine.begin() as connection:
            trial_id, number = insert_trial(connection, self._study_id, trial)
        self._ids[number] = trial_id
        return number

    def _trial_id(self, number: int) -> int:
        if number in self._ids:
            return self._ids[number]
        try:
            return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        except KeyError:
            raise ValueError(f"search {self.info.search} has no trial {number}") from None
