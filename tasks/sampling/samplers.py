"""Optuna's samplers by the names that a study may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import optuna
from optuna.samplers import BaseSampler, TPESampler

SamplerFactory = Callable[[int, int], BaseSampler]
PRICED = "priced"  # our own (`tasks.sampling.priced`), which needs to know more than a seed


def tpe(seed: int, own: int) -> BaseSampler:  # noqa: ARG001
    """Return Optuna's TPE: multivariate, with running trials counted as no good yet."""
    return TPESampler(seed=own, multivariate=True, constant_liar=True)


def _random(seed: int, own: int) -> BaseSampler:  # noqa: ARG001
    return optuna.samplers.RandomSampler(seed=own)


def _gp(seed: int, own: int) -> BaseSampler:  # noqa: ARG001
    return optuna.samplers.GPSampler(seed=own, warn_independent_sampling=False)


def _cma_es(seed: int, own: int) -> BaseSampler:  # noqa: ARG001
    return optuna.samplers.CmaEsSampler(seed=own, warn_independent_sampling=False)


def _nsga_ii(seed: int, own: int) -> BaseSampler:  # noqa: ARG001
    return optuna.samplers.NSGAIISampler(seed=own)


def _qmc(seed: int, own: int) -> BaseSampler:
    # The sequence is that of the search; only what it has no place for is drawn anew each time.
    return optuna.samplers.QMCSampler(
        seed=seed,
        scramble=True,
        independent_sampler=optuna.samplers.RandomSampler(seed=own),
        warn_independent_sampling=False,
    )


def _brute_force(seed: int, own: int) -> BaseSampler:  # noqa: ARG001
    return optuna.samplers.BruteForceSampler(seed=own)


SAMPLERS: Mapping[str, SamplerFactory] = {
    "tpe": tpe,
    "random": _random,
    "gp": _gp,
    "cma-es": _cma_es,
    "nsga-ii": _nsga_ii,
    "qmc": _qmc,
    "brute-force": _brute_force,
}
