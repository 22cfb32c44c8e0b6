"""All predictions of a search: sizes counted on the model, and learnt quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from satisfice.domain.economics.cost import EnergyMode
from satisfice.domain.errors import SatisficeError
from satisfice.domain.prediction.model import Model, Observation, learn, observe
from satisfice.domain.rules import predicted
from satisfice.domain.rules.predicted import LEARNT, Forecast, Predicted, Sizes, counted_for
from satisfice.domain.space.space import Key, Params, key_of
from satisfice.domain.study import Study
from satisfice.domain.trials.history import TrialRecord

_JOULES_PER_KWH = 3.6e6
_MS_PER_HOUR = 3.6e6
_KEPT = 4096  # cached results, some hundred bytes each


class Predictor:
    """Predicts the quantities in a study's rules, and learns from every finished trial.

    Args:
        study: The study.
        count: Counts the sizes of a configuration's model without training it. It takes
            milliseconds, so recent results are cached.
        names: What to predict; None: the predictions in the rules of the study.
    """

    def __init__(
        self,
        study: Study,
        count: Callable[[Params], Sizes],
        names: Sequence[str] | None = None,
    ) -> None:
        self._study, self._count = study, _once(count)
        names = study.rules.predictions if names is None else names
        self._counted = tuple(name for name in names if name not in LEARNT)
        self._learnt = tuple(name for name in names if name in LEARNT)
        self._sizes = set(counted_for(self._learnt))
        self._seen: dict[str, list[Observation]] = {name: [] for name in self._learnt}
        self._models: dict[str, Model | None] = {}

    def learn(self, trials: Iterable[TrialRecord]) -> None:
        """Learn from finished trials."""
        for trial in trials if self._learnt else ():
            sizes = self._sizes_of(trial.params)
            for name in self._learnt if sizes else ():
                one = observe(name, trial, sizes, self._study.resources.memory_mb)
                if one is not None:
                    self._seen[name].append(one)
                    self._models.pop(name, None)

    def __call__(self, params: Params) -> Predicted:
        """Return the predictions; a plain number is exact, a forecast is uncertain."""
        counts = self._count(params)
        said: dict[str, float | Forecast] = {
            name: counts[name] for name in self._counted if name in counts
        }
        if self._sizes <= counts.keys():
            said |= {name: self._forecast(name, params, counts) for name in self._learnt}
        return said

    def builds(self, params: Params) -> bool:
        """Tell whether the model of a configuration can be built before training."""
        try:
            self._count(params)
        except SatisficeError:
            return False
        return True

    def _forecast(self, name: str, params: Params, sizes: Sizes) -> float | Forecast:
        if name not in self._models:
            rate = self._rate(name)
            space, seen = self._study.space, self._seen[name]
            self._models[name] = learn(name, space, seen, rate) if rate > 0 else None
        model = self._models[name]
        return 0.0 if model is None else model.forecast(params, sizes)

    def _rate(self, name: str) -> float:
        """Return the stated price of a second, or the stated energy of a millisecond."""
        watts = self._study.resources.watts_per_core * self._study.resources.threads
        if name == predicted.EPOCH_MONEY:
            priced = self._study.prices.of(1.0, watts / _JOULES_PER_KWH, EnergyMode.ESTIMATED)
            return priced.money
        return 1000 * watts / _MS_PER_HOUR if name == predicted.ENERGY else 1.0

    def _sizes_of(self, params: Params) -> Sizes:
        try:
            counts = self._count(params)
        except SatisficeError:
            return {}  # the study's code no longer builds this model: nothing to learn
        return counts if self._sizes <= counts.keys() else {}


def _once(count: Callable[[Params], Sizes]) -> Callable[[Params], Sizes]:
    """Return a count that caches its recent results."""
    known: dict[Key, Sizes] = {}

    def ask(params: Params) -> Sizes:
        key = key_of(params)
        if key not in known:
            if len(known) >= _KEPT:
                known.clear()
            known[key] = count(params)
        return known[key]

    return ask


def interval(forecast: Forecast) -> Mapping[str, float]:
    """Return the central 90 % interval of a forecast, and the number of trials behind it."""
    low, high = forecast.at(0.05), forecast.at(0.95)
    return {"low": low, "high": high, "trials": float(forecast.trials)}
