"""Estimates of what training the configurations that rules rejected would have cost.

If models can be built before training, each configuration has a forecast of its epoch time. It is
assumed to have been trained for as many epochs as other trials on average, which includes pruning
and overhead. How the errors of the forecasts are correlated is unknown, so they are taken as fully
correlated: the ends of the interval are sums of ends. If no model can be built, the training would
have failed at once.

Without forecasts, each configuration is assumed to have cost as much as a trial of the search; the
interval is the prediction interval of the sum (Hahn and Meeker 1991, Statistical Intervals, ch. 4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.prediction.predictor import Predictor
from satisfice.domain.rules.predicted import EPOCH_SECONDS, Forecast, Sizes
from satisfice.domain.space.space import Params
from satisfice.domain.study import Study
from satisfice.domain.trials.history import History

_LOW, _HIGH = 0.05, 0.95
_EXAMPLES = 30  # configurations of a rule for which a model is built: a few milliseconds each
_LEARNT_FROM = 100  # trials, the newest
PREDICTIONS = (EPOCH_SECONDS,)  # what has to be known of a configuration


@dataclass(frozen=True, slots=True)
class Avoided:
    """What a rule rejected, and the estimated cost of training it.

    Attributes:
        count: How many configurations it rejected.
        seconds: The estimated time of training them.
        low: Lower end of a 90 % interval of the seconds.
        high: Upper end of it.
        rate: What a second of the search cost, in money.
        looked_at: For how many configurations building a model was tried; 0: models cannot be
            built, and the estimate comes from the trials of the search.
        unbuildable: For how many of those it failed.
    """

    count: int
    seconds: float
    low: float
    high: float
    rate: float
    looked_at: int = 0
    unbuildable: int = 0


def by_forecasts(count: int, epochs: Sequence[Forecast | None], history: History) -> Avoided | None:
    """Estimate the cost from forecasts; None if no trial has shown how long an epoch takes.

    Args:
        count: How many configurations were rejected.
        epochs: For some of them, the seconds of an epoch; None if no model can be built.
        history: The trials of the search, which say how many epochs a training has.
    """
    lengths = [one.seconds_per_epoch for one in history.trials]
    known = [one for one in lengths if one is not None and one > 0]
    if not known or not epochs:
        return None
    each = history.spent.seconds / len(history.trials) / fmean(known) * count / len(epochs)
    built = [one for one in epochs if one is not None]
    seconds, low, high = (
        each * sum(one.at(share) for one in built) for share in (0.5, _LOW, _HIGH)
    )
    unbuildable = len(epochs) - len(built)
    return Avoided(count, seconds, low, high, _rate(history), len(epochs), unbuildable)


def by_history(count: int, history: History) -> Avoided | None:
    """Estimate the cost from the trials of the search; None without any.

    Args:
        count: How many configurations were rejected.
        history: The trials of the search.
    """
    taken = [one.cost.seconds for one in history.trials]
    if not taken:
        return None
    seconds = count * fmean(taken)
    reach = math.inf
    if len(taken) > 1:
        wide = math.sqrt(count + count**2 / len(taken)) * stdev(taken)
        reach = float(stdtrit(len(taken) - 1, _HIGH)) * wide
    return Avoided(count, seconds, max(seconds - reach, 0.0), seconds + reach, _rate(history))


def _rate(history: History) -> float:
    spent = history.spent
    return spent.money / spent.seconds if spent.seconds > 0 else 0.0


def estimate_avoided(
    study: Study,
    history: History,
    counts: Mapping[str, int],
    examples: Mapping[str, Sequence[Params]],
    predict: Callable[[Params], Sizes],
) -> dict[str, Avoided]:
    """Estimate, by rule id, what training the rejected configurations would have cost.

    Args:
        study: The specification.
        history: The trials of the search.
        counts: How many configurations each rule rejected.
        examples: Some of them, by rule id.
        predict: Gives `PREDICTIONS` of a configuration by building its model.
    """
    if not counts:
        return {}
    predictor = Predictor(study, predict, PREDICTIONS)
    # If the model of a trained configuration can be built untrained, so can others.
    predicts = bool(history.complete) and predictor.builds(history.complete[-1].params)
    if predicts:
        predictor.learn(history.trials[-_LEARNT_FROM:])
    found = {}
    for rule, count in counts.items():
        some = _spread(examples.get(rule, [])) if predicts else []
        epochs = [_forecast(predictor, params) for params in some]
        one = by_forecasts(count, epochs, history) or by_history(count, history)
        if one is not None:
            found[rule] = one
    return found


def _forecast(predictor: Predictor, params: Params) -> Forecast | None:
    try:
        epoch = predictor(params)[EPOCH_SECONDS]
    except StudyCodeError:
        return None
    assert isinstance(epoch, Forecast)  # noqa: S101 - what is learnt from trials is never exact
    return epoch


def _spread(examples: Sequence[Params]) -> list[Params]:
    """Return some of many, evenly from the first to the last."""
    step = max(len(examples) / _EXAMPLES, 1.0)
    return [examples[int(at * step)] for at in range(min(len(examples), _EXAMPLES))]
