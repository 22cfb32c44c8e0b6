"""Optuna's samplers by their names in `study.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import optuna
from optuna.samplers import BaseSampler, TPESampler

SamplerFactory = Callable[[int, int], BaseSampler]
PRICED = "priced"  # ours (`tasks.sampling.priced`); it needs more than a seed


def tpe(seed: int, own: int) -> BaseSampler:  # noqa: ARG001
    """Return Optuna's TPE: multivariate, with running trials counted as bad."""
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
    # The sequence belongs to the search; what is not in it is drawn for each proposal.
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
