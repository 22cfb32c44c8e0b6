"""The domains of parameters as Optuna's distributions."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from satisfice.domain.space.space import (
    Axis,
    Bounded,
    Choice,
    Derived,
    Float,
    Ordinal,
    Params,
    Space,
)


def distributions(space: Space, params: Params) -> dict[str, BaseDistribution]:
    """Return the distribution of each parameter of a configuration, by name.

    Args:
        space: The space.
        params: The active parameters; derived ones have no distribution.
    """
    kinds: dict[str, BaseDistribution] = {}
    for name in params:
        domain = space[name].domain
        if isinstance(domain, Bounded):
            range_ = domain.given(params)
            if range_ is not None:
                kinds[name] = distribution(range_)
        elif isinstance(domain, Ordinal):
            kinds[name] = CategoricalDistribution(domain.values)
        elif not isinstance(domain, Derived):
            kinds[name] = distribution(domain)
    return kinds


def distribution(axis: Axis) -> BaseDistribution:
    """Return the distribution of an axis."""
    if isinstance(axis, Choice):
        return CategoricalDistribution(axis.choices)
    if isinstance(axis, Float):
        return FloatDistribution(axis.low, axis.at(1.0), log=axis.log, step=axis.step)
    last = axis.high - (axis.high - axis.low) % axis.step
    return IntDistribution(axis.low, last, log=axis.log, step=axis.step)
