"""What the rules have spared a search: worked out when it concludes, while no worker waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from satisfice.domain.audits.savings import Avoided, by_forecasts, by_history
from satisfice.domain.errors import StudyCodeError
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.predicted import EPOCH_SECONDS, Forecast
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History
from satisfice.tasks.files.events import Event
from satisfice.tasks.trial_server.client import TrialServer

_EXAMPLES = 30  # of a rule, for which a model is built: some milliseconds each
_LEARNT_FROM = 100  # trials, the newest


def avoided(
    study: Study,
    history: History,
    counts: Mapping[str, int],
    facts: Iterable[Event],
    server: TrialServer,
) -> dict[str, Avoided]:
    """Estimate, by rule id, what training what the rules turned away would have cost.

    Args:
        study: The specification.
        history: The trials of the search.
        counts: How many configurations each rule turned away.
        facts: The journal, which has examples of them.
        server: Builds models without training them.
    """
    if not counts:
        return {}
    examples: dict[str, list[Params]] = {}
    for fact in facts:
        if fact["kind"] == "excluded":
            for rule, params in fact.get("examples", {}).items():
                examples.setdefault(rule, []).append(params)
    names = (EPOCH_SECONDS,)
    predictor = Predictor(study, partial(server.predict, predictions=names), names)
    # One that was trained can be built, wherever that is possible before training at all.
    predicts = bool(history.complete) and predictor.builds(history.complete[-1].params)
    if predicts:
        predictor.learn(history.trials[-_LEARNT_FROM:])
    found = {}
    for rule, count in counts.items():
        one = None
        if predicts:
            some = _spread(examples.get(rule, []))
            one = by_forecasts(count, [_forecast(predictor, params) for params in some], history)
        one = one or by_history(count, history)
        if one is not None:
            found[rule] = one
    return found


def _forecast(predictor: Predictor, params: Params) -> Forecast | None:
    try:
        said = predictor(params)[EPOCH_SECONDS]
    except StudyCodeError:
        return None
    assert isinstance(said, Forecast)  # noqa: S101 - what is learnt is never exact
    return said


def _spread(examples: Sequence[Params]) -> list[Params]:
    """Return some of many, evenly from the first to the last."""
    step = max(len(examples) / _EXAMPLES, 1.0)
    return [examples[int(at * step)] for at in range(min(len(examples), _EXAMPLES))]
