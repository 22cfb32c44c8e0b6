"""The report of a search: one HTML page that needs no network, such as a mail attachment."""

from __future__ import annotations

import datetime as dt
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from satisfice.domain.audits.audit import RuleAudit
from satisfice.domain.audits.savings import Avoided
from satisfice.domain.decisions.calibration import CAVEAT, verdicts
from satisfice.domain.economics.text import HOURS, STEPS, duration, money
from satisfice.domain.rules.rule import Rule
from satisfice.domain.space.space import Space
from satisfice.domain.summary import SearchSummary
from satisfice.domain.trials.feasibility import shortfall, violations
from satisfice.domain.trials.history import History, TrialState
from satisfice.tasks.files.atomic import write_whole

_TEMPLATE = Path(__file__).with_name("report.html")
_FEWEST_FOR_IMPORTANCE = 8  # with fewer trials a ranking of parameters would be a guess


def write_report(summary: SearchSummary, path: Path) -> Path:
    """Write the report page of a search.

    Args:
        summary: The search.
        path: The page; it is replaced atomically.

    Returns:
        The same path.
    """
    write_whole(path, page(summary).encode())
    return path


def page(summary: SearchSummary) -> str:
    """Return the report as one HTML document without external references."""
    from jinja2 import Environment, StrictUndefined

    from satisfice.tasks.reporting import figures, forecast_figures, space_figures

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(cell=cell, breaks=violations)
    template = environment.from_string(_TEMPLATE.read_text())
    ranked = importance(summary.history, summary.study.space)
    states = Counter(one.state for one in summary.history.trials)
    pictured, currency = bool(summary.history.complete), summary.study.prices.currency
    return template.render(
        s=summary,
        started=dt.datetime.fromtimestamp(summary.started, dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        counts={state.value: states[state] for state in TrialState if states[state]},
        leaders=summary.history.ranking(10),
        shortfall=shortfall(summary.history),
        rules=_rules(summary),
        audit_strips=figures.audit_strips(summary),
        steps=STEPS[summary.study.worth.per],
        default=next((one for one in summary.confirmed if one.name == "default"), None),
        optimism=summary.optimism,
        importance=ranked,
        gain_curve=figures.gain_curve(summary) if pictured else "",
        price_line=figures.price_line(summary),
        fan=forecast_figures.fan(summary),
        utility=forecast_figures.utility(summary),
        calibration_plot=forecast_figures.calibration_plot(summary.calibration, currency),
        verdicts=verdicts(summary.calibration, currency) if summary.calibration else [],
        caveat=CAVEAT,
        importance_bars=figures.importance_bars(ranked),
        heat_maps=space_figures.heat_maps(summary),
        parallel=space_figures.parallel_coordinates(summary, list(ranked)),
        quality=_quality(summary),
    )


def importance(history: History, space: Space) -> Mapping[str, float]:
    """Return the share of the metric's variance that each parameter explains, largest first.

    Parameters that are inactive in some trials are left out, as in Optuna's evaluator. Empty if
    there are too few trials.

    Source: Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter
    Importance" (ICML 2014), as Optuna implements it.
    """
    if len(history.complete) < _FEWEST_FOR_IMPORTANCE:
        return {}
    import optuna

    from satisfice.tasks.storage.distributions import distribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {name: distribution(axis) for name, axis in space.axes.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(direction=history.direction.value)
        for one in history.complete:
            place = space.coordinates(one.params)
            study.add_trial(
                optuna.trial.create_trial(
                    params=place,
                    distributions={name: kinds[name] for name in place},
                    value=one.value,
                )
            )
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        try:
            return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
        except (RuntimeError, ValueError):  # the metric never changes
            return {}


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if isinstance(value, bool) or value is None:
        return "-" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)


def _rules(summary: SearchSummary) -> list[tuple[Rule, int, str, RuleAudit | None]]:
    """Return each rule with its rejections, the cost that they saved, and its audit."""
    audits, currency = {one.rule: one for one in summary.rule_audits}, summary.study.prices.currency
    return [
        (
            rule,
            summary.excluded.get(rule.id, 0),
            saved(summary.avoided.get(rule.id), currency),
            audits.get(rule.id),
        )
        for rule in summary.study.rules.rules
    ]


def saved(avoided: Avoided | None, currency: str) -> str:
    """Return the cost that a rule's rejections saved, in words, and how it was estimated."""
    if avoided is None:
        return "-"
    built = avoided.looked_at - avoided.unbuildable
    if avoided.looked_at and not built:
        return f"next to nothing: none of {avoided.looked_at} examined can be built"
    price = money(avoided.seconds * avoided.rate, currency)
    about = duration(avoided.seconds) + ("" if currency == HOURS else f", {price}")
    between = f"{duration(avoided.low)} to {duration(avoided.high)}"
    how = f"forecast from {built}" if built else "from the average trial of this search"
    failing = (
        f"; {avoided.unbuildable} others examined cannot be built" if avoided.unbuildable else ""
    )
    return f"about {about} ({between}; {how}{failing})"


def _quality(summary: SearchSummary) -> list[tuple[str, str]]:
    if summary.quality is None:
        return []
    one = summary.quality
    return [
        ("latency, median", f"{one.latency_ms_p50:.3f} ms"),
        ("latency, 95th percentile", f"{one.latency_ms_p95:.3f} ms"),
        ("energy per 1000 inferences", f"{one.energy_wh_per_1000:.4g} Wh ({one.energy})"),
        ("parameters", cell(one.parameters)),
        ("multiply-accumulates", cell(one.macs)),
        ("size of the weights", f"{one.size_bytes / 1024:.1f} KiB"),
    ]
